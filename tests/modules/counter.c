/* A round robin that counts its calls and says at fini:
 *
 *     counter: begin=N next_ok=N next_done=N failed=N done=N drop=N
 *
 * For tests of what a trylist's owner owes it: each target's done once, each trylist's drop once and last.
 *
 *     CounterCluster c http://127.0.0.1:8081 http://127.0.0.1:8082
 *     CounterProxyPass / c
 */
#include <stdio.h>
#include <stdlib.h>

#include "proxy_module.h"

typedef struct {
    const pm_host *host;
    const pm_module *self;
    uint32_t turn;
    uint64_t begin, next_ok, next_done, failed, done, drop;
} counter;

typedef struct {
    counter *counts;
    const pm_endpoint_set *set;
    size_t first, offered;
} walk;

static pm_status walk_next(void *ctx, const pm_call *call, const void *in, void *out) {
    walk *w = (walk *)ctx;
    pm_target *target = (pm_target *)out;
    (void)call;
    (void)in;
    if (w->offered >= w->set->usable_len) {
        pm_add_u64(&w->counts->next_done, 1);
        return PM_DONE;
    }
    target->index = w->set->usable[(w->first + w->offered++) % w->set->usable_len];
    pm_add_u64(&w->counts->next_ok, 1);
    return PM_OK;
}

static pm_status walk_failed(void *ctx, const pm_call *call, const void *in, void *out) {
    (void)call;
    (void)in;
    (void)out;
    pm_add_u64(&((walk *)ctx)->counts->failed, 1);
    return PM_OK;
}

static pm_status walk_done(void *ctx, const pm_call *call, const void *in, void *out) {
    (void)call;
    (void)in;
    (void)out;
    pm_add_u64(&((walk *)ctx)->counts->done, 1);
    return PM_OK;
}

static void walk_drop(void *ctx) { pm_add_u64(&((walk *)ctx)->counts->drop, 1); }

static const pm_try_vt VT = {sizeof(pm_try_vt), 0, walk_next, walk_failed, walk_drop, walk_done, NULL};

static pm_status begin(void *user, const pm_call *call, const void *in_, void *out_) {
    counter *counts = (counter *)user;
    const pm_lb_in *in = (const pm_lb_in *)in_;
    pm_lb_out *out = (pm_lb_out *)out_;
    walk *w = (walk *)(void *)in->scratch;
    (void)call;
    w->counts = counts;
    w->set = in->set;
    w->first = pm_add_u32(&counts->turn, 1);
    w->offered = 0;
    pm_add_u64(&counts->begin, 1);
    out->vt = &VT;
    out->ctx = w;
    return PM_OK;
}

/* Makes one cluster of the words that were written for it. */
static pm_status make_cluster(const pm_host *host, pm_registrar *registrar, pm_bytes name, const pm_value *urls) {
    pm_cluster_decl cluster;
    uint32_t number = 0;
    size_t index;
    const pm_value *url;
    pm_bytes key;
    cluster.size = (uint32_t)sizeof cluster;
    cluster.flags = 0;
    cluster.name = name;
    cluster.at = urls;
    if (host->cluster(host, registrar, &cluster, &number) != PM_OK) return PM_ERROR;
    for (index = 0; (url = host->value_at(urls, index, &key)) != NULL; index++) {
        pm_endpoint_decl endpoint;
        uint64_t id;
        memset(&endpoint, 0, sizeof endpoint);
        endpoint.size = (uint32_t)sizeof endpoint;
        endpoint.at = url;
        if (host->value_text(url, &endpoint.url) != PM_OK) return PM_ERROR;
        if (host->endpoint(host, registrar, number, &endpoint, &id) != PM_OK) return PM_ERROR;
    }
    return PM_OK;
}

static pm_status init(const pm_host *host, const pm_module *self, const pm_value *config, const pm_call *call,
                      pm_registrar *registrar, void **state) {
    const pm_value *clusters = pm_value_get(host, config, "CounterCluster");
    const pm_value *urls;
    pm_bytes name;
    size_t index;
    pm_status status;
    counter *counts;
    for (index = 0; clusters && (urls = host->value_at(clusters, index, &name)) != NULL; index++) {
        status = make_cluster(host, registrar, name, urls);
        if (status != PM_OK) return status;
    }
    counts = (counter *)calloc(1, sizeof *counts);
    if (!counts) return pm_fail(call, "counter: no memory", NULL);
    counts->host = host;
    counts->self = self;
    status = pm_hook(host, registrar, PM_HOOK_LOAD_BALANCE, self->ident, begin, counts, sizeof(walk));
    if (status != PM_OK) {
        free(counts);
        return status;
    }
    *state = counts;
    return PM_OK;
}

static void fini(void *state) {
    counter *counts = (counter *)state;
    char line[256];
    if (!counts) return;
    snprintf(line, sizeof line, "counter: begin=%llu next_ok=%llu next_done=%llu failed=%llu done=%llu drop=%llu",
             (unsigned long long)pm_load_u64(&counts->begin), (unsigned long long)pm_load_u64(&counts->next_ok),
             (unsigned long long)pm_load_u64(&counts->next_done), (unsigned long long)pm_load_u64(&counts->failed),
             (unsigned long long)pm_load_u64(&counts->done), (unsigned long long)pm_load_u64(&counts->drop));
    pm_log(counts->host, counts->self, PM_LOG_INFO, line);
    free(counts);
}

static const pm_directive DIRECTIVES[] = {
    PM_DIRECTIVE(PM_SCOPE_SERVER, PM_KEYED, "CounterCluster", "clusters", "adds servers to a cluster"),
    PM_DIRECTIVE(PM_SCOPE_SERVER | PM_SCOPE_VHOST | PM_SCOPE_LOCATION, PM_ROUTE, "CounterProxyPass", "routes",
                 "as ProxyPass, with a cluster in place of the URL"),
};

PM_MODULE_WITH(counter_module, "1.0.0", DIRECTIVES, init, fini);
