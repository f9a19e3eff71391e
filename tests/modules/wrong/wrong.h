/* What the wrong balancers share. Each defines offer(), and gets in it exactly one thing wrong; `proxyd module check`
 * has to name it.
 */
#include "proxy_module.h"

typedef struct walk {
    const pm_endpoint_set *set;
    uint64_t hash;
    uint32_t turn;    /* how many trylists the cluster had before */
    uint32_t offered; /* how many times offer() was asked */
    uint32_t first, last;
} walk;

/* Chooses the next endpoint, or answers PM_DONE. */
static pm_status offer(walk *w, const pm_call *call, const pm_next_in *in, uint32_t *index);
/* Told of each outcome. */
static void over(walk *w, const pm_outcome *outcome);

/* Where the memory beside clusters and endpoints lies; the same in every instance. */
static uint32_t cluster_blob, endpoint_blob;

/* The endpoint's own counter. */
static inline uint32_t *counter(const pm_endpoint_set *set, uint32_t index) {
    return (uint32_t *)(void *)((uint8_t *)pm_endpoint_at(set, index)->blob + endpoint_blob);
}

/* The usable endpoints that were not tried yet: how many, and the nth of them. */
static inline uint32_t untried(const walk *w, const pm_next_in *in) {
    uint32_t count = 0;
    size_t i;
    for (i = 0; i < w->set->usable_len; i++) count += !pm_tried(in, w->set->usable[i]);
    return count;
}

static inline uint32_t untried_at(const walk *w, const pm_next_in *in, uint32_t nth) {
    size_t i;
    for (i = 0; i < w->set->usable_len; i++) {
        if (!pm_tried(in, w->set->usable[i]) && nth-- == 0) return w->set->usable[i];
    }
    return 0;
}

static pm_status walk_next(void *ctx, const pm_call *call, const void *in, void *out) {
    walk *w = (walk *)ctx;
    pm_status status = offer(w, call, (const pm_next_in *)in, &((pm_target *)out)->index);
    w->last = ((pm_target *)out)->index;
    if (w->offered++ == 0) w->first = w->last;
    return status;
}

static pm_status walk_failed(void *ctx, const pm_call *call, const void *in, void *out) {
    (void)ctx, (void)call, (void)in, (void)out;
    return PM_OK;
}

static void walk_drop(void *ctx) { (void)ctx; }

static pm_status walk_done(void *ctx, const pm_call *call, const void *in, void *out) {
    (void)call, (void)out;
    over((walk *)ctx, (const pm_outcome *)in);
    return PM_OK;
}

static const pm_try_vt VT = {sizeof(pm_try_vt), 0, walk_next, walk_failed, walk_drop, walk_done, NULL};

static pm_status begin(void *user, const pm_call *call, const void *in_, void *out_) {
    const pm_lb_in *in = (const pm_lb_in *)in_;
    pm_lb_out *out = (pm_lb_out *)out_;
    walk *w = (walk *)(void *)in->scratch;
    (void)user, (void)call;
    w->set = in->set;
    w->hash = in->hash;
    w->turn = pm_add_u32((uint32_t *)(void *)((uint8_t *)in->set->blob + cluster_blob), 1);
    w->offered = w->first = w->last = 0;
    out->vt = &VT;
    out->ctx = w;
    return PM_OK;
}

static pm_status init(const pm_host *host, const pm_module *self, const pm_value *config, const pm_call *call,
                      pm_registrar *registrar, void **state) {
    (void)config, (void)call, (void)state;
    if (host->blob(host, registrar, PM_BLOB_CLUSTER, 8, 8, NULL, NULL, &cluster_blob) != PM_OK) return PM_ERROR;
    if (host->blob(host, registrar, PM_BLOB_ENDPOINT, 8, 8, NULL, NULL, &endpoint_blob) != PM_OK) return PM_ERROR;
    return pm_hook(host, registrar, PM_HOOK_LOAD_BALANCE, self->ident, begin, NULL, sizeof(walk));
}

static void fini(void *state) { (void)state; }

PM_MODULE(wrong_module, "1.0.0", init, fini);
