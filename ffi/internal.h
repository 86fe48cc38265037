/* What the parts of libaltlas_runner share. None of it leaves the library. */
#ifndef ALTLAS_RUNNER_INTERNAL_H
#define ALTLAS_RUNNER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

/* live_strings.c: the texts that callers own. */
char *altlas_new_string(const char *text, size_t length);
void altlas_free_string(char *text);
size_t altlas_live_strings(void);
void altlas_lock_strings(void);   /* around fork(), so that no child inherits the lock from another thread */
void altlas_unlock_strings(void); /* the same, afterwards, in both processes */

/* last_error.c: why the last call of this thread failed. */
void altlas_clear_error(void);
void altlas_set_error(const char *text, size_t length);
void altlas_explain(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *altlas_last_error(void);

/* finding.c: where the Python is that has the package. */
bool altlas_find_python(char *python, size_t size);

/* starting.c: one Python in this process. */
bool altlas_start_python(void);
bool altlas_python_is_ours(void);

#endif
