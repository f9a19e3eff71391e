/* Implements com.example.geo.locate in C: every client is in DE. The signature is the one that -D DUMP_HOOKS prints.
 *
 * -DSIG=... another signature; -DANSWER=... another answer; -DORDER=... another place; -DBEFORE, -DAFTER constrain
 * it to geo_table_module.
 */
#include "proxy_module.h"

#ifndef SIG
#define SIG UINT64_C(0x0167c6de80c4552c)
#endif
#ifndef ANSWER
#define ANSWER PM_OK
#endif
#ifndef ORDER
#define ORDER PM_ORDER_MIDDLE
#endif

typedef struct {
    uint32_t size, reserved;
    pm_bytes client;
} locate_in;

typedef struct {
    uint32_t size;
    uint8_t first, second;
    uint16_t reserved;
} locate_out;

static pm_status locate(void *user, const pm_call *call, const void *in_, void *out_) {
    const locate_in *in = (const locate_in *)in_;
    locate_out *out = (locate_out *)out_;
    (void)user;
    if (in->client.len == 0) return PM_DECLINED;
    out->first = 'D';
    out->second = 'E';
    if (ANSWER != PM_OK) return pm_fail(call, "the atlas is torn", NULL), ANSWER;
    return PM_OK;
}

static pm_status init(const pm_host *host, const pm_module *self, const pm_value *config, const pm_call *call,
                      pm_registrar *registrar, void **state) {
    pm_hook_impl impl;
    pm_bytes other = pm_bytes_of("geo_table_module");
    (void)self;
    (void)config;
    (void)call;
    (void)state;
    memset(&impl, 0, sizeof impl);
    impl.size = (uint32_t)sizeof impl;
    impl.order = ORDER;
    impl.name = pm_bytes_of("com.example.geo.locate");
    impl.sig = SIG;
    impl.func = locate;
#ifdef BEFORE
    impl.before = &other;
    impl.nbefore = 1;
#endif
#ifdef AFTER
    impl.after = &other;
    impl.nafter = 1;
#endif
    (void)other;
    return host->hook(host, registrar, &impl);
}

static void fini(void *state) { (void)state; }

PM_MODULE(c_geo_module, "1.0.0", init, fini);
