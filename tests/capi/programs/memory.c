/*
 * The same work again and again must need no more memory: memory ITERATIONS OUTPUT_DIR.
 * Prints by how many KiB the process grew meanwhile, and how many strings are left. The rounds before that are not
 * counted: modules are loaded and threads begun, and the allocators fill their pools.
 */
#include "check.h"

#include <unistd.h>

#define FLOW "{\"id\": \"flow\", \"title\": \"T\", \"tasks\": [{\"id\": \"a\", \"description\": \"d\"}]}"
#define RESULT "{\"task_id\": \"a\", \"status\": \"completed\", \"output\": {\"text\": \"done\"}}"

#define FIRST_ROUNDS 5000

static long resident_kib(void)
{
    long pages = 0, resident = 0;
    FILE *stream = fopen("/proc/self/statm", "r");
    if (stream == NULL || fscanf(stream, "%ld %ld", &pages, &resident) != 2)
        exit(3);
    fclose(stream);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static char *execute(const char *attempt_json, void *user_data)
{
    (void)attempt_json;
    return (char *)user_data;
}

static int on_event(const char *event_json, void *user_data)
{
    (void)event_json;
    (void)user_data;
    return 0;
}

int main(int argc, char **argv)
{
    long iterations = argc > 1 ? atol(argv[1]) : 5000;
    const char *out = argc > 2 ? argv[2] : "output";
    static char outcome[] = "{\"ok\": true, \"output\": 1}";
    const char *quick = "{\"generate_graphs\": false, \"ai_service\": {\"base_url\": \"http://127.0.0.1:9\", \"max_retries\": 0}}";
    long before = 0;
    for (long i = 0; i < FIRST_ROUNDS + iterations; i++) {
        if (i == FIRST_ROUNDS)
            before = resident_kib();
        if (i % 100 == 0)
            WORKS(runner_init());
        WORKS(runner_parse_alt_file(FLOW));
        WORKS(runner_add_task_result("flow", RESULT));
        GIVES(runner_validate_alt_file("{\"id\": \"x\", \"tasks\": 1}"));
        REFUSED(runner_parse_alt_file("{\"id\": 1}"), "ALT303");
        NOTHING(runner_get_last_file_json("nobody"), "nobody");
        GIVES(runner_get_version());
        if (i % 500 == 0) {
            GIVES(runner_generate_last_file("flow", out));
            GIVES(runner_execute_alt_file_with_executor("flow", quick, out, execute, NULL, outcome));
            GIVES(runner_execute_alt_file_with_progress("flow", quick, out, on_event, NULL));
        }
        if (i % 100 == 99)
            WORKS(runner_cleanup());
    }
    printf("%d calls, %d wrong, %lu strings left, grew %ld KiB\n", calls, wrong, (unsigned long)runner_live_strings(),
           resident_kib() - before);
    return wrong != 0 || runner_live_strings() != 0;
}
