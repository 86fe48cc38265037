/*
 * Run an ALT file against an AI service and follow it; end the run after a number of finished tasks, if one is given.
 *
 *   run_with_progress FILE BASE_URL [OUTPUT_DIR [FINISHED_TASKS]]
 */
#include <altlas_runner.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct watch {
    long finished;
    long enough; /* 0 is never */
};

static void die(const char *what)
{
    char *reason = runner_get_last_error();
    fprintf(stderr, "%s: %s\n", what, reason);
    runner_free_string(reason);
    exit(1);
}

/* Called on a thread of the library, one event at a time. */
static int on_event(const char *event_json, void *user_data)
{
    struct watch *watch = (struct watch *)user_data;
    printf("%s\n", event_json);
    if (strstr(event_json, "\"event\":\"task_finished\"") != NULL)
        watch->finished++;
    return watch->enough > 0 && watch->finished >= watch->enough; /* not 0: cancel the run */
}

static char *read_file(const char *path)
{
    FILE *stream = fopen(path, "rb");
    char *content = NULL;
    size_t size = 0;
    if (stream == NULL) {
        perror(path);
        exit(1);
    }
    for (;;) {
        char *larger = (char *)realloc(content, size + 65536 + 1);
        if (larger == NULL) {
            perror(path);
            exit(1);
        }
        content = larger;
        size_t more = fread(content + size, 1, 65536, stream);
        size += more;
        if (more == 0)
            break;
    }
    fclose(stream);
    content[size] = '\0';
    return content;
}

/* A text as JSON writes it, for URLs and names: no control characters. */
static void print_json_text(char *out, size_t size, const char *text)
{
    size_t at = 0;
    for (; *text != '\0' && at + 3 < size; text++) {
        if (*text == '"' || *text == '\\')
            out[at++] = '\\';
        out[at++] = *text;
    }
    out[at] = '\0';
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "use: %s FILE BASE_URL [OUTPUT_DIR [FINISHED_TASKS]]\n", argv[0]);
        return 2;
    }
    const char *output_dir = argc > 3 ? argv[3] : "output";
    struct watch watch = {0, argc > 4 ? atol(argv[4]) : 0};
    char url[512];
    char options[1024];
    print_json_text(url, sizeof url, argv[2]);
    snprintf(options, sizeof options, "{\"ai_service\": {\"base_url\": \"%s\", \"max_retries\": 1}, \"max_concurrency\": 2}",
             url);

    if (!runner_init())
        die("runner_init");
    char *json = read_file(argv[1]);
    if (!runner_parse_alt_file(json))
        die(argv[1]);
    free(json);

    /* The id under which the file was kept is its own; this example's files are called "flow". */
    char *last_id = runner_execute_alt_file_with_progress("flow", options, output_dir, on_event, &watch);
    if (last_id == NULL)
        die("runner_execute_alt_file_with_progress");
    printf("%ld tasks finished, bundle %s/%s\n", watch.finished, output_dir, last_id);
    runner_free_string(last_id);
    runner_cleanup();
    return 0;
}
