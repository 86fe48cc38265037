/* Goes before the C library and moves the wall clock, as somebody does who sets it while a process runs.
 *
 * ALTLAS_CLOCK  a file that holds the seconds by which the clock is wrong, 8 bytes; it is looked at anew for every
 *               question. Clocks that only go forward are left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int64_t wrong_by(void) {
    static volatile int64_t *seconds;
    if (seconds == NULL) {
        const char *path = getenv("ALTLAS_CLOCK");
        if (path == NULL) return 0;
        int descriptor = open(path, O_RDONLY | O_CLOEXEC);
        void *found = mmap(NULL, sizeof *seconds, PROT_READ, MAP_SHARED, descriptor, 0);
        if (descriptor < 0 || found == MAP_FAILED) abort();
        close(descriptor);
        seconds = found;
    }
    return *seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int done = NEXT(clock_gettime)(clock, now);
    if (!done && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += wrong_by();
    return done;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (into != NULL) *into = precise.tv_sec;
    return precise.tv_sec;
}
