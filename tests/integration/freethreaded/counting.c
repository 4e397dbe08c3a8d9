/* An extension module that says it can do without the GIL, and counts from many threads at once. */
#include <Python.h>

#ifndef Py_GIL_DISABLED
#error "the headers are those of a Python that has the GIL"
#endif

static int counted;

static PyObject *count(PyObject *module, PyObject *unused) {
    for (int step = 0; step < 1000; step++)
        __atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST);
    return PyLong_FromLong(__atomic_load_n(&counted, __ATOMIC_SEQ_CST));
}

static PyMethodDef methods[] = {{"count", count, METH_NOARGS, "One thousand more."}, {NULL, NULL, 0, NULL}};
static PyModuleDef_Slot slots[] = {{Py_mod_gil, Py_MOD_GIL_NOT_USED}, {0, NULL}};
static PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "counting", .m_methods = methods, .m_slots = slots,
};

PyMODINIT_FUNC PyInit_counting(void) { return PyModuleDef_Init(&module); }
