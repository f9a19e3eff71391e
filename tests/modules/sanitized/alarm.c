/* Does on purpose, when it is loaded, what a sanitizer has to report: writes behind a block of memory, and counts in
 * two threads without a lock. A run of the tests under a sanitizer loads it first, to see that it would be told.
 */
#include <pthread.h>
#include <stdlib.h>

#include "../fixtures/fixture.h"

static int count;

static void *count_up(void *unused) {
    int i;
    for (i = 0; i < 1000; i++) *(volatile int *)&count += 1;
    return unused;
}

__attribute__((constructor)) static void give_alarm(void) {
    pthread_t threads[2];
    volatile char *block = malloc(8);
    size_t i;
    for (i = 0; i < 2; i++) {
        if (pthread_create(&threads[i], NULL, count_up, NULL) != 0) abort();
    }
    for (i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    if (block) block[8] = 1;
    free((void *)block);
}
