/*
 * The texts that callers own: malloc, and a set of the pointers that were given out and not freed.
 *
 * Because of the set a double free, or the free of a foreign pointer, does nothing. It is a hash table with open
 * addressing. Pointers are stored complemented: a leak checker that scans memory must not take the set for an owner.
 */
#include "internal.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 64

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uintptr_t *slots; /* 0 is empty; malloc never returns what is stored as 0 */
static size_t capacity;  /* a power of two */
static size_t count;

static size_t place_of(uintptr_t stored)
{
    return (size_t)((stored >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (capacity - 1);
}

static void put(uintptr_t stored)
{
    size_t place = place_of(stored);
    while (slots[place] != 0)
        place = (place + 1) & (capacity - 1);
    slots[place] = stored;
}

static bool make_room(void)
{
    if ((count + 1) * 2 <= capacity)
        return true;
    uintptr_t *old = slots;
    size_t old_capacity = capacity;
    uintptr_t *larger = calloc(capacity ? capacity * 2 : SMALLEST, sizeof *larger);
    if (larger == NULL)
        return false;
    slots = larger;
    capacity = capacity ? capacity * 2 : SMALLEST;
    for (size_t place = 0; place < old_capacity; place++)
        if (old[place] != 0)
            put(old[place]);
    free(old);
    return true;
}

/* Take a pointer out, and move up those behind it that would not be found past the gap. */
static bool forget(uintptr_t stored)
{
    if (capacity == 0 || stored == 0)
        return false;
    size_t gap = place_of(stored);
    while (slots[gap] != stored) {
        if (slots[gap] == 0)
            return false;
        gap = (gap + 1) & (capacity - 1);
    }
    for (size_t next = (gap + 1) & (capacity - 1); slots[next] != 0; next = (next + 1) & (capacity - 1)) {
        size_t wanted = place_of(slots[next]);
        if (((next - wanted) & (capacity - 1)) >= ((next - gap) & (capacity - 1))) {
            slots[gap] = slots[next];
            gap = next;
        }
    }
    slots[gap] = 0;
    count--;
    return true;
}

char *altlas_new_string(const char *text, size_t length)
{
    char *made = malloc(length + 1);
    if (made == NULL)
        return NULL;
    memcpy(made, text, length);
    made[length] = '\0';
    pthread_mutex_lock(&lock);
    bool kept = make_room();
    if (kept) {
        put(~(uintptr_t)made);
        count++;
    }
    pthread_mutex_unlock(&lock);
    if (!kept) {
        free(made);
        return NULL;
    }
    return made;
}

void altlas_free_string(char *text)
{
    if (text == NULL)
        return;
    pthread_mutex_lock(&lock);
    bool ours = forget(~(uintptr_t)text);
    pthread_mutex_unlock(&lock);
    if (ours)
        free(text);
}

size_t altlas_live_strings(void)
{
    pthread_mutex_lock(&lock);
    size_t live = count;
    pthread_mutex_unlock(&lock);
    return live;
}

void altlas_lock_strings(void)
{
    pthread_mutex_lock(&lock);
}

void altlas_unlock_strings(void)
{
    pthread_mutex_unlock(&lock);
}
