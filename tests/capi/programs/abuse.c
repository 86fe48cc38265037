/* Everything that a caller may get wrong: abuse OUTPUT_DIR. Says how many calls there were and how many ended wrongly. */
#include "check.h"

#define FLOW "{\"id\": \"flow\", \"title\": \"T\", \"tasks\": [{\"id\": \"a\", \"description\": \"d\"}]}"
#define NO_RETRY "{\"max_concurrency\": 1}"

static char *filled(size_t length, char with)
{
    char *text = (char *)malloc(length + 1);
    if (text == NULL)
        exit(3);
    memset(text, with, length);
    text[length] = '\0';
    return text;
}

static int go_on(const char *event_json, void *user_data)
{
    (void)event_json;
    (void)user_data;
    return 0;
}

/* Hands out what it is given as user_data: an outcome of any kind. */
static char *answer(const char *attempt_json, void *user_data)
{
    (void)attempt_json;
    return (char *)user_data;
}

static void before_init(const char *out)
{
    REFUSED(runner_parse_alt_file(FLOW), "runner_init");
    REFUSED(runner_add_task_result("flow", "{}"), "runner_init");
    NOTHING(runner_generate_last_file("flow", out), "runner_init");
    NOTHING(runner_get_last_file_json("last"), "runner_init");
    NOTHING(runner_batch_process("[]", out), "runner_init");
    NOTHING(runner_validate_alt_file(FLOW), "runner_init");
    NOTHING(runner_execute_alt_file("flow", NULL, out), "runner_init");
    NOTHING(runner_execute_alt_file_with_progress("flow", NULL, out, go_on, NULL), "runner_init");
    NOTHING(runner_execute_alt_file_with_executor("flow", NULL, out, answer, NULL, NULL), "runner_init");
    REFUSED(runner_parse_alt_file(NULL), "runner_init");
}

static void nothing_given(const char *out)
{
    REFUSED(runner_parse_alt_file(NULL), "json is NULL");
    NOTHING(runner_validate_alt_file(NULL), "json is NULL");
    REFUSED(runner_add_task_result(NULL, "{}"), "alt_id is NULL");
    REFUSED(runner_add_task_result("flow", NULL), "json is NULL");
    REFUSED(runner_add_task_result(NULL, NULL), "alt_id is NULL");
    NOTHING(runner_generate_last_file(NULL, out), "alt_id is NULL");
    NOTHING(runner_generate_last_file("flow", NULL), "output_dir is NULL");
    NOTHING(runner_get_last_file_json(NULL), "last_id is NULL");
    NOTHING(runner_batch_process(NULL, out), "alt_ids_json is NULL");
    NOTHING(runner_batch_process("[]", NULL), "output_dir is NULL");
    NOTHING(runner_execute_alt_file(NULL, NULL, out), "alt_id is NULL");
    NOTHING(runner_execute_alt_file("flow", NULL, NULL), "output_dir is NULL");
    NOTHING(runner_execute_alt_file_with_progress("flow", NULL, out, NULL, NULL), "on_event is NULL");
    NOTHING(runner_execute_alt_file_with_executor("flow", NULL, out, NULL, NULL, NULL), "execute is NULL");
}

static void not_text(const char *out)
{
    REFUSED(runner_parse_alt_file("{\"id\": \"\xff\"}"), "UTF-8");
    REFUSED(runner_parse_alt_file("\xc3"), "UTF-8");
    GIVES(runner_validate_alt_file("\xfe\xff\x80"));
    REFUSED(runner_add_task_result("\x80", "{}"), "alt_id is not UTF-8");
    REFUSED(runner_add_task_result("flow", "{\"task_id\": \"\xff\", \"status\": \"completed\"}"), "no task result");
    NOTHING(runner_generate_last_file("\xed\xa0\x80", out), "alt_id is not UTF-8");
    NOTHING(runner_generate_last_file("flow", "\xff/output"), "output_dir is not UTF-8");
    NOTHING(runner_get_last_file_json("\xff"), "last_id is not UTF-8");
    NOTHING(runner_batch_process("[\"\xff\"]", out), "ALT ids");
    NOTHING(runner_execute_alt_file("flow", "{\"\xff\": 1}", out), "UTF-8");
    REFUSED(runner_parse_alt_file("{\"id\": \"a\\u0000b\", \"title\": \"T\", \"tasks\": []}"), "U+0000");
}

static void not_json(const char *out)
{
    char *deep = filled(100000, '[');
    REFUSED(runner_parse_alt_file(""), "ALT304");
    REFUSED(runner_parse_alt_file("   "), "ALT304");
    REFUSED(runner_parse_alt_file("{"), "ALT302");
    REFUSED(runner_parse_alt_file("null"), "ALT303");
    REFUSED(runner_parse_alt_file("[]"), "ALT303");
    REFUSED(runner_parse_alt_file("{\"id\": 5, \"title\": \"T\", \"tasks\": []}"), "ALT303");
    REFUSED(runner_parse_alt_file("{\"id\": \"\", \"title\": \"T\", \"tasks\": []}"), "ALT001");
    REFUSED(runner_parse_alt_file("{\"id\": \"\\ud800\", \"title\": \"T\", \"tasks\": []}"), "ALT302");
    REFUSED(runner_parse_alt_file(deep), "ALT30");
    GIVES(runner_validate_alt_file(deep));
    REFUSED(runner_add_task_result("flow", deep), "no task result");
    NOTHING(runner_batch_process(deep, out), "ALT ids");
    NOTHING(runner_execute_alt_file("flow", deep, out), "options");
    free(deep);
    REFUSED(runner_add_task_result("flow", ""), "no task result");
    REFUSED(runner_add_task_result("flow", "[]"), "no task result");
    REFUSED(runner_add_task_result("flow", "{\"task_id\": \"a\"}"), "/status");
    REFUSED(runner_add_task_result("flow", "{\"task_id\": 1, \"status\": \"completed\"}"), "/task_id");
    REFUSED(runner_add_task_result("flow", "{\"task_id\": \"a\", \"status\": \"running\"}"), "how a task ended");
    REFUSED(runner_add_task_result("flow", "{\"task_id\": \"a\", \"status\": \"done\"}"), "/status");
    REFUSED(runner_add_task_result("flow", "{\"task_id\": \"a\", \"status\": \"failed\", \"retry_count\": \"1\"}"),
            "/retry_count");
    NOTHING(runner_batch_process("{}", out), "ALT ids");
    NOTHING(runner_batch_process("[1]", out), "ALT ids");
    NOTHING(runner_batch_process("[\"nobody\"]", out), "no ALT file \"nobody\"");
}

static void unusable_options(const char *out)
{
    NOTHING(runner_execute_alt_file("flow", "", out), "options");
    NOTHING(runner_execute_alt_file("flow", "null", out), "must be a JSON object");
    NOTHING(runner_execute_alt_file("flow", "[]", out), "must be a JSON object");
    NOTHING(runner_execute_alt_file("flow", "{\"max_concurency\": 1}", out), "did you mean \"max_concurrency\"?");
    NOTHING(runner_execute_alt_file("flow", "{\"zzz\": 1}", out), "the options are");
    NOTHING(runner_execute_alt_file("flow", "{\"max_concurrency\": 0}", out), "max_concurrency");
    NOTHING(runner_execute_alt_file("flow", "{\"max_concurrency\": \"4\"}", out), "max_concurrency");
    NOTHING(runner_execute_alt_file("flow", "{\"max_concurrency\": true}", out), "max_concurrency");
    NOTHING(runner_execute_alt_file("flow", "{\"seed\": 1.5}", out), "seed");
    NOTHING(runner_execute_alt_file("flow", "{\"inputs\": []}", out), "inputs");
    NOTHING(runner_execute_alt_file("flow", "{\"only\": \"a\"}", out), "only");
    NOTHING(runner_execute_alt_file("flow", "{\"until\": [1]}", out), "until");
    NOTHING(runner_execute_alt_file("flow", "{\"only\": [\"nobody\"]}", out), "nobody");
    NOTHING(runner_execute_alt_file("flow", "{\"ai_service\": 1}", out), "ai_service");
    NOTHING(runner_execute_alt_file("flow", "{\"ai_service\": {\"base_url\": \"ftp://x\"}}", out), "ai_service.base_url");
    NOTHING(runner_execute_alt_file("flow", "{\"ai_service\": {\"api\": 1}}", out), "ai_service.api");
    NOTHING(runner_execute_alt_file("flow", "{\"config_file\": \"/nowhere.toml\"}", out), "/nowhere.toml");
    NOTHING(runner_execute_alt_file("flow", "{\"handlers\": [\"nowhere:nothing\"]}", out), "nowhere");
    NOTHING(runner_execute_alt_file("flow", "{\"generate_graphs\": \"perhaps\"}", out), "generate_graphs");
    NOTHING(runner_execute_alt_file("nobody", NULL, out), "no ALT file \"nobody\"");
}

static void unusable_places(const char *out)
{
    char *long_name = filled(5000, 'x');
    NOTHING(runner_generate_last_file("flow", ""), "output_dir is empty");
    NOTHING(runner_generate_last_file("flow", "/proc/nowhere"), "/proc/nowhere");
    NOTHING(runner_generate_last_file("flow", "/dev/null/output"), "/dev/null");
    NOTHING(runner_generate_last_file("flow", long_name), "cannot be made");
    NOTHING(runner_generate_last_file("nobody", out), "no ALT file \"nobody\"");
    NOTHING(runner_execute_alt_file_with_executor("flow", NO_RETRY, "/dev/null/output", answer, NULL, NULL), "/dev/null");
    GIVES(runner_batch_process("[\"flow\"]", "/dev/null/output")); /* the error stands in the object */
    NOTHING(runner_get_last_file_json(long_name), "no LAST file");
    NOTHING(runner_get_last_file_json(""), "no LAST file");
    NOTHING(runner_get_last_file_json("../../etc/passwd"), "no LAST file");
    free(long_name);
}

/* A host that answers nonsense: the task fails, the run goes on, the bundle is whole. */
static void nonsense_of_the_host(const char *out)
{
    static const char *const answers[] = {NULL, "", "null", "{}", "{\"ok\": 1}", "{\"ok\": true, \"secret\": 1}", "\xff",
                                          "{\"ok\": false, \"retry\": \"forever\"}", "{\"ok\": false, \"retry_after\": -1}",
                                          "{\"ok\": true, \"artifacts\": [{\"name\": \"x\", \"path\": \"/etc/passwd\"}]}"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        char *last_id = runner_execute_alt_file_with_executor("flow", "{\"generate_graphs\": false}", out, answer, NULL,
                                                              (void *)answers[i]);
        char *json = last_id != NULL ? runner_get_last_file_json(last_id) : NULL;
        expect(json != NULL && strstr(json, "\"status\":\"failed\"") != NULL && strstr(json, "EXECUTOR_") != NULL,
               answers[i] != NULL ? answers[i] : "NULL", __LINE__);
        runner_free_string(json);
        runner_free_string(last_id);
    }
}

/* Foreign pointers that the compiler cannot see through: freeing them is what is tested. */
static char *volatile hidden;

static void frees(void)
{
    char on_stack[] = "on the stack";
    char *text = runner_get_last_error();
    char *inside = runner_get_last_error();
    char *own = filled(10, 'x');
    HARMLESS(runner_free_string(NULL));
    HARMLESS(runner_free_string(text));
    hidden = text;
    HARMLESS(runner_free_string(hidden)); /* twice */
    HARMLESS(runner_free_string(inside + 1));
    HARMLESS(runner_free_string(inside));
    HARMLESS(runner_free_string(own));
    HARMLESS(runner_free_string(on_stack));
    hidden = (char *)1;
    HARMLESS(runner_free_string(hidden));
    hidden = (char *)(size_t)-1;
    HARMLESS(runner_free_string(hidden));
    hidden = (char *)"a literal";
    HARMLESS(runner_free_string(hidden));
    expect(strcmp(own, "xxxxxxxxxx") == 0, "a foreign text was left alone", __LINE__);
    free(own);
}

static void too_large(const char *out)
{
    size_t limit = (size_t)256 << 20;
    char *huge = filled(limit, ' ');
    REFUSED(runner_parse_alt_file(huge), "256 MiB");
    REFUSED(runner_add_task_result(huge, "{}"), "256 MiB");
    NOTHING(runner_generate_last_file("flow", huge), "256 MiB");
    NOTHING(runner_execute_alt_file("flow", huge, out), "256 MiB");
    free(huge);
}

int main(int argc, char **argv)
{
    const char *out = argc > 1 ? argv[1] : "output";
    expect(error_has(""), "no error before anything happened", __LINE__);
    GIVES(runner_get_version());
    expect(runner_version_number() == RUNNER_VERSION_NUMBER, "runner_version_number()", __LINE__);
    WORKS(runner_cleanup());
    before_init(out);
    WORKS(runner_init());
    WORKS(runner_init());
    WORKS(runner_parse_alt_file(FLOW));
    nothing_given(out);
    not_text(out);
    not_json(out);
    unusable_options(out);
    unusable_places(out);
    nonsense_of_the_host(out);
    frees();
    if (argc <= 2)
        too_large(out); /* takes long where every access is watched */
    WORKS(runner_parse_alt_file(FLOW)); /* an error is gone after the next call */
    char *kept = runner_validate_alt_file(FLOW);
    WORKS(runner_cleanup());
    expect(strcmp(kept, "[]") == 0, "a text lives longer than the library is ready", __LINE__);
    runner_free_string(kept);
    before_init(out); /* and after cleanup it is the same */
    WORKS(runner_cleanup());
    WORKS(runner_init());
    NOTHING(runner_generate_last_file("flow", out), "no ALT file"); /* forgotten */
    WORKS(runner_cleanup());
    expect(runner_live_strings() == 0, "runner_live_strings() == 0", __LINE__);
    printf("%d calls, %d wrong\n", calls, wrong);
    return wrong != 0;
}
