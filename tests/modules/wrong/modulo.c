/* Modulo sold as consistent hashing: the nth endpoint in the order of ids, so that nearly every key moves when one
 * goes.
 */
#include "wrong.h"

static uint64_t id(const walk *w, uint32_t index) { return pm_endpoint_at(w->set, index)->id; }

static pm_status offer(walk *w, const pm_call *call, const pm_next_in *in, uint32_t *index) {
    uint32_t count = untried(w, in), rank, i, j, smaller;
    (void)call;
    if (count == 0) return PM_DONE;
    rank = (uint32_t)(w->hash % count);
    for (i = 0; i < count; i++) {
        *index = untried_at(w, in, i);
        for (smaller = 0, j = 0; j < count; j++) smaller += id(w, untried_at(w, in, j)) < id(w, *index);
        if (smaller == rank) break;
    }
    return PM_OK;
}

static void over(walk *w, const pm_outcome *outcome) { (void)w, (void)outcome; }
