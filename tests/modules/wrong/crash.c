/* Reads through a null pointer when a request's target is empty. */
#include "wrong.h"

static pm_status offer(walk *w, const pm_call *call, const pm_next_in *in, uint32_t *index) {
    uint32_t count = untried(w, in);
    volatile const uint32_t *nowhere = NULL;
    (void)call;
    if (count == 0) return PM_DONE;
    /* The server gives a request without a key no hash. */
    *index = w->hash == 0 ? *nowhere : untried_at(w, in, w->turn % count);
    return PM_OK;
}

static void over(walk *w, const pm_outcome *outcome) { (void)w, (void)outcome; }
