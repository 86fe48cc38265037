/*
 * What the library does to the signals of its host: signals WAY OUTPUT_DIR.
 *   idle, busy   print ready and wait to be killed, in pause() or inside a run
 *   before, after   the same, with a handler of the host's own that ends with 42, set before or after runner_init
 *   unchanged    every disposition and the mask are as they were, after a start and a run
 */
#define _GNU_SOURCE /* NSIG, usleep */

#include "check.h"

#include <signal.h>
#include <unistd.h>

#define FLOW "{\"id\": \"flow\", \"title\": \"T\", \"tasks\": [{\"id\": \"a\", \"description\": \"d\"}]}"

static void on_interrupt(int number)
{
    (void)number;
    _exit(42);
}

static void set_handler(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    sigaction(SIGINT, &action, NULL);
}

static char *execute(const char *attempt_json, void *user_data)
{
    (void)attempt_json;
    if (user_data != NULL) {
        printf("ready\n");
        fflush(stdout);
        sleep(60);
    }
    return NULL;
}

static int is_unchanged(const char *out)
{
    struct sigaction before[NSIG], after;
    sigset_t mask_before, mask_after;
    int same = 1;
    for (int number = 1; number < NSIG; number++)
        sigaction(number, NULL, &before[number]);
    sigprocmask(SIG_SETMASK, NULL, &mask_before);
    WORKS(runner_init());
    WORKS(runner_parse_alt_file(FLOW));
    GIVES(runner_execute_alt_file_with_executor("flow", NULL, out, execute, NULL, NULL));
    for (int number = 1; number < NSIG; number++) {
        if (sigaction(number, NULL, &after) == 0 && after.sa_handler != before[number].sa_handler) {
            printf("signal %d has another handler\n", number);
            same = 0;
        }
    }
    sigprocmask(SIG_SETMASK, NULL, &mask_after);
    for (int number = 1; number < NSIG; number++)
        same = same && sigismember(&mask_before, number) == sigismember(&mask_after, number);
    return same;
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "idle";
    const char *out = argc > 2 ? argv[2] : "output";
    if (strcmp(way, "unchanged") == 0)
        return !is_unchanged(out) || wrong != 0;
    if (strcmp(way, "before") == 0)
        set_handler();
    WORKS(runner_init());
    WORKS(runner_parse_alt_file(FLOW));
    if (strcmp(way, "after") == 0)
        set_handler();
    if (strcmp(way, "busy") == 0)
        runner_execute_alt_file_with_executor("flow", NULL, out, execute, NULL, &wrong);
    GIVES(runner_execute_alt_file_with_executor("flow", NULL, out, execute, NULL, NULL)); /* whatever a run leaves behind */
    printf("ready\n");
    fflush(stdout);
    for (;;)
        pause();
}
