/* Goes before the C library and lets writes or syncs of some files fail, as a broken disk does.
 *
 * ALTLAS_FAILING  "<what> <errno> <first> <last> <part of a path>": the calls from the first to the last, counted from
 *                 1, of the kind write or fsync, to files whose paths have that part, fail with errno. Without it
 *                 nothing does.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long seen;

/* The error with which this call must fail, or 0. */
static int failure(const char *what, int descriptor) {
    char kind[16], part[PATH_MAX], link[64], path[PATH_MAX];
    int number;
    long first, last;
    const char *asked = getenv("ALTLAS_FAILING");
    if (asked == NULL) return 0;
    if (sscanf(asked, "%15s %d %ld %ld %4095s", kind, &number, &first, &last, part) != 5) abort();
    if (strcmp(kind, what)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (strstr(path, part) == NULL) return 0;
    pthread_mutex_lock(&lock);
    long count = ++seen;
    pthread_mutex_unlock(&lock);
    return count >= first && count <= last ? number : 0;
}

#define UNLESS_IT_FAILS(what, call)                                                                                    \
    int number = failure(what, descriptor);                                                                            \
    if (!number) return (call);                                                                                        \
    errno = number;                                                                                                    \
    return -1;

int fsync(int descriptor) { UNLESS_IT_FAILS("fsync", NEXT(fsync)(descriptor)) }
int fdatasync(int descriptor) { UNLESS_IT_FAILS("fsync", NEXT(fdatasync)(descriptor)) }
ssize_t write(int descriptor, const void *content, size_t length) {
    UNLESS_IT_FAILS("write", NEXT(write)(descriptor, content, length))
}
ssize_t pwrite(int descriptor, const void *content, size_t length, off_t offset) {
    UNLESS_IT_FAILS("write", NEXT(pwrite)(descriptor, content, length, offset))
}
ssize_t pwrite64(int descriptor, const void *content, size_t length, off64_t offset) {
    UNLESS_IT_FAILS("write", NEXT(pwrite64)(descriptor, content, length, offset))
}
