/* Draws until it meets an endpoint that was not tried yet: for ever, once all were. */
#include "wrong.h"

static pm_status offer(walk *w, const pm_call *call, const pm_next_in *in, uint32_t *index) {
    if (w->set->usable_len == 0) return PM_DONE;
    do {
        *index = w->set->usable[pm_random_below(call, (uint32_t)w->set->usable_len)];
    } while (pm_tried(in, *index));
    return PM_OK;
}

static void over(walk *w, const pm_outcome *outcome) { (void)w, (void)outcome; }
