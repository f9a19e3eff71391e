/* Round robin over all endpoints that skips over those that are down: the next one gets the share of the dead. */
#include "wrong.h"

static pm_status offer(walk *w, const pm_call *call, const pm_next_in *in, uint32_t *index) {
    uint32_t len = (uint32_t)w->set->len, step;
    (void)call;
    for (step = 0; step < len; step++) {
        *index = (w->turn % len + step) % len;
        if (pm_endpoint_at(w->set, *index)->health == PM_HEALTH_UP && !pm_tried(in, *index)) return PM_OK;
    }
    return PM_DONE;
}

static void over(walk *w, const pm_outcome *outcome) { (void)w, (void)outcome; }
