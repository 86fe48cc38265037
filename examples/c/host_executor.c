/*
 * A C program does the tasks itself. The library decides what runs when, retries, and writes the bundle.
 *
 *   host_executor [OUTPUT_DIR]
 */
#define _POSIX_C_SOURCE 200809L /* strdup */

#include <altlas_runner.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char flow[] =
    "{\"id\": \"flow\", \"title\": \"Done in C\", \"tasks\": ["
    "  {\"id\": \"left\", \"description\": \"go left\"},"
    "  {\"id\": \"right\", \"description\": \"go right\", \"retry_count\": 1},"
    "  {\"id\": \"join\", \"description\": \"join\", \"dependencies\": [\"left\", \"right\"]},"
    "  {\"id\": \"lost\", \"description\": \"get lost\"}]}";

struct host {
    pthread_mutex_t lock;
    int attempts;
    int freed;
};

/* Called on several threads of the library at one time. A real program would read the JSON with its own library. */
static char *execute(const char *attempt_json, void *user_data)
{
    struct host *host = (struct host *)user_data;
    pthread_mutex_lock(&host->lock);
    host->attempts++;
    pthread_mutex_unlock(&host->lock);
    if (strstr(attempt_json, "\"id\":\"lost\"") != NULL)
        return strdup("{\"ok\": false, \"error_code\": \"LOST\", \"error\": \"no way found\"}");
    if (strstr(attempt_json, "\"id\":\"right\"") != NULL && strstr(attempt_json, "\"previous\":[]") != NULL)
        return strdup("{\"ok\": false, \"error_code\": \"BUSY\", \"error\": \"try again\", \"retry\": \"yes\"}");
    return strdup("{\"ok\": true, \"output\": {\"from\": \"C\"}, \"usage\": {\"input_tokens\": 3, \"output_tokens\": 1}}");
}

static void free_outcome(char *outcome, void *user_data)
{
    struct host *host = (struct host *)user_data;
    pthread_mutex_lock(&host->lock);
    host->freed++;
    pthread_mutex_unlock(&host->lock);
    free(outcome);
}

static int fail(const char *what)
{
    char *reason = runner_get_last_error();
    fprintf(stderr, "%s: %s\n", what, reason);
    runner_free_string(reason);
    return 1;
}

int main(int argc, char **argv)
{
    const char *output_dir = argc > 1 ? argv[1] : "output";
    struct host host = {PTHREAD_MUTEX_INITIALIZER, 0, 0};

    if (!runner_init())
        return fail("runner_init");
    if (!runner_parse_alt_file(flow))
        return fail("runner_parse_alt_file");
    char *last_id = runner_execute_alt_file_with_executor("flow", "{\"max_concurrency\": 4}", output_dir, execute,
                                                          free_outcome, &host);
    if (last_id == NULL)
        return fail("runner_execute_alt_file_with_executor");
    char *json = runner_get_last_file_json(last_id);
    if (json == NULL)
        return fail("runner_get_last_file_json");
    printf("%s\n", json);
    printf("%d attempts, %d outcomes freed\n", host.attempts, host.freed);
    runner_free_string(json);
    runner_free_string(last_id);
    return !runner_cleanup();
}
