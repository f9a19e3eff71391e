/* Least requests that counts by hand and forgets requests that were cancelled: their endpoint is shunned for ever. */
#include "wrong.h"

static pm_status offer(walk *w, const pm_call *call, const pm_next_in *in, uint32_t *index) {
    uint32_t count = untried(w, in), step, i;
    uint64_t cost, best_cost = 1, weight, best_weight = 0; /* costs are compared as fractions */
    (void)call;
    if (count == 0) return PM_DONE;
    for (step = 0; step < count; step++) {
        i = untried_at(w, in, (w->turn % count + step) % count);
        cost = (uint64_t)pm_load_u32(counter(w->set, i)) + 1;
        weight = pm_endpoint_at(w->set, i)->weight;
        if (cost * best_weight < best_cost * weight || best_weight == 0) {
            best_cost = cost;
            best_weight = weight;
            *index = i;
        }
    }
    pm_add_u32(counter(w->set, *index), 1);
    return PM_OK;
}

static void over(walk *w, const pm_outcome *outcome) {
    if (outcome->result != PM_OUTCOME_CANCELLED) pm_add_u32(counter(w->set, outcome->index), UINT32_MAX);
}
