/*
 * One Python in this process: the one that runs already, or one that is started here without touching its host.
 *
 * cffi would start Python by itself, with Py_InitializeEx. That ends the process when the environment is strange, takes
 * the standard library from PATH, and prints to stderr when the package is missing. So Python is started here, the
 * package is tried first, and cffi finds everything as it needs it.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "internal.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

static bool ours;

/* Import what the library needs. Says what is missing, and where was looked, instead of printing it. */
static const char probe[] =
    "def probe(wanted, python):\n"
    "    import importlib, sys\n"
    "    importlib.invalidate_caches()\n"
    "    try:\n"
    "        import _cffi_backend\n"
    "        from altlas_runner import __file__, __version__\n"
    "        import altlas_runner.capi\n"
    "    except BaseException as error:\n"
    "        problem = f'{python} cannot load the package: {type(error).__name__}: {error}\\n'\n"
    "        if isinstance(error, ModuleNotFoundError):\n"
    "            problem += \"install it there: pip install 'altlas-runner[ffi]'\\n\"\n"
    "        problem += f'sys.path: {sys.path}'\n"
    "    else:\n"
    "        if __version__ == wanted:\n"
    "            return None\n"
    "        problem = (f'this library is of altlas_runner {wanted}, but {python} has {__version__} ({__file__}); '\n"
    "                   f'build it anew: {python} -m altlas_runner.ffi --build')\n"
    "    return problem.encode('utf-8', 'replace')\n";

/* Importing signal makes Ctrl-C Python's, even where Python was told to install no handlers. */
static const char let_ctrl_c_be[] =
    "import signal\n"
    "if signal.getsignal(signal.SIGINT) is signal.default_int_handler:\n"
    "    signal.signal(signal.SIGINT, signal.SIG_DFL)\n";

bool altlas_python_is_ours(void)
{
    return ours;
}

/* Extension modules expect the symbols of Python to be global; a host may have opened us with RTLD_LOCAL. */
static void make_python_global(void)
{
    Dl_info python;
    if (dladdr((void *)(size_t)Py_IsInitialized, &python) != 0)
        dlopen(python.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
}

static PyStatus configure(PyConfig *config, const char *python)
{
    config->install_signal_handlers = 0;
    config->pathconfig_warnings = 0;
    PyStatus status = PyConfig_SetBytesString(config, &config->executable, python);
    if (!PyStatus_Exception(status))
        status = PyConfig_SetBytesString(config, &config->program_name, python);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(config);
    return status;
}

/* Start Python as the interpreter at this path would be; the caller then holds the GIL. */
static bool initialize(const char *python)
{
    struct sigaction before;
    sigaction(SIGINT, NULL, &before);
    make_python_global();

    PyPreConfig first;
    PyPreConfig_InitIsolatedConfig(&first);
    first.utf8_mode = 1; /* texts and paths are UTF-8 whatever the locale of the host says */
    PyStatus status = Py_PreInitialize(&first);
    if (!PyStatus_Exception(status)) {
        PyConfig config;
        PyConfig_InitIsolatedConfig(&config);
        status = configure(&config, python);
        PyConfig_Clear(&config);
    }
    if (PyStatus_Exception(status)) {
        altlas_explain("Python could not be started with %s: %s", python,
                       status.err_msg ? status.err_msg : "it wanted to exit");
        return false;
    }
    ours = true;
    PyRun_SimpleString(let_ctrl_c_be);
    sigaction(SIGINT, &before, NULL);
    return true;
}

/* Whether the package can be used; the caller holds the GIL. */
static bool package_is_there(const char *python)
{
    PyObject *names = PyDict_New();
    PyObject *ran = NULL, *problem = NULL;
    if (names != NULL && PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()) == 0)
        ran = PyRun_String(probe, Py_file_input, names, names);
    if (ran != NULL)
        problem = PyObject_CallFunction(PyDict_GetItemString(names, "probe"), "ss", ALTLAS_VERSION, python);
    bool there = problem == Py_None;
    if (!there) {
        const char *text = problem != NULL ? PyBytes_AsString(problem) : NULL;
        altlas_explain("%s", text != NULL ? text : "there is no memory to look for the package altlas_runner");
        PyErr_Clear();
    }
    Py_XDECREF(problem);
    Py_XDECREF(ran);
    Py_XDECREF(names);
    return there;
}

/*
 * cffi takes a field of the type of capsules for its lock, as nobody looks up attributes of capsules; where somebody
 * did, the field is in use, and cffi would abort or wait for ever. Python fills the field again when it needs it. The
 * caller holds the GIL.
 */
static void free_the_lock_of_cffi(void)
{
    PyType_Modified(&PyCapsule_Type);
}

bool altlas_start_python(void)
{
    static char python[PATH_MAX] = "the Python of this process";
    if (Py_IsInitialized()) {
        const char *version = Py_GetVersion();
        size_t length = strlen(ALTLAS_PYTHON_VERSION);
        if (strncmp(version, ALTLAS_PYTHON_VERSION, length) != 0 || version[length] != '.') {
            altlas_explain("this process runs Python %.20s, but the library was built for Python %s; build it with "
                           "that one: python -m altlas_runner.ffi --build",
                           version, ALTLAS_PYTHON_VERSION);
            return false;
        }
        PyGILState_STATE state = PyGILState_Ensure();
        bool there = package_is_there(python);
        free_the_lock_of_cffi();
        PyGILState_Release(state);
        return there;
    }
    if (!altlas_find_python(python, sizeof python) || !initialize(python))
        return false;
    bool there = package_is_there(python);
    free_the_lock_of_cffi();
    PyEval_SaveThread(); /* from now on any thread may enter Python */
    return there;
}
