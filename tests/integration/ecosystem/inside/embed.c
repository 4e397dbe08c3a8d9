/* A program with Python in it: runs the script that it is given, then the script's function from threads that Python
   did not make, and ends the interpreter; all of it ROUNDS times.

       embed ROUNDS SCRIPT

   It says nothing of where Python is: no PYTHONHOME, no PyConfig.home. */

#include <Python.h>
#include <pthread.h>
#include <stdio.h>

#define THREADS 4

static void *from_outside(void *failures) {
    PyGILState_STATE state = PyGILState_Ensure();
    if (PyRun_SimpleString("from_thread()") != 0)
        __atomic_add_fetch((int *)failures, 1, __ATOMIC_SEQ_CST);
    PyGILState_Release(state);
    return NULL;
}

static int once(const char *path) {
    pthread_t threads[THREADS];
    int failures = 0;
    FILE *script = fopen(path, "r");

    if (script == NULL) {
        perror(path);
        return 1;
    }
    Py_Initialize();
    if (PyRun_SimpleFile(script, path) != 0)
        failures = 1;
    fclose(script);
    Py_BEGIN_ALLOW_THREADS
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, from_outside, &failures);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    Py_END_ALLOW_THREADS
    if (failures == 0 && PyRun_SimpleString("finish()") != 0)
        failures = 1;
    return Py_FinalizeEx() != 0 || failures != 0;
}

int main(int argc, char **argv) {
    int failed = 0;

    if (argc != 3) {
        fprintf(stderr, "usage: embed ROUNDS SCRIPT\n");
        return 2;
    }
    for (int round = atoi(argv[1]); round > 0 && !failed; round--)
        failed = once(argv[2]);
    return failed;
}
