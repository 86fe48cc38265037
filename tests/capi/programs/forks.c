/* fork() while other threads are inside the library: the child is refused, at once and in words; the parent goes on. */
#define _GNU_SOURCE /* usleep */

#include "check.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define FLOW "{\"id\": \"flow\", \"title\": \"T\", \"tasks\": [{\"id\": \"a\", \"description\": \"d\"}]}"

static void *work_for_ever(void *nothing)
{
    for (;;)
        freed(runner_validate_alt_file(FLOW));
    return nothing;
}

static int child(void)
{
    alarm(20); /* instead of hanging */
    WORKS(runner_live_strings() < 1000);
    REFUSED(runner_parse_alt_file(FLOW), "fork()");
    NOTHING(runner_validate_alt_file(FLOW), "fork()");
    NOTHING(runner_execute_alt_file("flow", NULL, "output"), "fork()");
    REFUSED(runner_init(), "fork()");
    REFUSED(runner_cleanup(), "fork()");
    GIVES(runner_get_version());
    return wrong;
}

int main(void)
{
    pthread_t thread;
    int status = 0;
    pid_t pid = fork(); /* before the start: both may use the library */
    if (pid == 0) {
        WORKS(runner_init());
        WORKS(runner_parse_alt_file(FLOW));
        _exit(wrong);
    }
    expect(waitpid(pid, &status, 0) == pid && status == 0, "a child that starts the library itself", __LINE__);
    WORKS(runner_init());
    for (int i = 0; i < 4; i++)
        pthread_create(&thread, NULL, work_for_ever, NULL);
    for (int i = 0; i < 20; i++) {
        usleep(2000);
        pid = fork();
        if (pid == 0)
            _exit(child());
        expect(waitpid(pid, &status, 0) == pid && status == 0, "a child of a running library", __LINE__);
        WORKS(runner_parse_alt_file(FLOW));
    }
    printf("%d calls, %d wrong\n", calls, wrong);
    return wrong != 0;
}
