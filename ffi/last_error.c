/* Why the last call of this thread failed. Each thread has its own text; it goes with the thread. */
#include "internal.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

static void make_key(void)
{
    has_key = pthread_key_create(&key, free) == 0;
}

static void keep(char *text)
{
    pthread_once(&once, make_key);
    if (!has_key) {
        free(text);
        return;
    }
    char *before = pthread_getspecific(key);
    if (before == NULL && text == NULL)
        return;
    if (pthread_setspecific(key, text) != 0) {
        free(text);
        return;
    }
    free(before);
}

void altlas_clear_error(void)
{
    keep(NULL);
}

void altlas_set_error(const char *text, size_t length)
{
    char *copy = malloc(length + 1);
    if (copy != NULL) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    keep(copy);
}

void altlas_explain(const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = length < 0 ? NULL : malloc((size_t)length + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    keep(text);
}

const char *altlas_last_error(void)
{
    pthread_once(&once, make_key);
    return has_key ? pthread_getspecific(key) : NULL;
}
