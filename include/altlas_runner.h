/*
 * altlas_runner: runs AI task files. The C interface of libaltlas_runner.so.
 *
 * An ALT file (JSON: tasks with dependencies) goes in, a LAST file (JSON: the result of every task, in a bundle on
 * disk) comes out. This header is the authority: the library is built from it. examples/c/ shows it in use,
 * docs/c-library.md how to build and link.
 *
 * Results     int: 1 is success, 0 is failure. char *: NULL is failure. After a failure runner_get_last_error() of the
 *             same thread says why. Every function but runner_get_last_error, runner_free_string, runner_live_strings
 *             and runner_version_number clears that text when it is entered.
 * Texts in    NUL-terminated UTF-8, shorter than 256 MiB, only read, and only during the call. NULL is an error unless
 *             the function says otherwise. Names of directories are UTF-8 too.
 * Texts out   Every returned char * belongs to the caller, stays valid until it is freed (also after
 *             runner_cleanup), and is freed with runner_free_string(), never with free().
 * Threads     Every function may be called from any thread at any time. Calls run side by side where they wait; the
 *             library is one Python interpreter, so they share one CPU while they compute. ALT files, results and LAST
 *             files are shared by all threads; the last error is each thread's own.
 * Processes   After fork() the child cannot use the library: its functions fail and say so; call exec. Fork before
 *             runner_init(), or host the library in Python, where os.fork() works.
 * Signals     No handler of the program is changed, and none is added: Ctrl-C does what it did before. A write to a
 *             closed socket inside the library raises no SIGPIPE.
 * Output      The library writes nothing to stdout or stderr; what handlers print comes out before a run returns.
 * Environment RUNNER_* variables give the defaults that the README lists. Python sees the environment as it was when
 *             runner_init() started it. PYTHONHOME and PYTHONPATH have no effect.
 * ABI         Within one major version of the library (the number behind .so) functions are only added, never changed
 *             or taken away, and objects in JSON only gain fields. The version of the package counts apart from it.
 */
#ifndef ALTLAS_RUNNER_H
#define ALTLAS_RUNNER_H

#include <stddef.h>

#define RUNNER_VERSION "0.1.0"
#define RUNNER_VERSION_MAJOR 0
#define RUNNER_VERSION_MINOR 1
#define RUNNER_VERSION_PATCH 0

/* Of this header: major * 1,000,000 + minor * 1,000 + patch. Of the library: runner_version_number(). */
#define RUNNER_VERSION_NUMBER (RUNNER_VERSION_MAJOR * 1000000 + RUNNER_VERSION_MINOR * 1000 + RUNNER_VERSION_PATCH)

#if defined(__GNUC__)
#define RUNNER_API __attribute__((visibility("default")))
#else
#define RUNNER_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Told what happens in a run. event_json is one object with "event" and "at" (docs/progress.md lists the events); it is
 * valid only during the call. user_data is what was given with the callback. Returning anything but 0 cancels the run;
 * its remaining events are still told.
 *
 * Called on a thread of the library, in order, never two calls at one time for one run, and never after the function
 * that runs the file has returned. The run does not wait for it, but that function does. It may call any function here;
 * it must return: no longjmp, no C++ exception.
 */
typedef int (*runner_progress_callback)(const char *event_json, void *user_data);

/*
 * Makes one attempt at a task. attempt_json is valid only during the call:
 *   {"task": {"id", "description", "parameters", ...} with references resolved, "number": 1, "run": {"run_id", "mode",
 *    "persona", "metadata"}, "context": {outputs of the direct dependencies by task id}, "previous": [earlier attempts],
 *    "idempotency_key": "...", "deadline_seconds": seconds left for the task, or null}
 * It returns an outcome as JSON, which stays valid until runner_task_free is called with it:
 *   {"ok": true, "output": any JSON, "usage": {"input_tokens", "output_tokens", "cost"}, "artifacts": [...]}
 *   {"ok": false, "error_code": "...", "error": "...", "retry": "no", "once" or "yes", "retry_after": seconds}
 * All fields but "ok" may be missing. NULL, or anything else, fails the task without another attempt.
 *
 * Called on threads of the library, at most "max_concurrency" calls at one time; never after the function that runs the
 * file has returned. A call cannot be stopped: that function waits for it, also after a deadline or a cancellation.
 */
typedef char *(*runner_task_callback)(const char *attempt_json, void *user_data);

/* Frees an outcome that the runner_task_callback returned, on the same thread, once for every call that gave one. */
typedef void (*runner_task_free)(char *outcome, void *user_data);

/*
 * Starts the library: once for the process, from any thread, before anything else but the functions on versions, errors
 * and strings. Calls are not counted. A later call forgets all ALT files, results and LAST files, as runner_cleanup()
 * does, and is ready again.
 *
 * Where Python runs in this process it is used, and must be of the version that the library was built with. Otherwise
 * an interpreter is looked for: the one that the variable ALTLAS_RUNNER_PYTHON names (nothing else is tried then), the
 * bin/pythonX.Y of the environment that the library lies in, the one that the file libaltlas_runner.python beside the
 * library names, the one that the library was built with.
 *
 * Returns 1, or 0: no interpreter, another version, or a package is missing. It may be called again after that. The
 * interpreter stays until the process ends.
 */
RUNNER_API int runner_init(void);

/*
 * The reason of this thread's last failure, or "No error". Works before runner_init() too.
 *
 * Returns a text that the caller frees; never NULL.
 */
RUNNER_API char *runner_get_last_error(void);

/*
 * Frees a text that the library returned. NULL, a pointer that the library did not return, and one that was freed
 * before are left alone. (A freed address can be given out again; freeing it a second time then frees the new text.)
 */
RUNNER_API void runner_free_string(char *text);

/*
 * Reads and checks an ALT file and keeps it under its id. One of the same id is replaced; results that were added for
 * it stay.
 *
 * json: the document, as text. Returns 1, or 0: the error text names the first ten problems with code and place;
 * runner_validate_alt_file() gives all of them.
 */
RUNNER_API int runner_parse_alt_file(const char *json);

/*
 * Adds the result of a task, for runner_generate_last_file(). A second result of one task replaces the first. The ALT
 * file may be parsed before or after.
 *
 * alt_id: the id of the ALT file. json: an object with "task_id" and "status" (completed, failed, timeout, cancelled,
 * skipped), and what else a result has: "output", "error", "error_code", "started_at", ... Returns 1 or 0.
 */
RUNNER_API int runner_add_task_result(const char *alt_id, const char *json);

/*
 * Makes the LAST file of an ALT file and the results that were added, and writes its bundle <output_dir>/<last id>/.
 * Runs nothing.
 *
 * output_dir: made when it is missing. Returns the last id, which the caller frees, or NULL: there is no such ALT file,
 * or the bundle cannot be written.
 */
RUNNER_API char *runner_generate_last_file(const char *alt_id, const char *output_dir);

/*
 * A LAST file that was made since runner_init(), as JSON.
 *
 * Returns a text that the caller frees, or NULL: there is none of this id.
 */
RUNNER_API char *runner_get_last_file_json(const char *last_id);

/*
 * As runner_generate_last_file(), for several ALT files.
 *
 * alt_ids_json: an array of ids. Returns a JSON object, which the caller frees: for each id the last id, or a text that
 * begins with "ERROR: ". NULL, and nothing written: one of the ids is unknown.
 */
RUNNER_API char *runner_batch_process(const char *alt_ids_json, const char *output_dir);

/*
 * Forgets all ALT files, results and LAST files; runs that are going on go on. Everything fails then until
 * runner_init() is called again. Without a runner_init() before, it does nothing.
 *
 * Returns 1, or 0 in the child of a fork.
 */
RUNNER_API int runner_cleanup(void);

/*
 * The library as JSON: "version", "name", "authors", "description". Works before runner_init() too.
 *
 * Returns a text that the caller frees; NULL when there is no memory.
 */
RUNNER_API char *runner_get_version(void);

/*
 * Everything that is wrong or doubtful in an ALT file, in order; nothing is kept.
 *
 * json: the document, as text. Returns a JSON array, which the caller frees: empty when the file is fine, else objects
 * with "code", "severity" (error, warning), "message", "path", "line", "column", "task_id", "help", "related", "part".
 */
RUNNER_API char *runner_validate_alt_file(const char *json);

/*
 * Runs the tasks of an ALT file against an AI service and writes the bundle <output_dir>/<last id>/. Returns when the
 * run has ended. Tasks that fail do not make it fail: the LAST file says how each one ended.
 *
 * options_json: an object, or NULL for none; docs/c-library.md lists the options: "ai_service" (base_url, api_key,
 * model, ...), "max_concurrency", "inputs", "seed", "only", "from", "until", "generate_graphs", ... An unknown option
 * is an error. Returns the last id, which the caller frees, or NULL: there is no such ALT file, an option does not fit,
 * or the bundle cannot be written; no task was run then, except when the disk refuses at the end.
 */
RUNNER_API char *runner_execute_alt_file(const char *alt_id, const char *options_json, const char *output_dir);

/* As runner_execute_alt_file(), and tells on_event (not NULL) everything that happens. user_data may be NULL. */
RUNNER_API char *runner_execute_alt_file_with_progress(const char *alt_id, const char *options_json,
                                                       const char *output_dir, runner_progress_callback on_event,
                                                       void *user_data);

/*
 * As runner_execute_alt_file(), with the calling program in place of the AI service: execute (not NULL) makes the
 * attempts. Order, concurrency, retries, deadlines and the LAST file are the library's.
 *
 * free_outcome: NULL when outcomes need no freeing. user_data may be NULL; it is given to both.
 */
RUNNER_API char *runner_execute_alt_file_with_executor(const char *alt_id, const char *options_json,
                                                       const char *output_dir, runner_task_callback execute,
                                                       runner_task_free free_outcome, void *user_data);

/* How many returned texts have not been freed, in the whole process. For finding leaks. Works before runner_init(). */
RUNNER_API size_t runner_live_strings(void);

/* The RUNNER_VERSION_NUMBER that the library was built with. Works before runner_init(). */
RUNNER_API int runner_version_number(void);

#ifdef __cplusplus
}
#endif

#endif
