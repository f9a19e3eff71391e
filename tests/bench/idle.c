/* A module that is loaded and has nothing to do: a balancer that no cluster asks for. Built many times by
 * `cargo xtask bench idle-modules`, each time with another name in IDLE_MODULE.
 */
#include "proxy_module.h"

static pm_status begin(void *user, const pm_call *call, const void *in, void *out) {
    (void)user;
    (void)call;
    (void)in;
    (void)out;
    return PM_DECLINED;
}

static pm_status init(const pm_host *host, const pm_module *self, const pm_value *config, const pm_call *call,
                      pm_registrar *registrar, void **state) {
    (void)config;
    (void)call;
    (void)state;
    return pm_hook(host, registrar, PM_HOOK_LOAD_BALANCE, self->ident, begin, NULL, 0);
}

static void fini(void *state) { (void)state; }

PM_MODULE(IDLE_MODULE, "1.0.0", init, fini);
