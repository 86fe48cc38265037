/* Goes before the C library and keeps a log of what a process does to the files below one directory, of what it sends
 * over TCP, and of what it prints on stderr, all in the order in which it happened.
 *
 * ALTLAS_RECORD_BELOW  the directory, absolute; without it nothing is recorded
 * ALTLAS_RECORD_INTO   the log
 * A sync takes 10 ms longer than the disk needs, as on slow disks: who does not wait for it is seen not to.
 *
 * A record is a kind (1 byte), a number (8), an offset (8), two lengths (4 + 4), all little endian, and two texts:
 *   C created       number: inode        first: path
 *   W written       number: inode        offset: where         second: what
 *   T cut, grown    number: inode        offset: its length
 *   F synced        number: inode
 *   D directory synced                   first: path
 *   M directory made                     first: path
 *   R renamed                            first: from           second: to
 *   U removed                            first: path
 *   E said on stderr                     second: what
 *   O sent          number: descriptor                         second: what
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define DESCRIPTORS 4096
enum { NOT_OURS, FILE_OF_OURS, DIRECTORY_OF_OURS };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char kept[DESCRIPTORS]; /* which descriptors are files below the directory */
static const char *below;
static int into = -1;

static int recording(void) {
    if (below != NULL) return 1;
    const char *directory = getenv("ALTLAS_RECORD_BELOW");
    const char *log = getenv("ALTLAS_RECORD_INTO");
    if (directory == NULL || log == NULL) return 0;
    into = NEXT(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (into < 0) abort();
    below = strdup(directory);
    return 1;
}

/* The caller holds the lock, from before the deed until after this. */
static void record(char kind, uint64_t number, uint64_t offset, const char *first, const void *second, size_t length) {
    int before = errno;
    uint32_t lengths[2] = {first == NULL ? 0 : (uint32_t)strlen(first), (uint32_t)length};
    struct iovec parts[6] = {
        {&kind, 1}, {&number, 8}, {&offset, 8}, {lengths, 8}, {(void *)first, lengths[0]}, {(void *)second, length}};
    if (NEXT(writev)(into, parts, 6) < 25) abort();
    errno = before;
}

static const char *absolute(int directory, const char *path, char *room) {
    char start[PATH_MAX], link[64];
    if (path[0] == '/') {
        snprintf(room, PATH_MAX, "%s", path);
        return room;
    }
    if (directory == AT_FDCWD) {
        if (getcwd(start, sizeof start) == NULL) abort();
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        ssize_t length = readlink(link, start, sizeof start - 1);
        if (length < 0) return NULL;
        start[length] = 0;
    }
    if (snprintf(room, PATH_MAX, "%s/%s", start, path) >= PATH_MAX) return NULL;
    return room;
}

/* The absolute path when it is below the directory, or the directory itself; else NULL. */
static const char *ours(int directory, const char *path, char *room) {
    if (!recording() || path == NULL) return NULL;
    const char *found = absolute(directory, path, room);
    size_t length = strlen(below);
    return found && !strncmp(found, below, length) && (found[length] == '/' || !found[length]) ? found : NULL;
}

static int kind_of(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTORS ? kept[descriptor] : NOT_OURS;
}

static uint64_t inode_of(int descriptor) {
    struct stat found;
    if (fstat(descriptor, &found)) abort();
    return found.st_ino;
}

/* -- names ------------------------------------------------------------------------------------------------------- */

static int open_at(int directory, const char *path, int flags, mode_t mode) {
    char room[PATH_MAX];
    struct stat found;
    pthread_mutex_lock(&lock);
    const char *name = ours(directory, path, room);
    int is_new = name != NULL && (flags & O_CREAT) && stat(name, &found) != 0;
    int descriptor = NEXT(openat)(directory, path, flags, mode);
    if (descriptor >= DESCRIPTORS) abort();
    if (name != NULL && descriptor >= 0) {
        fstat(descriptor, &found);
        kept[descriptor] = S_ISDIR(found.st_mode) ? DIRECTORY_OF_OURS : S_ISREG(found.st_mode) ? FILE_OF_OURS : NOT_OURS;
        if (is_new) record('C', found.st_ino, 0, name, NULL, 0);
        else if ((flags & O_TRUNC) && S_ISREG(found.st_mode)) record('T', found.st_ino, 0, NULL, NULL, 0);
    } else if (descriptor >= 0) {
        kept[descriptor] = NOT_OURS;
    }
    pthread_mutex_unlock(&lock);
    return descriptor;
}

#define MODE(flags, mode)                                                                                              \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                             \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }

int open(const char *path, int flags, ...) { MODE(flags, mode) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, mode) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags, mode) return open_at(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags, mode) return open_at(at, path, flags, mode); }

int close(int descriptor) {
    pthread_mutex_lock(&lock);
    if (kind_of(descriptor)) kept[descriptor] = NOT_OURS;
    int done = NEXT(close)(descriptor);
    pthread_mutex_unlock(&lock);
    return done;
}

#define DEED(call, kind, path_at, path)                                                                                \
    char room[PATH_MAX];                                                                                               \
    pthread_mutex_lock(&lock);                                                                                         \
    int done = (call);                                                                                                 \
    const char *name = done ? NULL : ours(path_at, path, room);                                                        \
    if (name != NULL) record(kind, 0, 0, name, NULL, 0);                                                               \
    pthread_mutex_unlock(&lock);                                                                                       \
    return done;

int mkdir(const char *path, mode_t mode) { DEED(NEXT(mkdir)(path, mode), 'M', AT_FDCWD, path) }
int mkdirat(int at, const char *path, mode_t mode) { DEED(NEXT(mkdirat)(at, path, mode), 'M', at, path) }
int unlink(const char *path) { DEED(NEXT(unlink)(path), 'U', AT_FDCWD, path) }
int unlinkat(int at, const char *path, int flags) { DEED(NEXT(unlinkat)(at, path, flags), 'U', at, path) }
int rmdir(const char *path) { DEED(NEXT(rmdir)(path), 'U', AT_FDCWD, path) }

int renameat(int from_at, const char *from, int to_at, const char *to) {
    char room[PATH_MAX], other[PATH_MAX];
    pthread_mutex_lock(&lock);
    int done = NEXT(renameat)(from_at, from, to_at, to);
    if (!done && ours(to_at, to, other) != NULL) {
        const char *name = absolute(from_at, from, room);
        record('R', 0, 0, name, other, strlen(other));
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

/* Nothing here makes links below the directory, or copies inside the kernel; who tries must not get past the log. */
int link(const char *from, const char *to) {
    char room[PATH_MAX];
    if (ours(AT_FDCWD, to, room) == NULL) return NEXT(link)(from, to);
    errno = EPERM;
    return -1;
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t count) {
    static __typeof__(&sendfile64) next;
    if (next == NULL) next = (__typeof__(&sendfile64))dlsym(RTLD_NEXT, "sendfile64");
    if (kind_of(to) == NOT_OURS) return next(to, from, offset, count);
    errno = EINVAL;
    return -1;
}

/* -- contents ---------------------------------------------------------------------------------------------------- */

static int speaks_tcp(int descriptor) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int before = errno;
    int is_socket = !getsockname(descriptor, (struct sockaddr *)&address, &length);
    errno = before;
    return is_socket && (address.ss_family == AF_INET || address.ss_family == AF_INET6);
}

/* What was sent, and what the terminal was told; said before the deed, because it may be seen before this goes on. */
static void record_telling(int descriptor, const void *content, size_t length) {
    if (!recording()) return;
    if (descriptor == 2) record('E', 0, 0, NULL, content, length);
    else if (speaks_tcp(descriptor)) record('O', (uint64_t)descriptor, 0, NULL, content, length);
}

static ssize_t write_at(int descriptor, const void *content, size_t length, off64_t offset) {
    pthread_mutex_lock(&lock);
    if (kind_of(descriptor) != FILE_OF_OURS) {
        if (offset < 0) record_telling(descriptor, content, length);
        pthread_mutex_unlock(&lock); /* a pipe that is full must not keep the others waiting */
        return offset < 0 ? NEXT(write)(descriptor, content, length) : NEXT(pwrite64)(descriptor, content, length, offset);
    }
    off64_t where = offset;
    if (offset < 0) where = lseek64(descriptor, 0, fcntl(descriptor, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    ssize_t done =
        offset < 0 ? NEXT(write)(descriptor, content, length) : NEXT(pwrite64)(descriptor, content, length, offset);
    if (done > 0) record('W', inode_of(descriptor), (uint64_t)where, NULL, content, (size_t)done);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int descriptor, const void *content, size_t length) { return write_at(descriptor, content, length, -1); }
ssize_t pwrite(int descriptor, const void *content, size_t length, off_t offset) {
    return write_at(descriptor, content, length, offset);
}
ssize_t pwrite64(int descriptor, const void *content, size_t length, off64_t offset) {
    return write_at(descriptor, content, length, offset);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    if (kind_of(descriptor) == FILE_OF_OURS) { /* one after the other: a short answer is allowed */
        for (int each = 0; each < count; each++)
            if (parts[each].iov_len) return write(descriptor, parts[each].iov_base, parts[each].iov_len);
        return 0;
    }
    pthread_mutex_lock(&lock);
    for (int each = 0; each < count; each++) record_telling(descriptor, parts[each].iov_base, parts[each].iov_len);
    pthread_mutex_unlock(&lock);
    return NEXT(writev)(descriptor, parts, count);
}

ssize_t send(int descriptor, const void *content, size_t length, int flags) {
    pthread_mutex_lock(&lock);
    record_telling(descriptor, content, length);
    pthread_mutex_unlock(&lock);
    return NEXT(send)(descriptor, content, length, flags);
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags) {
    pthread_mutex_lock(&lock);
    for (size_t each = 0; each < message->msg_iovlen; each++)
        record_telling(descriptor, message->msg_iov[each].iov_base, message->msg_iov[each].iov_len);
    pthread_mutex_unlock(&lock);
    return NEXT(sendmsg)(descriptor, message, flags);
}

static int cut(int descriptor, off64_t length) {
    pthread_mutex_lock(&lock);
    int done = NEXT(ftruncate64)(descriptor, length);
    if (!done && kind_of(descriptor) == FILE_OF_OURS)
        record('T', inode_of(descriptor), (uint64_t)length, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int descriptor, off_t length) { return cut(descriptor, length); }
int ftruncate64(int descriptor, off64_t length) { return cut(descriptor, length); }

static void record_sync(int descriptor) {
    char link[64], path[PATH_MAX];
    if (kind_of(descriptor) == FILE_OF_OURS) record('F', inode_of(descriptor), 0, NULL, NULL, 0);
    if (kind_of(descriptor) != DIRECTORY_OF_OURS) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) abort();
    path[length] = 0;
    record('D', 0, 0, path, NULL, 0);
}

static void take_time(int descriptor) {
    struct timespec pause = {0, 10 * 1000 * 1000};
    if (kind_of(descriptor) == FILE_OF_OURS) nanosleep(&pause, NULL);
}

#define SYNC(call)                                                                                                     \
    take_time(descriptor);                                                                                             \
    pthread_mutex_lock(&lock);                                                                                         \
    int done = (call);                                                                                                 \
    if (!done) record_sync(descriptor);                                                                                \
    pthread_mutex_unlock(&lock);                                                                                       \
    return done;

int fsync(int descriptor) { SYNC(NEXT(fsync)(descriptor)) }
int fdatasync(int descriptor) { SYNC(NEXT(fdatasync)(descriptor)) }
