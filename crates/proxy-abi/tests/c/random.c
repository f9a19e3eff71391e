/* A balancer that draws at random, as in the guide for C authors. */
#include "proxy_module.h"

typedef struct {
    const pm_endpoint_set *set;
    uint64_t state;
    uint32_t left;
} walk;

static uint32_t below(walk *w, uint32_t limit) { /* xorshift64 */
    w->state ^= w->state << 13;
    w->state ^= w->state >> 7;
    w->state ^= w->state << 17;
    return (uint32_t)(w->state % limit);
}

static pm_status walk_next(void *ctx, const pm_call *call, const void *in, void *out) {
    walk *w = (walk *)ctx;
    pm_target *t = (pm_target *)out;
    (void)call;
    (void)in;
    if (w->left == 0) return PM_DONE;
    w->left--;
    t->index = w->set->usable[below(w, (uint32_t)w->set->usable_len)];
    t->flags = PM_TARGET_AGAIN; /* a draw may repeat */
    return PM_OK;
}

static pm_status walk_failed(void *ctx, const pm_call *call, const void *in, void *out) {
    (void)ctx;
    (void)call;
    (void)in;
    (void)out;
    return PM_OK;
}

static void walk_drop(void *ctx) { (void)ctx; }

static const pm_try_vt VT = {sizeof(pm_try_vt), 0, walk_next, walk_failed, walk_drop, NULL, NULL};

static pm_status begin(void *user, const pm_call *call, const void *in_, void *out_) {
    const pm_lb_in *in = (const pm_lb_in *)in_;
    pm_lb_out *out = (pm_lb_out *)out_;
    walk *w = (walk *)(void *)in->scratch;
    (void)user;
    w->set = in->set;
    w->state = call->now_ns ^ (call->trace_id << 32) ^ UINT64_C(0x9e3779b97f4a7c15);
    w->state |= 1; /* zero would stay zero */
    w->left = in->set->usable_len ? in->max_attempts : 0;
    out->vt = &VT;
    out->ctx = w;
    return PM_OK;
}

static pm_status init(const pm_host *h, const pm_module *self, const pm_value *cfg, const pm_call *c,
                      pm_registrar *r, void **state) {
    (void)cfg;
    (void)c;
    (void)state;
    return pm_hook(h, r, PM_HOOK_LOAD_BALANCE, self->ident, begin, NULL, sizeof(walk));
}

static void fini(void *state) { (void)state; }

PM_MODULE(random_module, "1.0.0", init, fini); /* descriptor and note */
