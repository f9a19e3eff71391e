/* Offers its first endpoint once more in the third place. */
#include "wrong.h"

static pm_status offer(walk *w, const pm_call *call, const pm_next_in *in, uint32_t *index) {
    uint32_t count = untried(w, in);
    (void)call;
    if (w->offered == 2) {
        *index = w->first;
        return PM_OK;
    }
    if (count == 0) return PM_DONE;
    *index = untried_at(w, in, w->offered == 0 ? w->turn % count : 0);
    return PM_OK;
}

static void over(walk *w, const pm_outcome *outcome) { (void)w, (void)outcome; }
