/*
 * The exported functions. Each one clears the last error, refuses what cannot be used, and calls the Python function of
 * the same name (py_runner_…, in altlas_runner/capi/), which cffi declares before this text.
 */
#include "altlas_runner.h"
#include "internal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define LONGEST_TEXT ((size_t)256 << 20)

static pthread_mutex_t lifecycle = PTHREAD_MUTEX_INITIALIZER;
static bool started;          /* Python and cffi are ready; never taken back */
static atomic_bool ready;     /* between runner_init and runner_cleanup */
static atomic_bool is_orphan; /* the child of a fork: the threads that held the GIL and our locks are not here */

/* ---- fork ---- */

static void after_fork_in_child(void)
{
    altlas_unlock_strings();
    pthread_mutex_init(&lifecycle, NULL);
    if (altlas_python_is_ours())
        atomic_store(&is_orphan, true);
}

static void watch_forks(void)
{
    pthread_atfork(altlas_lock_strings, altlas_unlock_strings, after_fork_in_child);
}

/* ---- entering ---- */

static bool may_live(void)
{
    altlas_clear_error();
    if (atomic_load(&is_orphan)) {
        altlas_explain("this process was made by fork() after runner_init(), and Python does not survive that; "
                       "call exec in it, or fork before runner_init()");
        return false;
    }
    return true;
}

static bool may_enter(void)
{
    if (!may_live())
        return false;
    if (!atomic_load(&ready)) {
        altlas_explain("the library is not ready: call runner_init() first, and not after runner_cleanup()");
        return false;
    }
    return true;
}

static bool is_text(const char *name, const char *text)
{
    if (text == NULL) {
        altlas_explain("%s is NULL", name);
        return false;
    }
    if (strnlen(text, LONGEST_TEXT) == LONGEST_TEXT) {
        altlas_explain("%s has 256 MiB or more; texts must be shorter", name);
        return false;
    }
    return true;
}

static bool is_function(const char *name, bool given)
{
    if (!given)
        altlas_explain("%s is NULL", name);
    return given;
}

/* ---- signals: SIGPIPE is blocked while Python may write to a socket, and one that came meanwhile is taken away ---- */

typedef struct {
    sigset_t mask;
    bool was_pending;
} held_sigpipe;

static _Thread_local bool interrupted; /* Ctrl-C of a Python host ended the call; the host is to hear of it too */

static void altlas_pass_interrupt_on(void)
{
    interrupted = true;
}

static sigset_t only_sigpipe(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
}

static bool is_sigpipe_pending(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static held_sigpipe hold_sigpipe(void)
{
    held_sigpipe held = {.was_pending = is_sigpipe_pending()};
    sigset_t set = only_sigpipe();
    pthread_sigmask(SIG_BLOCK, &set, &held.mask);
    return held;
}

static void let_sigpipe_go(held_sigpipe held)
{
    sigset_t set = only_sigpipe();
    const struct timespec at_once = {0, 0};
    if (!held.was_pending && is_sigpipe_pending())
        while (sigtimedwait(&set, NULL, &at_once) == -1 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &held.mask, NULL);
    if (interrupted) {
        interrupted = false;
        PyErr_SetInterrupt();
    }
}

/* ---- from the start to the end ---- */

int runner_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (!may_live())
        return 0;
    pthread_once(&once, watch_forks);
    /* A host that holds the GIL here (ctypes.PyDLL) must let go of it: another thread may need it to leave the lock. */
    PyThreadState *held = Py_IsInitialized() && PyGILState_Check() ? PyEval_SaveThread() : NULL;
    pthread_mutex_lock(&lifecycle);
    if (!started && altlas_start_python()) {
        started = cffi_start_python() == 0;
        if (!started)
            altlas_explain("cffi could not load the library's Python side");
    }
    if (started)
        atomic_store(&ready, py_runner_init() == 1);
    int done = started && atomic_load(&ready);
    pthread_mutex_unlock(&lifecycle);
    if (held != NULL)
        PyEval_RestoreThread(held);
    return done;
}

int runner_cleanup(void)
{
    if (!may_live())
        return 0;
    PyThreadState *held = Py_IsInitialized() && PyGILState_Check() ? PyEval_SaveThread() : NULL;
    pthread_mutex_lock(&lifecycle);
    int done = 1;
    if (atomic_exchange(&ready, false))
        done = py_runner_cleanup();
    pthread_mutex_unlock(&lifecycle);
    if (held != NULL)
        PyEval_RestoreThread(held);
    return done;
}

/* ---- texts and versions: without Python ---- */

char *runner_get_last_error(void)
{
    static char no_memory[] = "there is no memory for the error text"; /* freeing it does nothing, as it is not ours */
    const char *text = altlas_last_error();
    if (text == NULL)
        text = "No error";
    char *copy = altlas_new_string(text, strlen(text));
    return copy != NULL ? copy : no_memory;
}

void runner_free_string(char *text)
{
    altlas_free_string(text);
}

size_t runner_live_strings(void)
{
    return altlas_live_strings();
}

int runner_version_number(void)
{
    return RUNNER_VERSION_NUMBER;
}

char *runner_get_version(void)
{
    static const char version[] = ALTLAS_VERSION_JSON;
    altlas_clear_error();
    char *copy = altlas_new_string(version, sizeof version - 1);
    if (copy == NULL)
        altlas_explain("there is no memory");
    return copy;
}

/* ---- ALT files and LAST files ---- */

int runner_parse_alt_file(const char *json)
{
    return may_enter() && is_text("json", json) && py_runner_parse_alt_file(json);
}

char *runner_validate_alt_file(const char *json)
{
    return may_enter() && is_text("json", json) ? py_runner_validate_alt_file(json) : NULL;
}

int runner_add_task_result(const char *alt_id, const char *json)
{
    return may_enter() && is_text("alt_id", alt_id) && is_text("json", json) && py_runner_add_task_result(alt_id, json);
}

char *runner_get_last_file_json(const char *last_id)
{
    return may_enter() && is_text("last_id", last_id) ? py_runner_get_last_file_json(last_id) : NULL;
}

char *runner_generate_last_file(const char *alt_id, const char *output_dir)
{
    if (!may_enter() || !is_text("alt_id", alt_id) || !is_text("output_dir", output_dir))
        return NULL;
    held_sigpipe held = hold_sigpipe();
    char *last_id = py_runner_generate_last_file(alt_id, output_dir);
    let_sigpipe_go(held);
    return last_id;
}

char *runner_batch_process(const char *alt_ids_json, const char *output_dir)
{
    if (!may_enter() || !is_text("alt_ids_json", alt_ids_json) || !is_text("output_dir", output_dir))
        return NULL;
    held_sigpipe held = hold_sigpipe();
    char *last_ids = py_runner_batch_process(alt_ids_json, output_dir);
    let_sigpipe_go(held);
    return last_ids;
}

/* ---- running ---- */

static bool may_execute(const char *alt_id, const char *options_json, const char *output_dir)
{
    return may_enter() && is_text("alt_id", alt_id) &&
           (options_json == NULL || is_text("options_json", options_json)) && is_text("output_dir", output_dir);
}

char *runner_execute_alt_file(const char *alt_id, const char *options_json, const char *output_dir)
{
    if (!may_execute(alt_id, options_json, output_dir))
        return NULL;
    held_sigpipe held = hold_sigpipe();
    char *last_id = py_runner_execute_alt_file(alt_id, options_json, output_dir);
    let_sigpipe_go(held);
    return last_id;
}

char *runner_execute_alt_file_with_progress(const char *alt_id, const char *options_json, const char *output_dir,
                                            runner_progress_callback on_event, void *user_data)
{
    if (!may_execute(alt_id, options_json, output_dir) || !is_function("on_event", on_event != NULL))
        return NULL;
    held_sigpipe held = hold_sigpipe();
    char *last_id =
        py_runner_execute_alt_file_with_progress(alt_id, options_json, output_dir, on_event, user_data);
    let_sigpipe_go(held);
    return last_id;
}

char *runner_execute_alt_file_with_executor(const char *alt_id, const char *options_json, const char *output_dir,
                                            runner_task_callback execute, runner_task_free free_outcome,
                                            void *user_data)
{
    if (!may_execute(alt_id, options_json, output_dir) || !is_function("execute", execute != NULL))
        return NULL;
    held_sigpipe held = hold_sigpipe();
    char *last_id = py_runner_execute_alt_file_with_executor(alt_id, options_json, output_dir, execute,
                                                             free_outcome, user_data);
    let_sigpipe_go(held);
    return last_id;
}
