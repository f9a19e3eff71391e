/* A balancer that draws endpoints by lot, each as often as its weight says; one that was tried already is not drawn
 * again. Nothing is remembered from one request to the next, so any number of servers agree without a word.
 *
 *     LoadModule random_module modules/mod_random.so
 *     LBMethod cluster1 random_module
 *
 * The weights of all that may be drawn are laid end to end, a number below their sum is drawn, and the endpoint on
 * whose stretch it falls is next. The numbers come from the server, which seeds them: a test can repeat them.
 */
#include "proxy_module.h"

/* The endpoint at a place of the usable ones, or null if this request has tried it. */
static const pm_endpoint *candidate(const pm_next_in *in, size_t place) {
    uint32_t index = in->set->usable[place];
    return pm_tried(in, index) ? NULL : pm_endpoint_at(in->set, index);
}

static pm_status walk_next(void *ctx, const pm_call *call, const void *in_, void *out) {
    const pm_next_in *in = (const pm_next_in *)in_;
    const pm_endpoint *endpoint;
    uint32_t sum = 0, drawn;
    size_t place;
    (void)ctx;
    for (place = 0; place < in->set->usable_len; place++) {
        endpoint = candidate(in, place);
        if (endpoint) sum += endpoint->weight;
    }
    drawn = pm_random_below(call, sum);
    for (place = 0; place < in->set->usable_len; place++) {
        endpoint = candidate(in, place);
        if (!endpoint) continue;
        if (drawn < endpoint->weight) {
            ((pm_target *)out)->index = in->set->usable[place];
            return PM_OK;
        }
        drawn -= endpoint->weight;
    }
    return PM_DONE;
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

PM_MODULE(random_module, "1.0.0", init, fini);
