/* A program with Python inside: the interpreter, its extension modules and their libraries are linked in, and the
   standard library is a zip file beside the program. Nothing else of Python is looked for, whatever the machine has. */

#include <Python.h>
#include <libgen.h>
#include <limits.h>
#include <unistd.h>

static void fail(PyStatus status, PyConfig *config)
{
    PyConfig_Clear(config);
    Py_ExitStatusException(status);
}

int main(int argc, char **argv)
{
    char path[PATH_MAX], zip[PATH_MAX + sizeof "/app.zip"];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0) {
        perror("/proc/self/exe");
        return 1;
    }
    path[length] = '\0';
    snprintf(zip, sizeof zip, "%s/app.zip", dirname(path));

    PyPreConfig texts;
    PyPreConfig_InitIsolatedConfig(&texts);
    texts.utf8_mode = 1; /* whatever the locale */
    PyStatus status = Py_PreInitialize(&texts);
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    if (PyStatus_Exception(status)) {
        fail(status, &config);
    }
    config.parse_argv = 1; /* such as -c CODE, -m MODULE, FILE; leave it out for a program with a fixed purpose */
    status = PyConfig_SetBytesArgv(&config, argc, argv);
    if (PyStatus_Exception(status)) {
        fail(status, &config);
    }
    /* With these set, the frozen getpath has nothing to search for. */
    wchar_t *place = Py_DecodeLocale(zip, NULL);
    if (place == NULL) {
        fail(PyStatus_NoMemory(), &config);
    }
    config.module_search_paths_set = 1;
    status = PyWideStringList_Append(&config.module_search_paths, place);
    wchar_t **prefixes[] = {&config.prefix, &config.base_prefix, &config.exec_prefix, &config.base_exec_prefix};
    for (size_t i = 0; !PyStatus_Exception(status) && i < sizeof prefixes / sizeof *prefixes; i++) {
        status = PyConfig_SetString(&config, prefixes[i], place);
    }
    PyMem_RawFree(place);
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    if (PyStatus_Exception(status)) {
        fail(status, &config);
    }
    PyConfig_Clear(&config);
    return Py_RunMain();
}
