/* Provides com.example.geo.country in C, or uses such a provider, or both. The signature is the one that
 * -D DUMP_HOOKS prints.
 *
 * -DIDENT=x_module names the module; -DPROVIDE=NAME provides NAME, which says that every client is in DE;
 * -DUSE=NAME refuses clients from DE with 403 by the provider NAME, and nobody without it; -DSIG=... another
 * signature; -DANSWER=... another answer. Each instance says at its end `IDENT ends`.
 */
#include "proxy_module.h"

#ifndef IDENT
#define IDENT c_country_module
#endif
#ifndef SIG
#define SIG UINT64_C(0x9900a138b77bc582)
#endif
#ifndef ANSWER
#define ANSWER PM_OK
#endif
#define TEXT_(name) #name
#define TEXT(name) TEXT_(name)

typedef struct {
    uint32_t size, reserved;
    pm_bytes client;
} country_in;

typedef struct {
    uint32_t size;
    uint8_t first, second;
    uint16_t reserved;
} country_out;

/* One generation at a time is enough for a test. */
static struct {
    const pm_host *host;
    const pm_module *self;
    const pm_provider *provider;
} instance;

#ifdef PROVIDE
static pm_status country(void *user, const pm_call *call, const void *in_, void *out_) {
    const country_in *in = (const country_in *)in_;
    country_out *out = (country_out *)out_;
    (void)user;
    if (in->client.len == 0) return PM_DECLINED;
    out->first = 'D';
    out->second = 'E';
    if (ANSWER != PM_OK) return pm_fail(call, "the atlas is torn", NULL), ANSWER;
    return PM_OK;
}

static pm_status provide(const pm_host *host, pm_registrar *registrar) {
    pm_provider_decl decl;
    memset(&decl, 0, sizeof decl);
    decl.size = (uint32_t)sizeof decl;
    decl.group = pm_bytes_of("com.example.geo.country");
    decl.name = pm_bytes_of(TEXT(PROVIDE));
    decl.sig = SIG;
    decl.func = country;
    decl.doc = pm_bytes_of("says that everybody is in DE");
    return host->provide(host, registrar, &decl);
}
#endif

#ifdef USE
static pm_status check(void *user, const pm_call *call, const void *in_, void *out_) {
    const pm_request_in *in = (const pm_request_in *)in_;
    country_in question = {sizeof question, 0, {NULL, 0}};
    country_out found = {sizeof found, 0, 0, 0};
    pm_status status;
    (void)user;
    (void)out_;
    question.client = in->request->client;
    status = pm_call_provider(call, instance.provider, &question, &found);
    if (status != PM_OK) return status;
    return found.first == 'D' && found.second == 'E' ? PM_HTTP(403) : PM_DECLINED;
}

static pm_status look_up(const pm_host *host, pm_registrar *registrar) {
    pm_status status = host->provider(host, registrar, pm_bytes_of("com.example.geo.country"),
                                      pm_bytes_of(TEXT(USE)), SIG, &instance.provider);
    if (status != PM_OK) return status;
    return pm_hook(host, registrar, PM_HOOK_ACCESS_CHECKER, pm_bytes_of(""), check, NULL, 0);
}
#endif

static pm_status init(const pm_host *host, const pm_module *self, const pm_value *config, const pm_call *call,
                      pm_registrar *registrar, void **state) {
    (void)config;
    (void)call;
    (void)state;
    instance.host = host;
    instance.self = self;
#ifdef PROVIDE
    if (provide(host, registrar) != PM_OK) return PM_ERROR;
#endif
#ifdef USE
    if (look_up(host, registrar) != PM_OK) return PM_ERROR;
#endif
    (void)registrar;
    return PM_OK;
}

static void fini(void *state) {
    (void)state;
    pm_log(instance.host, instance.self, PM_LOG_INFO, TEXT(IDENT) " ends");
}

#define EXPORT(ident) PM_MODULE(ident, "1.0.0", init, fini)
EXPORT(IDENT);
