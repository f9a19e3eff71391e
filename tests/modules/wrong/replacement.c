/* Two choices drawn with replacement: both may be the same endpoint, so that of two the less loaded one gets 75 %. */
#include "wrong.h"

static uint32_t load(const walk *w, uint32_t index) {
    return pm_load_u32(&pm_endpoint_at(w->set, index)->stats->in_flight);
}

static pm_status offer(walk *w, const pm_call *call, const pm_next_in *in, uint32_t *index) {
    uint32_t count = untried(w, in), one, other;
    if (count == 0) return PM_DONE;
    one = untried_at(w, in, pm_random_below(call, count));
    other = untried_at(w, in, pm_random_below(call, count));
    *index = load(w, other) < load(w, one) ? other : one;
    return PM_OK;
}

static void over(walk *w, const pm_outcome *outcome) { (void)w, (void)outcome; }
