/* Changes fields and passes a note from one hook to the next by the header's inline functions. What the server refuses
 * is answered as an error; /smuggle asks for such a thing. */
#include "proxy_module.h"

static pm_status check(void *user, const pm_call *call, const void *in_, void *out) {
    const pm_request_in *in = (const pm_request_in *)in_;
    (void)user;
    (void)call;
    (void)out;
    if (pm_set_field(in->edits, pm_bytes_of("X-Early"), pm_bytes_of("1")) != PM_ERROR) return PM_HTTP(418);
    return pm_set_note(in->request, "edits.path", in->request->path);
}

static pm_status fix(void *user, const pm_call *call, const void *in_, void *out) {
    const pm_request_in *in = (const pm_request_in *)in_;
    pm_bytes note;
    (void)user;
    (void)call;
    (void)out;
    if (pm_bytes_equal(in->request->path, "/smuggle"))
        return pm_add_field(in->edits, pm_bytes_of("Transfer-Encoding"), pm_bytes_of("chunked"));
    if (pm_bytes_equal(in->request->path, "/inject"))
        return pm_set_field(in->edits, pm_bytes_of("X-C"), pm_bytes_of("a\r\nX-Injected: b"));
    if (!pm_note_of(in->request, "edits.path", &note)) return PM_HTTP(418);
    if (pm_unset_field(in->edits, pm_bytes_of("X-Gone")) != PM_OK) return PM_ERROR;
    return pm_set_field(in->edits, pm_bytes_of("X-Noted"), note);
}

static pm_status answered(void *user, const pm_call *call, const void *in_, void *out) {
    const pm_response_in *in = (const pm_response_in *)in_;
    (void)user;
    (void)call;
    (void)out;
    return pm_add_field(in->edits, pm_bytes_of("X-C"), pm_bytes_of("c"));
}

static pm_status init(const pm_host *host, const pm_module *self, const pm_value *config, const pm_call *call,
                      pm_registrar *registrar, void **state) {
    pm_bytes any = pm_bytes_of("");
    (void)self;
    (void)config;
    (void)call;
    (void)state;
    if (pm_hook(host, registrar, PM_HOOK_ACCESS_CHECKER, any, check, NULL, 0) != PM_OK) return PM_ERROR;
    if (pm_hook(host, registrar, PM_HOOK_FIXUPS, any, fix, NULL, 0) != PM_OK) return PM_ERROR;
    return pm_hook(host, registrar, PM_HOOK_RESPONSE_HEAD, any, answered, NULL, 0);
}

static void fini(void *state) { (void)state; }

PM_MODULE(edits_module, "1.0.0", init, fini);
