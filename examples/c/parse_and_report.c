/*
 * Check an ALT file, add the results of its tasks, write the bundle, read the LAST file.
 *
 *   parse_and_report [OUTPUT_DIR]
 */
#include <altlas_runner.h>

#include <stdio.h>
#include <stdlib.h>

static const char flow[] =
    "{\"id\": \"flow\", \"title\": \"Two tasks\", \"tasks\": ["
    "  {\"id\": \"fetch\", \"description\": \"Fetch the page\"},"
    "  {\"id\": \"sum\", \"description\": \"Sum it up\", \"dependencies\": [\"fetch\"]}]}";

static const char broken[] =
    "{\"id\": \"broken\", \"title\": \"A mistake\", \"tasks\": ["
    "  {\"id\": \"fetch\", \"description\": \"Fetch the page\"},"
    "  {\"id\": \"sum\", \"description\": \"Sum it up\", \"dependencies\": [\"fecth\"]}]}";

static void die(const char *what)
{
    char *reason = runner_get_last_error();
    fprintf(stderr, "%s: %s\n", what, reason);
    runner_free_string(reason);
    exit(1);
}

int main(int argc, char **argv)
{
    const char *output_dir = argc > 1 ? argv[1] : "output";
    char *text;

    if (!runner_init())
        die("runner_init");
    text = runner_get_version();
    if (text == NULL)
        die("runner_get_version");
    printf("library   %s\n", text);
    runner_free_string(text);

    /* What is wrong with a file: every problem, with its place and a way to mend it. */
    text = runner_validate_alt_file(broken);
    if (text == NULL)
        die("runner_validate_alt_file");
    printf("problems  %s\n", text);
    runner_free_string(text);

    if (!runner_parse_alt_file(flow))
        die("runner_parse_alt_file");
    if (!runner_add_task_result("flow", "{\"task_id\": \"fetch\", \"status\": \"completed\", \"output\": {\"bytes\": 512}}"))
        die("runner_add_task_result");
    if (!runner_add_task_result("flow", "{\"task_id\": \"sum\", \"status\": \"failed\", \"error\": \"no ink\"}"))
        die("runner_add_task_result");

    char *last_id = runner_generate_last_file("flow", output_dir);
    if (last_id == NULL)
        die("runner_generate_last_file");
    text = runner_get_last_file_json(last_id);
    if (text == NULL)
        die("runner_get_last_file_json");
    printf("result    %s\n", text);
    printf("report    %s/%s/report.html\n", output_dir, last_id);
    runner_free_string(text);
    runner_free_string(last_id);

    if (!runner_cleanup())
        die("runner_cleanup");
    printf("%lu strings left\n", (unsigned long)runner_live_strings());
    return 0;
}
