/* A run in which Python writes to a closed pipe, on this thread and on another: closed_pipe OUTPUT_DIR. */
#include "check.h"

#define TASK(id, type) "{\"id\": \"" id "\", \"description\": \"d\", \"parameters\": {\"task_type\": \"" type "\"}}"
#define FLOW "{\"id\": \"flow\", \"title\": \"T\", \"tasks\": [" TASK("a", "loop") ", " TASK("b", "thread") "]}"

int main(int argc, char **argv)
{
    const char *out = argc > 1 ? argv[1] : "output";
    WORKS(runner_init());
    WORKS(runner_parse_alt_file(FLOW));
    char *last_id = runner_execute_alt_file("flow", "{\"handlers\": [\"closed_pipe:loop\", \"closed_pipe:thread\"]}", out);
    expect(last_id != NULL && error_has(""), "runner_execute_alt_file", __LINE__);
    char *json = last_id != NULL ? runner_get_last_file_json(last_id) : NULL;
    const char *first = json != NULL ? strstr(json, "BrokenPipe") : NULL;
    expect(first != NULL && strstr(first + 1, "BrokenPipe") != NULL, "both tasks met the closed pipe", __LINE__);
    runner_free_string(json);
    runner_free_string(last_id);
    GIVES(runner_get_version());
    if (wrong == 0)
        printf("the library was told, the host lives\n");
    return wrong;
}
