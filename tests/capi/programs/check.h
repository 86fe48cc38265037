/* Counting checks: each line is one call that must end as it says. */
#ifndef CHECK_H
#define CHECK_H

#include <altlas_runner.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int calls;
static int wrong;

/* Whether the last error of this thread holds a text; an empty one means that there is no error. */
static int error_has(const char *text)
{
    char *reason = runner_get_last_error();
    int found = *text == '\0' ? strcmp(reason, "No error") == 0 : strstr(reason, text) != NULL;
    if (!found)
        printf("  its error is: %.300s\n", reason);
    runner_free_string(reason);
    return found;
}

static void expect(int held, const char *call, int line)
{
    calls++;
    if (!held) {
        wrong++;
        printf("line %d: %s\n", line, call);
    }
}

static int freed(char *text)
{
    int given = text != NULL;
    runner_free_string(text);
    return given;
}

#define WORKS(call) expect((call) == 1 && error_has(""), #call, __LINE__)
#define GIVES(call) expect(freed(call) && error_has(""), #call, __LINE__)
#define REFUSED(call, reason) expect((call) == 0 && error_has(reason), #call, __LINE__)
#define NOTHING(call, reason) expect((call) == NULL && error_has(reason), #call, __LINE__)
#define HARMLESS(call) (call, expect(1, #call, __LINE__))

#endif
