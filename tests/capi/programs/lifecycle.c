/* Start, work, and end in one of the ways in which programs end: lifecycle WAY. */
#include "check.h"

#include <pthread.h>
#include <unistd.h>

#define FLOW "{\"id\": \"flow\", \"title\": \"T\", \"tasks\": [{\"id\": \"a\", \"description\": \"d\"}]}"

static void *work_for_ever(void *nothing)
{
    for (;;) {
        freed(runner_validate_alt_file(FLOW));
        runner_parse_alt_file("{");
    }
    return nothing;
}

static void *end_the_process(void *nothing)
{
    (void)nothing;
    exit(wrong);
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "return";
    pthread_t thread;
    WORKS(runner_init());
    WORKS(runner_parse_alt_file(FLOW));
    if (strcmp(way, "cleanup") == 0) {
        WORKS(runner_cleanup());
        WORKS(runner_init());
        WORKS(runner_cleanup());
    } else if (strcmp(way, "busy") == 0) { /* other threads are in the middle of calls */
        for (int i = 0; i < 4; i++)
            pthread_create(&thread, NULL, work_for_ever, NULL);
        usleep(20000);
    } else if (strcmp(way, "thread") == 0) { /* exit() on a thread that Python never saw, while main works */
        pthread_create(&thread, NULL, end_the_process, NULL);
        work_for_ever(NULL);
    } else if (strcmp(way, "_exit") == 0) {
        _exit(wrong);
    }
    return wrong;
}
