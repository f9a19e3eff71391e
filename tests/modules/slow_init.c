/* A module whose init takes as long as a file is there, for tests of what else goes on meanwhile.
 *
 *     SlowInit /path/of/the/file
 */
#define _POSIX_C_SOURCE 200809L
#include <time.h>
#include <unistd.h>

#include "proxy_module.h"

static pm_status init(const pm_host *host, const pm_module *self, const pm_value *config, const pm_call *call,
                      pm_registrar *registrar, void **state) {
    const pm_value *path = pm_value_get(host, config, "SlowInit");
    const struct timespec pause = {0, 2000000};
    char name[4096];
    pm_bytes text;
    (void)self;
    (void)call;
    (void)registrar;
    *state = NULL;
    if (!path || host->value_text(path, &text) != PM_OK || text.len >= sizeof name) return PM_OK;
    memcpy(name, text.ptr, text.len);
    name[text.len] = '\0';
    while (access(name, F_OK) == 0) nanosleep(&pause, NULL);
    return PM_OK;
}

static void fini(void *state) { (void)state; }

static const pm_directive DIRECTIVES[] = {
    PM_DIRECTIVE(PM_SCOPE_SERVER, PM_TAKE1, "SlowInit", "path", "waits while the file is there"),
};

PM_MODULE_WITH(slow_init_module, "1.0.0", DIRECTIVES, init, fini);
