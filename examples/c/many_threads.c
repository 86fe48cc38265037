/*
 * Many threads, one library: files, results and bundles are shared, errors are each thread's own.
 *
 *   many_threads [THREADS [CALLS]]
 */
#include <altlas_runner.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_THREADS 64

struct work {
    long number;
    long calls;
    long wrong;
};

/* Whether the reason of this thread's last failure is about what this thread did. */
static int error_names(const char *name)
{
    char *reason = runner_get_last_error();
    int found = strstr(reason, name) != NULL;
    runner_free_string(reason);
    return found;
}

static void *do_work(void *given)
{
    struct work *work = (struct work *)given;
    char id[32], json[128], result[96], unknown[48];
    snprintf(id, sizeof id, "thread-%ld", work->number);
    snprintf(json, sizeof json, "{\"id\": \"%s\", \"title\": \"T\", \"tasks\": [{\"id\": \"a\", \"description\": \"d\"}]}", id);
    for (long call = 0; call < work->calls; call++) {
        switch (call % 5) {
        case 0:
            work->wrong += !runner_parse_alt_file(json);
            break;
        case 1:
            snprintf(result, sizeof result, "{\"task_id\": \"a\", \"status\": \"completed\", \"output\": %ld}", call);
            work->wrong += !runner_add_task_result(id, result);
            break;
        case 2: /* fails, and must name what this thread asked for */
            snprintf(unknown, sizeof unknown, "unknown-%ld-%ld", work->number, call);
            work->wrong += runner_get_last_file_json(unknown) != NULL || !error_names(unknown);
            break;
        case 3: {
            char *problems = runner_validate_alt_file(json);
            work->wrong += problems == NULL || strcmp(problems, "[]") != 0;
            runner_free_string(problems);
            break;
        }
        default:
            work->wrong += runner_parse_alt_file("{") != 0 || !error_names("ALT302");
            break;
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    long threads = argc > 1 ? atol(argv[1]) : 16;
    long calls = argc > 2 ? atol(argv[2]) : 1000;
    pthread_t ids[MOST_THREADS];
    struct work work[MOST_THREADS];
    long wrong = 0;
    if (threads < 1 || threads > MOST_THREADS) {
        fprintf(stderr, "1 to %d threads\n", MOST_THREADS);
        return 2;
    }
    if (!runner_init()) {
        char *reason = runner_get_last_error();
        fprintf(stderr, "runner_init: %s\n", reason);
        runner_free_string(reason);
        return 1;
    }
    for (long number = 0; number < threads; number++) {
        work[number].number = number;
        work[number].calls = calls;
        work[number].wrong = 0;
        if (pthread_create(&ids[number], NULL, do_work, &work[number]) != 0) {
            perror("pthread_create");
            return 1;
        }
    }
    for (long number = 0; number < threads; number++) {
        pthread_join(ids[number], NULL);
        wrong += work[number].wrong;
    }
    printf("%ld calls, %ld wrong, %lu strings left\n", threads * calls, wrong, (unsigned long)runner_live_strings());
    return wrong != 0 || runner_live_strings() != 0 || !runner_cleanup();
}
