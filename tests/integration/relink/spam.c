/* An extension module of a user's own, in two files. */
#include <Python.h>

double ham_root(double number);

static PyObject *root(PyObject *module, PyObject *argument)
{
    double number = PyFloat_AsDouble(argument);
    return number == -1.0 && PyErr_Occurred() ? NULL : PyFloat_FromDouble(ham_root(number));
}

static PyMethodDef functions[] = {{"root", root, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "spam", .m_methods = functions};

PyMODINIT_FUNC PyInit_spam(void)
{
    return PyModuleDef_Init(&definition);
}
