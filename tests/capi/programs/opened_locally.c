/* A host that loads the library as a plugin, with RTLD_LOCAL, closes it and opens it again: opened_locally LIBRARY OUT */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

typedef int (*init_function)(void);
typedef int (*parse_function)(const char *);
typedef char *(*execute_function)(const char *, const char *, const char *);
typedef char *(*error_function)(void);
typedef void (*free_function)(char *);

/* ISO C has no conversion from an object pointer to a function pointer; POSIX has this one. */
static void find(void *library, const char *name, void *function, size_t size)
{
    void *found = dlsym(library, name);
    memcpy(function, &found, size);
}

static int use(const char *path, const char *out)
{
    static const char flow[] = "{\"id\": \"f\", \"title\": \"T\", \"tasks\": [{\"id\": \"a\", \"description\": \"d\"}]}";
    init_function init, cleanup;
    parse_function parse;
    execute_function execute;
    error_function get_error;
    free_function free_text;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        printf("%s\n", dlerror());
        return 1;
    }
    find(library, "runner_init", &init, sizeof init);
    find(library, "runner_cleanup", &cleanup, sizeof cleanup);
    find(library, "runner_parse_alt_file", &parse, sizeof parse);
    find(library, "runner_execute_alt_file", &execute, sizeof execute);
    find(library, "runner_get_last_error", &get_error, sizeof get_error);
    find(library, "runner_free_string", &free_text, sizeof free_text);
    char *last_id = NULL;
    if (init() && parse(flow)) /* nobody listens there: the task fails, the run does not */
        last_id = execute("f", "{\"ai_service\": {\"base_url\": \"http://127.0.0.1:9\", \"max_retries\": 0}}", out);
    if (last_id == NULL)
        printf("%s\n", get_error());
    int failed = last_id == NULL || !cleanup();
    free_text(last_id);
    dlclose(library);
    return failed;
}

int main(int argc, char **argv)
{
    return argc < 3 || use(argv[1], argv[2]) || use(argv[1], argv[2]);
}
