/* What calls cost, as JSON: CPU seconds of a call, the least of several rounds. capi_calls ROUNDS CALLS */
#include <altlas_runner.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Without Python: the text of an error, and giving it back. */
static void take_error(void)
{
    runner_free_string(runner_get_last_error());
}

/* Into Python and back: there is nothing to forget. */
static void start_again(void)
{
    runner_init();
}

/* A refusal: a text into Python, an error with its reason back. */
static void ask_for_nothing(void)
{
    runner_free_string(runner_get_last_file_json("nothing"));
}

static double least(void (*call)(void), long rounds, long calls)
{
    double best = 1e9;
    for (long round = 0; round < rounds; round++) {
        double began = now();
        for (long i = 0; i < calls; i++)
            call();
        double spent = (now() - began) / (double)calls;
        best = spent < best ? spent : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 5;
    long calls = argc > 2 ? atol(argv[2]) : 100000;
    if (!runner_init())
        return 1;
    double error = least(take_error, rounds, calls);
    double start = least(start_again, rounds, calls);
    double nothing = least(ask_for_nothing, rounds, calls);
    printf("{\"error\": %.12f, \"start\": %.12f, \"nothing\": %.12f}\n", error, start, nothing);
    return !runner_cleanup();
}
