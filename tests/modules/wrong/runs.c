/* Weights as runs: aaaaabc where the smooth order is aabacaa. */
#include "wrong.h"

static pm_status offer(walk *w, const pm_call *call, const pm_next_in *in, uint32_t *index) {
    uint32_t count = untried(w, in), total = 0, place, i;
    (void)call;
    if (count == 0) return PM_DONE;
    for (i = 0; i < count; i++) total += pm_endpoint_at(w->set, untried_at(w, in, i))->weight;
    place = w->turn % total;
    for (i = 0; i < count; i++) {
        *index = untried_at(w, in, i);
        if (place < pm_endpoint_at(w->set, *index)->weight) break;
        place -= pm_endpoint_at(w->set, *index)->weight;
    }
    return PM_OK;
}

static void over(walk *w, const pm_outcome *outcome) { (void)w, (void)outcome; }
