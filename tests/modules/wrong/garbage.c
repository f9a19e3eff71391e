/* Walks on past the last endpoint: one index too many before it starts over. */
#include "wrong.h"

static pm_status offer(walk *w, const pm_call *call, const pm_next_in *in, uint32_t *index) {
    uint32_t len = (uint32_t)w->set->len, count = untried(w, in), i;
    (void)call;
    if (count == 0) return PM_DONE;
    if (w->offered == 0) {
        *index = untried_at(w, in, w->turn % count);
        return PM_OK;
    }
    for (i = w->last < len ? w->last + 1 : 0; i < len; i++) {
        if (pm_endpoint_at(w->set, i)->health == PM_HEALTH_UP && !pm_tried(in, i)) break;
    }
    *index = i;
    return PM_OK;
}

static void over(walk *w, const pm_outcome *outcome) { (void)w, (void)outcome; }
