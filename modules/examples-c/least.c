/* A balancer that takes the endpoint with the fewest requests in flight for its weight.
 *
 *     LoadModule least_module modules/mod_least.so
 *     LBMethod cluster1 least_module
 *
 * The load of an endpoint is (in flight + 1) / weight: what it would carry if this request came to it too. Two such
 * fractions compare without a division: a/b < c/d if a*d < c*b. Of equal loads one is drawn by lot, in one pass: the
 * k-th of them takes the place of the one found so far with a chance of 1 in k, so that each has the same in the end.
 * Taking the first instead would send everything to one endpoint as long as all are idle.
 *
 * The server counts what is in flight, over all its threads; it cannot leak.
 */
#include "proxy_module.h"

/* Below 0 if a is less loaded than b, 0 if both are alike. */
static int compare(const pm_endpoint *a, const pm_endpoint *b) {
    uint64_t of_a = ((uint64_t)pm_load_u32(&a->stats->in_flight) + 1) * b->weight;
    uint64_t of_b = ((uint64_t)pm_load_u32(&b->stats->in_flight) + 1) * a->weight;
    return (of_a > of_b) - (of_a < of_b);
}

static pm_status walk_next(void *ctx, const pm_call *call, const void *in_, void *out) {
    const pm_next_in *in = (const pm_next_in *)in_;
    const pm_endpoint *endpoint, *least = NULL;
    uint32_t index, alike = 0;
    int order;
    size_t place;
    (void)ctx;
    for (place = 0; place < in->set->usable_len; place++) {
        index = in->set->usable[place];
        endpoint = pm_tried(in, index) ? NULL : pm_endpoint_at(in->set, index);
        if (!endpoint) continue;
        order = least ? compare(endpoint, least) : -1;
        if (order > 0) continue;
        alike = order < 0 ? 1 : alike + 1;
        if (pm_random_below(call, alike) != 0) continue;
        least = endpoint;
        ((pm_target *)out)->index = index;
    }
    return least ? PM_OK : PM_DONE;
}

/* The server remembers what was tried. */
static pm_status walk_failed(void *ctx, const pm_call *call, const void *in, void *out) {
    (void)ctx;
    (void)call;
    (void)in;
    (void)out;
    return PM_OK;
}

static void walk_drop(void *ctx) { (void)ctx; }

static const pm_try_vt VT = {sizeof(pm_try_vt), 0, walk_next, walk_failed, walk_drop, NULL, NULL};

/* A trylist has no state of its own: no scratch, no context. */
static pm_status begin(void *user, const pm_call *call, const void *in, void *out) {
    (void)user;
    (void)call;
    (void)in;
    ((pm_lb_out *)out)->vt = &VT;
    return PM_OK;
}

static pm_status init(const pm_host *host, const pm_module *self, const pm_value *config, const pm_call *call,
                      pm_registrar *registrar, void **state) {
    (void)config;
    (void)call;
    (void)state;
    return pm_hook(host, registrar, PM_HOOK_LOAD_BALANCE, self->ident, begin, NULL, 0);
}

static void fini(void *state) { (void)state; }

PM_MODULE(least_module, "1.0.0", init, fini);
