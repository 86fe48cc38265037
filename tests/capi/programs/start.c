/* Start the library and say how that went: start [AGAIN], where AGAIN is a shell command to run between two starts. */
#include <altlas_runner.h>

#include <stdio.h>
#include <stdlib.h>

static int start(void)
{
    int started = runner_init();
    char *reason = runner_get_last_error();
    printf("%d %s\n", started, reason);
    fflush(stdout);
    runner_free_string(reason);
    return started;
}

int main(int argc, char **argv)
{
    int started = start();
    if (argc > 1)
        started = system(argv[1]) == 0 && start();
    return !started || !runner_cleanup();
}
