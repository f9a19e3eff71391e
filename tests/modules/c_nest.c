/* Runs hooks within hooks: the access check runs com.example.nest.1, whose implementation runs com.example.nest.2, and
 * so on, DEPTH of them in all. -DLOOP: the last one runs the first again.
 *
 * Requests go on if all of that went well, 508 answers what PM_LIMIT stopped, and a line of the log says how many ran.
 */
#include <stdio.h>

#include "proxy_module.h"

#ifndef DEPTH
#define DEPTH 2
#endif

#define SIG UINT64_C(0x6e657374)

/* In both directions. */
typedef struct {
    uint32_t size, ran;
} nest_out;

/* One instance a process is all that the tests need. */
static const pm_runner *runners[DEPTH];
static uint32_t places[DEPTH];
static const pm_host *server;
static const pm_module *own;

static pm_status run(const pm_call *call, uint32_t place, nest_out *out) {
    return pm_run_hook(call, runners[place], &places[place], out);
}

static pm_status nested(void *user, const pm_call *call, const void *in, void *out_) {
    nest_out *out = (nest_out *)out_;
    uint32_t place = *(const uint32_t *)user;
    if (*(const uint32_t *)in != place) return pm_fail(call, "another hook's input", NULL);
    out->ran++;
    if (place + 1 < DEPTH) return run(call, place + 1, out);
#ifdef LOOP
    return run(call, 0, out);
#else
    return PM_OK;
#endif
}

static pm_status check(void *user, const pm_call *call, const void *in, void *out_) {
    nest_out out = {sizeof(nest_out), 0};
    char line[64];
    pm_status status = run(call, 0, &out);
    (void)user, (void)in, (void)out_;
    snprintf(line, sizeof line, "nest: %u ran", (unsigned)out.ran);
    pm_log(server, own, PM_LOG_INFO, line);
    return status == PM_OK ? PM_DECLINED : status == PM_LIMIT ? (pm_status)508 : PM_ERROR;
}

static pm_status init(const pm_host *host, const pm_module *self, const pm_value *config, const pm_call *call,
                      pm_registrar *registrar, void **state) {
    pm_status status = PM_OK;
    uint32_t place;
    (void)config, (void)call, (void)state;
    server = host;
    own = self;
    for (place = 0; place < DEPTH && status == PM_OK; place++) {
        char name[32];
        pm_hook_decl decl;
        places[place] = place;
        snprintf(name, sizeof name, "com.example.nest.%u", (unsigned)place + 1);
        memset(&decl, 0, sizeof decl);
        decl.size = (uint32_t)sizeof decl;
        decl.kind = PM_HOOK_FIRST;
        decl.name = pm_bytes_of(name);
        decl.sig = SIG;
        decl.in_size = sizeof(uint32_t);
        decl.out_size = sizeof(nest_out);
        decl.doc = pm_bytes_of("runs the next one");
        status = host->declare_hook(host, registrar, &decl);
        if (status == PM_OK) status = host->runner(host, registrar, decl.name, SIG, &runners[place]);
        if (status == PM_OK) status = pm_hook(host, registrar, name, SIG, pm_bytes_of(""), nested, &places[place], 0);
    }
    if (status != PM_OK) return status;
    return pm_hook(host, registrar, PM_HOOK_ACCESS_CHECKER, pm_bytes_of(""), check, NULL, 0);
}

static void fini(void *state) { (void)state; }

PM_MODULE(c_nest_module, "1.0.0", init, fini);
