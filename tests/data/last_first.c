/* A balancer that walks a cluster from its last endpoint to its first, and says at each beginning how many
 * requests were in flight at all endpoints together:
 *
 *     last_first: in_flight=N
 */
#include <stdio.h>

#include "proxy_module.h"

typedef struct {
    const pm_host *host;
    const pm_module *self;
} last_first;

typedef struct {
    const pm_endpoint_set *set;
    size_t offered;
} walk;

/* One instance a process is all that the tests need. */
static last_first instance;

static pm_status walk_next(void *ctx, const pm_call *call, const void *in, void *out) {
    walk *w = (walk *)ctx;
    (void)call;
    (void)in;
    if (w->offered >= w->set->usable_len) return PM_DONE;
    w->offered++;
    ((pm_target *)out)->index = w->set->usable[w->set->usable_len - w->offered];
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
    last_first *self = (last_first *)user;
    const pm_lb_in *in = (const pm_lb_in *)in_;
    pm_lb_out *out = (pm_lb_out *)out_;
    walk *w = (walk *)(void *)in->scratch;
    unsigned long in_flight = 0;
    char line[64];
    size_t index;
    (void)call;
    for (index = 0; index < in->set->len; index++)
        in_flight += pm_load_u32(&pm_endpoint_at(in->set, (uint32_t)index)->stats->in_flight);
    snprintf(line, sizeof line, "last_first: in_flight=%lu", in_flight);
    pm_log(self->host, self->self, PM_LOG_DEBUG, line);
    w->set = in->set;
    w->offered = 0;
    out->vt = &VT;
    out->ctx = w;
    return PM_OK;
}

static pm_status init(const pm_host *host, const pm_module *self, const pm_value *config, const pm_call *call,
                      pm_registrar *registrar, void **state) {
    (void)config;
    (void)call;
    instance.host = host;
    instance.self = self;
    *state = &instance;
    return pm_hook(host, registrar, PM_HOOK_LOAD_BALANCE, self->ident, begin, &instance, sizeof(walk));
}

static void fini(void *state) { (void)state; }

PM_MODULE(last_first_module, "1.0.0", init, fini);
