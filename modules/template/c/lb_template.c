/* Draws by lot among the endpoints that this request has not tried yet. */
#include "proxy_module.h"

/* NextIn to Target. The server remembers what was tried; nothing is kept here. */
static pm_status walk_next(void *ctx, const pm_call *call, const void *in_, void *out) {
    const pm_next_in *in = (const pm_next_in *)in_;
    uint32_t untried = 0, drawn;
    size_t place;
    (void)ctx;
    for (place = 0; place < in->set->usable_len; place++) {
        if (!pm_tried(in, in->set->usable[place])) untried++;
    }
    drawn = pm_random_below(call, untried);
    for (place = 0; place < in->set->usable_len; place++) {
        if (pm_tried(in, in->set->usable[place])) continue;
        if (drawn-- == 0) {
            ((pm_target *)out)->index = in->set->usable[place];
            return PM_OK;
        }
    }
    return PM_DONE;
}

/* No connection could be made; walk_next is asked again. */
static pm_status walk_failed(void *ctx, const pm_call *call, const void *in, void *out) {
    (void)ctx;
    (void)call;
    (void)in;
    (void)out;
    return PM_OK;
}

/* The last call for a request. */
static void walk_drop(void *ctx) { (void)ctx; }

static const pm_try_vt VT = {sizeof(pm_try_vt), 0, walk_next, walk_failed, walk_drop, NULL, NULL};

/* A request begins. What a trylist remembers belongs in ((const pm_lb_in *)in)->scratch, which init sizes. */
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

PM_MODULE(lb_template_module, "0.1.0", init, fini);
