/* proxy_module.h: the module boundary of proxyd, for modules written in C. Version 0.1.
 *
 * The same structs, numbers and function types as the Rust crate proxy-abi; a test compares every size, offset
 * and constant of the two. C99 or C++11, 64-bit little-endian targets.
 *
 * A module is a shared object that exports one symbol, its record, made by PM_MODULE:
 *
 *     cc -std=c99 -shared -fPIC -fvisibility=hidden -o mod_x.so mod_x.c
 *     LoadModule x_module modules/mod_x.so
 *
 * Rules of the boundary
 *   memory    No ownership crosses. A pointer is valid until the call returns, unless its text says longer. The
 *             server copies every string that it keeps.
 *   text      Bytes with a length: not ended by zero, not promised to be UTF-8. A length of 0 may come with a
 *             null pointer.
 *   size      Each struct begins with its size, set by who writes it. Nobody reads beyond the size. Reserved
 *             fields are zero.
 *   numbers   Unknown numbers of an enumeration must be handled.
 *   threads   [main]   one thread at a time, may block briefly
 *             [exec]   any executor, several at once, must not block
 *             [object] never two at once for one object, but maybe from changing threads
 *             [any]    any thread at any time
 *   faults    C has no panics to contain: a crash ends the server. A C++ module catches its exceptions in every
 *             function that it hands over; nothing may unwind into the server.
 *   re-entry  No function of the server calls the module while it runs, except run_hook and
 *             call_provided: they call implementations and providers, never one that is running already.
 */
#ifndef PROXY_MODULE_H
#define PROXY_MODULE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PM_MAJOR 0
#define PM_MINOR 1

/* "PXMODULE" in memory order */
#define PM_MAGIC UINT64_C(0x454c55444f4d5850)
#define PM_NOTE_SECTION ".note.proxyd.module"
#define PM_NOTE_TYPE_MODULE 1

/* ---- Primitives ------------------------------------------------------------------------------------------- */

typedef struct pm_bytes {
    const uint8_t *ptr;
    size_t len;
} pm_bytes;

/* What every hook and every function of the server answers. Unknown numbers count as PM_ERROR. */
typedef int32_t pm_status;
#define PM_OK 0       /* done as asked */
#define PM_DECLINED 1 /* not for this implementation: ask the next one */
#define PM_PENDING 2  /* reserved, not to be answered yet */
#define PM_DONE 3     /* of a trylist's next: nothing is left */
#define PM_ERROR (-1) /* an orderly refusal; the text is in the call's error sink */
#define PM_PANICKED (-2)
#define PM_ABI (-3)   /* the caller broke the contract */
#define PM_LIMIT (-4)
/* From a request hook: answer the request with this HTTP status, 100 to 599. */
#define PM_HTTP(code) ((pm_status)(code))

typedef struct pm_host pm_host;
typedef struct pm_module pm_module;
typedef struct pm_err_sink pm_err_sink;   /* opaque */
typedef struct pm_registrar pm_registrar; /* opaque; in init only */
typedef struct pm_runner pm_runner;       /* opaque; as long as the generation whose init asked for it */
typedef struct pm_provider pm_provider;   /* opaque; what was looked up; as long as the generation, too */
typedef struct pm_provided pm_provided;   /* opaque; the function that was found; as long */
typedef struct pm_value pm_value;         /* opaque; a piece of configuration, valid until init returns */

/* The executor's generator of random numbers, SplitMix64; not for secrets. */
typedef struct pm_random {
    uint64_t state;
} pm_random;

/* The circumstances of one call; valid until it returns. */
typedef struct pm_call {
    uint32_t size;
    uint32_t executor;      /* UINT32_MAX outside of any; for this call only */
    const pm_host *host;    /* lives as long as the process */
    const pm_err_sink *err; /* for pm_host.set_error */
    pm_random *random;      /* the executor's generator, see pm_random_next */
    uint64_t now_ns;        /* monotonic, read when the executor woke up */
    const void *waker;      /* reserved, null */
    uint64_t deadline_ns;   /* the request's, on the clock of now_ns; 0 for none */
    uint64_t trace_id;      /* the request's number, 0 outside of requests */
} pm_call;

/* The one shape of every hook and of every call of a trylist. in and out point to the structs that the hook's
 * declaration names; out is null where there is none, as in all reports to a trylist. */
typedef pm_status (*pm_hook_fn)(void *user, const pm_call *call, const void *in, void *out);

/* ---- Configuration ---------------------------------------------------------------------------------------- */

#define PM_VALUE_NULL 0u
#define PM_VALUE_TEXT 1u /* numbers and flags too: what was written */
#define PM_VALUE_LIST 2u
#define PM_VALUE_MAP 3u

/* Where a directive may stand. */
#define PM_SCOPE_SERVER 1u
#define PM_SCOPE_VHOST 2u
#define PM_SCOPE_LOCATION 4u
#define PM_SCOPE_CLUSTER 8u

/* How many words a directive takes, and the shape of its value. */
#define PM_NO_ARGS 0u
#define PM_TAKE1 1u    /* text */
#define PM_TAKE2 2u    /* list of texts, as all of several words */
#define PM_TAKE3 3u
#define PM_TAKE12 4u   /* one or two */
#define PM_TAKE13 5u   /* one or three */
#define PM_TAKE23 6u   /* two or three */
#define PM_TAKE123 7u  /* one, two or three */
#define PM_ITERATE 8u  /* one or more; list over all lines */
#define PM_ITERATE2 9u /* one, then one or more; map of lists */
#define PM_FLAG 10u    /* On or Off */
#define PM_RAW_ARGS 11u
#define PM_TAKE_ARGV 12u
#define PM_KEYED 13u   /* a key, then words that are appended to the key's list; map of lists */
#define PM_ROUTE 14u   /* as ProxyPass with a cluster's name in place of the URL; entered by the server */

typedef struct pm_directive {
    uint32_t scopes; /* PM_SCOPE_ */
    uint32_t args;   /* PM_TAKE1 and so on */
    pm_bytes name;
    pm_bytes field;  /* a name for it in programs */
    pm_bytes doc;    /* one sentence */
} pm_directive;

/* ---- The server's functions ------------------------------------------------------------------------------- */

/* How loud a line of the log is; smaller is graver. */
#define PM_LOG_ERROR 1u
#define PM_LOG_WARN 2u
#define PM_LOG_INFO 3u
#define PM_LOG_DEBUG 4u
#define PM_LOG_TRACE 5u

typedef struct pm_log_field {
    pm_bytes key;
    pm_bytes value;
} pm_log_field;

typedef struct pm_hook_decl {
    uint32_t size;
    uint32_t kind; /* PM_HOOK_FIRST and so on */
    pm_bytes name;
    uint64_t sig;
    uint32_t in_size, out_size;
    pm_bytes doc;
    pm_bytes layout; /* the text of which sig is the FNV-1a hash */
} pm_hook_decl;

typedef struct pm_hook_impl {
    uint32_t size;
    int32_t order; /* PM_ORDER_, or any other number */
    pm_bytes name;
    uint64_t sig;
    pm_bytes key; /* of KEYED hooks: the key answered for; empty for any */
    pm_hook_fn func;
    void *user;             /* handed to each call */
    const pm_bytes *before; /* idents of modules that come later */
    const pm_bytes *after;  /* idents of modules that come earlier */
    uint32_t nbefore, nafter;
    uint32_t scratch_size;  /* bytes that each trylist of this implementation wants */
    uint32_t scratch_align; /* at most 64 */
} pm_hook_impl;

/* A function for other modules. The group says of what kind it is, the name which one of that kind. */
typedef struct pm_provider_decl {
    uint32_t size;
    uint32_t reserved;
    pm_bytes group; /* com.example.geo.country */
    pm_bytes name;
    uint64_t sig;   /* of the kind: what is handed in and filled */
    pm_hook_fn func;
    void *user;     /* handed to each call */
    pm_bytes doc;   /* one sentence */
    pm_bytes layout; /* the text of which sig is the FNV-1a hash */
} pm_provider_decl;

typedef struct pm_cluster_decl {
    uint32_t size;
    uint32_t flags; /* reserved, 0 */
    pm_bytes name;
    const pm_value *at; /* the value that names it, for messages; may be null */
} pm_cluster_decl;

typedef struct pm_endpoint_decl {
    uint32_t size;
    uint32_t weight; /* 0 means 1 */
    pm_bytes url;    /* http://host[:port] */
    const pm_value *at;
} pm_endpoint_decl;

#define PM_BLOB_CLUSTER 1u
#define PM_BLOB_ENDPOINT 2u
typedef void (*pm_blob_fn)(void *blob);

/* Keeps a blob over reloads: from a cluster to the one of the same name, from an endpoint to the one of the same id,
 * between modules of the same ident, whatever file they came from. save is called while requests use the blob: it
 * writes at most room bytes (PM_MOST_KEPT) to out and answers how many it has; 0, or more than room, and nothing is
 * kept. load reads what the save of that version wrote, in a blob that nobody has seen yet, and answers PM_OK, or
 * PM_DECLINED if it cannot be used: the blob then stays as it was made. [main], both */
#define PM_MOST_KEPT 65536u
typedef struct pm_keep_decl {
    uint32_t size;
    uint32_t kind;    /* PM_BLOB_CLUSTER or PM_BLOB_ENDPOINT */
    uint32_t offset;  /* as answered by blob in this init */
    uint32_t version; /* of what save writes */
    pm_bytes name;    /* one name for each thing that the module keeps */
    size_t (*save)(const void *blob, uint8_t *out, size_t room);
    pm_status (*load)(void *blob, uint32_t version, pm_bytes kept);
} pm_keep_decl;

/* In pm_host.flags: this module is compiled into the server. */
#define PM_STATIC_MODULE 1u

/* The table lives as long as the process. Out-parameters may be null: what is not wanted is not written. A null value
 * is PM_VALUE_NULL, without text and members; a line of a null module has no ident; a null declaration is PM_ABI. When
 * a function for init answers anything but PM_OK, the server keeps the reason and prints it if init then answers
 * PM_ERROR without a text of its own. */
struct pm_host {
    uint32_t size;
    uint16_t major, minor; /* of the server */
    uint32_t flags;
    uint32_t reserved;
    const uint8_t *max_level; /* read it by pm_log_enabled */
    /* Writes a line to the error log under the module's ident. [any] */
    void (*log)(const pm_host *host, const pm_module *module, uint32_t level, pm_bytes target, pm_bytes file,
                uint32_t line, pm_bytes message, const pm_log_field *fields, uint32_t nfields);
    /* Says what is wrong; the message is copied, at most 492 bytes. at is the value meant, or null. [any] */
    void (*set_error)(const pm_host *host, const pm_err_sink *err, int32_t code, pm_bytes message,
                      const pm_value *at);
    /* Declares a hook of the module's own. [main], in init */
    pm_status (*declare_hook)(const pm_host *host, pm_registrar *registrar, const pm_hook_decl *decl);
    /* Implements a hook, known to the server or not. [main], in init */
    pm_status (*hook)(const pm_host *host, pm_registrar *registrar, const pm_hook_impl *impl);
    /* Makes a cluster and answers its number within this init. [main], in init */
    pm_status (*cluster)(const pm_host *host, pm_registrar *registrar, const pm_cluster_decl *decl,
                         uint32_t *cluster);
    /* Adds an endpoint to a cluster of this init and answers its id. [main], in init */
    pm_status (*endpoint)(const pm_host *host, pm_registrar *registrar, uint32_t cluster,
                          const pm_endpoint_decl *decl, uint64_t *id);
    /* Asks for size > 0 bytes of zeroed memory beside each cluster or endpoint, and answers their offset in the
     * object's blob. ctor and dtor may be null. [main], in init */
    pm_status (*blob)(const pm_host *host, pm_registrar *registrar, uint32_t kind, uint32_t size, uint32_t align,
                      pm_blob_fn ctor, pm_blob_fn dtor, uint32_t *offset);
    /* Shape, text, length and members of a value. [any], until init returns */
    uint32_t (*value_kind)(const pm_value *value);
    pm_status (*value_text)(const pm_value *value, pm_bytes *text);
    size_t (*value_len)(const pm_value *value);
    const pm_value *(*value_at)(const pm_value *value, size_t index, pm_bytes *key);
    /* An extension by name and signature, or null. This version has none. [any] */
    const void *(*get_ext)(const pm_host *host, pm_bytes id, uint64_t sig);
    /* Asks to run a hook, of whoever declares it; proxy.load_balance is run by the server alone. [main], in init */
    pm_status (*runner)(const pm_host *host, pm_registrar *registrar, pm_bytes name, uint64_t sig,
                        const pm_runner **runner);
    /* Runs a hook as its kind says and answers what its implementations came to: PM_DECLINED if nobody has anything
     * to say, PM_LIMIT if an implementation is running already further up, or at the ninth run within a run. [any]
     * with a call */
    pm_status (*run_hook)(const pm_host *host, const pm_call *call, const pm_runner *runner, pm_bytes key,
                          const void *in, void *out);
    /* Provides a function under a group and a name, which only one module may provide. [main], in init */
    pm_status (*provide)(const pm_host *host, pm_registrar *registrar, const pm_provider_decl *decl);
    /* Looks up a function, of whoever provides it, loaded before or after. PM_OK also if nobody does, which only
     * provided tells. [main], in init */
    pm_status (*provider)(const pm_host *host, pm_registrar *registrar, pm_bytes group, pm_bytes name, uint64_t sig,
                          const pm_provider **provider);
    /* The function that was looked up; null if nobody provides it, if it has another signature (the log says which
     * two), or until all modules have begun. [any] */
    const pm_provided *(*provided)(const pm_host *host, const pm_provider *provider);
    /* Calls it. PM_LIMIT if it is running already further up, or at the ninth call within a call, runs of hooks
     * included. [any] with a call */
    pm_status (*call_provided)(const pm_host *host, const pm_call *call, const pm_provided *provided, const void *in,
                               void *out);
    /* Keeps a blob over reloads. [main], in init, after blob */
    pm_status (*keep)(const pm_host *host, pm_registrar *registrar, const pm_keep_decl *decl);
};

/* ---- The record ------------------------------------------------------------------------------------------- */

#define PM_FLAG_GUARDED 1u
#define PM_FLAG_RUST 2u
#define PM_FLAG_THREADS 4u /* starts threads of its own */

/* Makes the instance that one generation of the configuration uses, and registers what it implements. No effect
 * outside memory: no sockets, threads or files. May run several times: state hangs on *state, not on statics.
 * Registrations count only if it answers PM_OK. [main] */
typedef pm_status (*pm_init_fn)(const pm_host *host, const pm_module *self, const pm_value *config,
                                const pm_call *call, pm_registrar *registrar, void **state);
/* The last call for that instance. [main] */
typedef void (*pm_fini_fn)(void *state);

struct pm_module {
    uint64_t magic;
    uint32_t size;
    uint16_t major, minor_min, minor_built, reserved;
    uint32_t flags;
    pm_bytes ident;   /* the symbol's own name */
    pm_bytes version;
    pm_bytes build;   /* compiler and header, for messages */
    const pm_directive *directives;
    uint32_t ndirectives, directive_stride;
    pm_init_fn init;
    pm_fini_fn fini;
};

typedef struct pm_note_desc {
    uint16_t major, minor_min, minor_built, reserved;
    uint32_t flags;
    char ident[64];
} pm_note_desc;

typedef struct pm_note {
    uint32_t namesz, descsz, type;
    char name[8];
    pm_note_desc desc;
} pm_note;

/* ---- Requests --------------------------------------------------------------------------------------------- */

/* The fields of a message; read them by pm_field_at and pm_field_named. */
typedef struct pm_fields {
    const void *data;
    uint32_t (*at)(const void *data, uint32_t index, pm_bytes *name, pm_bytes *value);
} pm_fields;

#define PM_EDIT_SET 1u   /* one field of that name, in place of all there are */
#define PM_EDIT_ADD 2u   /* one more, after those there are */
#define PM_EDIT_UNSET 3u /* none; the value plays no part */

/* The changes of one message's fields; use pm_set_field, pm_add_field and pm_unset_field. */
typedef struct pm_edits {
    const void *data;
    pm_status (*edit)(const void *data, uint32_t op, pm_bytes name, pm_bytes value);
} pm_edits;

/* What modules note on a request for those that come later; use pm_note_of and pm_set_note. */
typedef struct pm_notes {
    const void *data;
    pm_status (*set)(const void *data, pm_bytes key, pm_bytes value);
    uint32_t (*get)(const void *data, pm_bytes key, pm_bytes *value);
} pm_notes;

/* Valid until the call that got it returns, in load_balance until the trylist is dropped. */
typedef struct pm_request {
    uint32_t size;
    uint32_t version; /* 10 or 11 */
    uint64_t id;      /* its number in this process */
    pm_bytes method;
    pm_bytes scheme;
    pm_bytes authority;    /* host and port as the client named them; empty in HTTP/1.0 without Host */
    pm_bytes path;         /* as received */
    pm_bytes query;        /* without the question mark */
    pm_bytes unparsed_uri; /* the target of the request line, byte for byte */
    pm_bytes client;       /* 192.0.2.7 or 2001:db8::7 */
    pm_fields fields;
    pm_notes notes;
} pm_request;

typedef struct pm_request_in {
    uint32_t size;
    uint32_t reserved;
    const pm_request *request;
    const pm_edits *edits; /* of the request's fields, in fixups; null elsewhere: nothing may be changed */
} pm_request_in;

typedef struct pm_response_in {
    uint32_t size;
    uint32_t status;
    uint32_t index; /* of the endpoint that answered; UINT32_MAX without a trylist */
    uint32_t tries; /* endpoints tried, the one that answered included */
    uint64_t id;    /* the endpoint's, 0 if nobody was asked */
    const pm_request *request;
    pm_fields fields; /* of the response, as received */
    const pm_edits *edits; /* of these fields, as the client gets them; null in a trylist's response_head */
    pm_bytes endpoint;     /* host:port of the endpoint that answered */
    pm_bytes cluster;      /* its name; for a route to a URL, the URL */
} pm_response_in;

typedef struct pm_log_in {
    uint32_t size;
    uint32_t status; /* sent, 0 if none was */
    uint32_t tries;
    uint32_t reserved;
    uint64_t id;       /* of the endpoint that answered, 0 if none did */
    uint64_t sent;     /* body bytes to the client */
    uint64_t received; /* body bytes from the client */
    uint64_t total_us;
    const pm_request *request;
    pm_bytes endpoint; /* host:port of the endpoint that answered, or empty */
} pm_log_in;

/* Output of hooks that answer by their status alone. */
typedef struct pm_unit {
    uint32_t size;
    uint32_t reserved;
} pm_unit;

/* ---- Endpoints -------------------------------------------------------------------------------------------- */

/* Counted by the server on all executors; read by pm_load_u32 and pm_load_u64. */
typedef struct pm_stats {
    uint32_t in_flight;    /* handed out and not yet finished */
    uint32_t conns;        /* open, idle ones included */
    uint32_t ewma_us;      /* moving average of the time to the first response byte */
    uint32_t fails_in_row;
    uint64_t total;
    uint64_t errors;
    uint64_t reserved[4];
} __attribute__((aligned(64))) pm_stats;

#define PM_HEALTH_UP 0
#define PM_HEALTH_DOWN 1

typedef struct pm_endpoint {
    uint64_t id;   /* the same after every reload */
    pm_bytes addr; /* host:port; lives as long as the set */
    uint32_t weight;
    uint8_t health; /* PM_HEALTH_ */
    uint8_t flags;
    uint16_t reserved;
    const pm_stats *stats; /* never null */
    void *blob; /* memory of all modules; add the offset that pm_host.blob answered */
} pm_endpoint;

/* Immutable and pinned: an index means the same endpoint in all calls of one trylist. */
typedef struct pm_endpoint_set {
    uint32_t size;
    uint32_t stride;  /* bytes from one endpoint to the next: read them by pm_endpoint_at */
    uint64_t version; /* another number whenever membership or health changed */
    uint32_t cluster;
    uint32_t reserved;
    pm_bytes name;
    const pm_endpoint *ptr;
    size_t len;
    const uint32_t *usable; /* indexes of those that may take traffic, ascending, each once */
    size_t usable_len;
    void *blob; /* null for a set of no cluster */
} pm_endpoint_set;

/* ---- proxy.load_balance ----------------------------------------------------------------------------------- */

/* request, unparsed_uri, set and scratch keep their addresses until the trylist is dropped. */
typedef struct pm_lb_in {
    uint32_t size;
    uint32_t max_attempts; /* the server asks no more often */
    pm_bytes load_balancer_module_id;
    pm_bytes unparsed_uri;
    const pm_request *request;
    const pm_endpoint_set *set;
    uint64_t hash;   /* of hash_key, the same in every process; 0 without a key */
    pm_bytes hash_key; /* what LBHashKey takes from the request, or empty */
    const void *cfg; /* reserved, null */
    uint8_t *scratch; /* as asked for in pm_hook_impl; not zeroed; this trylist's until drop */
    uint32_t scratch_size, scratch_align;
} pm_lb_in;

/* The calls of a trylist, all [object]. */
typedef struct pm_try_vt {
    uint32_t size;
    uint32_t reserved;
    pm_hook_fn next;            /* pm_next_in to pm_target: PM_OK, PM_DONE or PM_ERROR; required */
    pm_hook_fn report_failure;  /* pm_failure; required */
    void (*drop)(void *ctx);    /* exactly once, the last of all calls; required */
    pm_hook_fn done;            /* pm_outcome, once per target handed out, also on cancel; may be null */
    pm_hook_fn response_head;   /* pm_response_in; may be null */
} pm_try_vt;

typedef struct pm_lb_out {
    uint32_t size;
    uint32_t reserved;
    const pm_try_vt *vt; /* lives as long as the module */
    void *ctx;           /* handed to each call of the trylist */
} pm_lb_out;

typedef struct pm_next_in {
    uint32_t size;
    uint32_t attempt; /* 0 for the first */
    const pm_endpoint_set *set;
    const uint64_t *tried; /* a bit for each index, see pm_tried */
    size_t tried_words;
} pm_next_in;

#define PM_TARGET_AGAIN 1u /* in flags: the same endpoint may be tried again */

typedef struct pm_target {
    uint32_t size;
    uint32_t index; /* place in the set */
    uint32_t flags;
    uint32_t reserved;
} pm_target;

#define PM_FAILURE_RESOLVE 1u
#define PM_FAILURE_REFUSED 2u
#define PM_FAILURE_TIMEOUT 3u
#define PM_FAILURE_UNREACHABLE 4u
#define PM_FAILURE_NO_LOCAL_PORT 5u
#define PM_FAILURE_OTHER 6u

typedef struct pm_failure {
    uint32_t size;
    uint32_t index;
    uint64_t id;
    uint32_t kind;    /* PM_FAILURE_ */
    int32_t os_error; /* errno or 0 */
    uint64_t elapsed_us;
} pm_failure;

#define PM_OUTCOME_OK 0u        /* a whole response was received */
#define PM_OUTCOME_CONNECT 1u   /* no connection */
#define PM_OUTCOME_UPSTREAM 2u  /* closed, reset, or not HTTP */
#define PM_OUTCOME_TIMEOUT 3u
#define PM_OUTCOME_CANCELLED 4u /* the client went away, or the server gave up on it */

typedef struct pm_outcome {
    uint32_t size;
    uint32_t index;
    uint64_t id;
    uint32_t result;      /* PM_OUTCOME_ */
    uint32_t http_status; /* 0 if no response came */
    uint64_t connect_us;  /* 0 for a reused connection */
    uint64_t ttfb_us;     /* from the connection to the first byte, 0 if none came */
    uint64_t total_us;
    uint64_t sent;
    uint64_t received;
} pm_outcome;

/* ---- Hooks ------------------------------------------------------------------------------------------------ */

#define PM_HOOK_FIRST 0u /* in order until one does not decline */
#define PM_HOOK_ALL 1u   /* in order; stop on anything but PM_OK and PM_DECLINED */
#define PM_HOOK_VOID 2u  /* all of them; results are ignored */
#define PM_HOOK_FOLD 3u  /* reserved */
#define PM_HOOK_KEYED 4u /* those with the call's key, then those without a key */

#define PM_ORDER_FIRST 0
#define PM_ORDER_MIDDLE 10
#define PM_ORDER_LAST 20

#define PM_SIG_LOAD_BALANCE UINT64_C(0xff5a092855dfe0b4)
#define PM_SIG_POST_READ_REQUEST UINT64_C(0x321edd02a45c44fd)
#define PM_SIG_ACCESS_CHECKER UINT64_C(0xd942eb3ff5a3edb4)
#define PM_SIG_FIXUPS UINT64_C(0x471497b76a0148d9)
#define PM_SIG_RESPONSE_HEAD UINT64_C(0x0199a910004a8faa)
#define PM_SIG_LOG_TRANSACTION UINT64_C(0xadf55233996f4db4)

/* Name and signature: two arguments of pm_hook. Beside each, the structs that its functions get. */
#define PM_HOOK_LOAD_BALANCE "proxy.load_balance", PM_SIG_LOAD_BALANCE                /* pm_lb_in, pm_lb_out */
#define PM_HOOK_POST_READ_REQUEST "proxy.post_read_request", PM_SIG_POST_READ_REQUEST /* pm_request_in, pm_unit */
#define PM_HOOK_ACCESS_CHECKER "proxy.access_checker", PM_SIG_ACCESS_CHECKER          /* pm_request_in, pm_unit */
#define PM_HOOK_FIXUPS "proxy.fixups", PM_SIG_FIXUPS                                  /* pm_request_in, pm_unit */
#define PM_HOOK_RESPONSE_HEAD "proxy.response_head", PM_SIG_RESPONSE_HEAD             /* pm_response_in, pm_unit */
#define PM_HOOK_LOG_TRANSACTION "proxy.log_transaction", PM_SIG_LOG_TRANSACTION       /* pm_log_in, pm_unit */

/* ---- Inline functions ------------------------------------------------------------------------------------- */

static inline uint32_t pm_load_u32(const uint32_t *counter) { return __atomic_load_n(counter, __ATOMIC_RELAXED); }

/* The next random number, all 64 bits of it. */
static inline uint64_t pm_random_next(const pm_call *call) {
    uint64_t mixed = call->random->state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

/* A number below bound, all equally likely; 0 if bound is 0. */
static inline uint32_t pm_random_below(const pm_call *call, uint32_t bound) {
    return (uint32_t)(((pm_random_next(call) >> 32) * bound) >> 32);
}

static inline uint64_t pm_load_u64(const uint64_t *counter) { return __atomic_load_n(counter, __ATOMIC_RELAXED); }

/* Adds to a counter of the module's own and answers what it was before. */
static inline uint32_t pm_add_u32(uint32_t *counter, uint32_t more) {
    return __atomic_fetch_add(counter, more, __ATOMIC_RELAXED);
}

static inline uint64_t pm_add_u64(uint64_t *counter, uint64_t more) {
    return __atomic_fetch_add(counter, more, __ATOMIC_RELAXED);
}

static inline pm_bytes pm_bytes_of(const char *text) {
    pm_bytes bytes;
    bytes.ptr = (const uint8_t *)text;
    bytes.len = strlen(text);
    return bytes;
}

static inline int pm_bytes_equal(pm_bytes bytes, const char *text) {
    size_t len = strlen(text);
    return bytes.len == len && (len == 0 || memcmp(bytes.ptr, text, len) == 0);
}

/* The endpoint at index, or null. */
static inline const pm_endpoint *pm_endpoint_at(const pm_endpoint_set *set, size_t index) {
    if (index >= set->len) return NULL;
    return (const pm_endpoint *)(const void *)((const uint8_t *)set->ptr + index * set->stride);
}

/* Whether the endpoint at index was tried already in this request. */
static inline int pm_tried(const pm_next_in *in, uint32_t index) {
    size_t word = index / 64;
    return word < in->tried_words && ((in->tried[word] >> (index % 64)) & 1) != 0;
}

/* The index-th field of a message; 0 past the end. */
static inline int pm_field_at(const pm_fields *fields, uint32_t index, pm_bytes *name, pm_bytes *value) {
    return fields->at(fields->data, index, name, value) != 0;
}

/* The value of the first field of that name, given in lower case; letter case in the message does not matter. */
static inline int pm_field_named(const pm_fields *fields, const char *name, pm_bytes *value) {
    pm_bytes found;
    size_t len = strlen(name), i;
    uint32_t index;
    for (index = 0; pm_field_at(fields, index, &found, value); index++) {
        if (found.len != len) continue;
        for (i = 0; i < len; i++) {
            uint8_t byte = found.ptr[i];
            if (byte >= 'A' && byte <= 'Z') byte = (uint8_t)(byte + ('a' - 'A'));
            if (byte != (uint8_t)name[i]) break;
        }
        if (i == len) return 1;
    }
    return 0;
}

/* Sets a field in place of all of that name. PM_ERROR if edits is null, or if the server refuses: names are tokens,
 * values hold no control character, and what frames or routes a message is the server's own. The server has then
 * written its reason to the call's error sink: answer PM_ERROR and it is told. */
static inline pm_status pm_set_field(const pm_edits *edits, pm_bytes name, pm_bytes value) {
    return edits != NULL ? edits->edit(edits->data, PM_EDIT_SET, name, value) : PM_ERROR;
}

/* Adds a field to those of that name; answers as pm_set_field does. */
static inline pm_status pm_add_field(const pm_edits *edits, pm_bytes name, pm_bytes value) {
    return edits != NULL ? edits->edit(edits->data, PM_EDIT_ADD, name, value) : PM_ERROR;
}

/* Removes all fields of that name; answers as pm_set_field does. */
static inline pm_status pm_unset_field(const pm_edits *edits, pm_bytes name) {
    return edits != NULL ? edits->edit(edits->data, PM_EDIT_UNSET, name, pm_bytes_of("")) : PM_ERROR;
}

/* The last value noted under a key, valid as long as the request; 0 if there is none. */
static inline int pm_note_of(const pm_request *request, const char *key, pm_bytes *value) {
    return request->notes.get(request->notes.data, pm_bytes_of(key), value) != 0;
}

/* Notes a value under a key; the server keeps copies. PM_ERROR if there is no room for it. */
static inline pm_status pm_set_note(const pm_request *request, const char *key, pm_bytes value) {
    return request->notes.set(request->notes.data, pm_bytes_of(key), value);
}

/* Whether lines of that level are written at all. */
static inline int pm_log_enabled(const pm_host *host, uint32_t level) {
    return level <= __atomic_load_n(host->max_level, __ATOMIC_RELAXED);
}

/* Writes a line to the error log. */
static inline void pm_log(const pm_host *host, const pm_module *self, uint32_t level, const char *message) {
    if (pm_log_enabled(host, level)) {
        host->log(host, self, level, self->ident, pm_bytes_of(""), 0, pm_bytes_of(message), NULL, 0);
    }
}

/* Sets the call's error text and answers PM_ERROR. */
static inline pm_status pm_fail(const pm_call *call, const char *message, const pm_value *at) {
    call->host->set_error(call->host, call->err, 0, pm_bytes_of(message), at);
    return PM_ERROR;
}

/* The value of a key in a map, or null. */
static inline const pm_value *pm_value_get(const pm_host *host, const pm_value *map, const char *key) {
    pm_bytes found;
    const pm_value *value;
    size_t index;
    for (index = 0; (value = host->value_at(map, index, &found)) != NULL; index++) {
        if (pm_bytes_equal(found, key)) return value;
    }
    return NULL;
}

/* Implements a hook in the middle of its order:
 *     pm_hook(host, registrar, PM_HOOK_ACCESS_CHECKER, pm_bytes_of(""), check, user, 0);
 *     pm_hook(host, registrar, PM_HOOK_LOAD_BALANCE, self->ident, begin, user, sizeof(walk));
 * scratch_size bytes per trylist are aligned as for any C type. */
static inline pm_status pm_hook(const pm_host *host, pm_registrar *registrar, const char *name, uint64_t sig,
                                pm_bytes key, pm_hook_fn func, void *user, size_t scratch_size) {
    pm_hook_impl impl;
    memset(&impl, 0, sizeof impl);
    impl.size = (uint32_t)sizeof impl;
    impl.order = PM_ORDER_MIDDLE;
    impl.name = pm_bytes_of(name);
    impl.sig = sig;
    impl.key = key;
    impl.func = func;
    impl.user = user;
    impl.scratch_size = (uint32_t)scratch_size;
    impl.scratch_align = 16;
    return host->hook(host, registrar, &impl);
}

/* Runs a hook that is not KEYED, by the runner that init asked for. in and out are the hook's structs. */
static inline pm_status pm_run_hook(const pm_call *call, const pm_runner *runner, const void *in, void *out) {
    return call->host->run_hook(call->host, call, runner, pm_bytes_of(""), in, out);
}

/* Calls a provider if there is one, else answers PM_DECLINED. in and out are the structs of its signature. */
static inline pm_status pm_call_provider(const pm_call *call, const pm_provider *provider, const void *in, void *out) {
    const pm_provided *provided = call->host->provided(call->host, provider);
    if (provided == NULL) return PM_DECLINED;
    return call->host->call_provided(call->host, call, provided, in, out);
}

#ifdef __cplusplus
} /* extern "C" */
#endif

/* ---- The module itself ------------------------------------------------------------------------------------ */

#ifdef __cplusplus
#define PM_EXPORT_ extern "C" __attribute__((visibility("default")))
#else
#define PM_EXPORT_ extern __attribute__((visibility("default")))
#endif

#define PM_LITERAL_(text) {(const uint8_t *)("" text), sizeof("" text) - 1}

#ifdef __VERSION__
#define PM_BUILD_ "C " __VERSION__ "; proxy_module.h 0.1"
#else
#define PM_BUILD_ "C; proxy_module.h 0.1"
#endif

/* One row of a directive table:
 *     static const pm_directive DIRECTIVES[] = {
 *         PM_DIRECTIVE(PM_SCOPE_SERVER, PM_TAKE1, "MaxWalk", "max_walk", "offers no more than that many"),
 *     };
 * All but the last three are constants, the last three string literals. */
#define PM_DIRECTIVE(scopes_, args_, name_, field_, doc_) \
    { (scopes_), (args_), PM_LITERAL_(name_), PM_LITERAL_(field_), PM_LITERAL_(doc_) }

/* Record and note of a module with ndirectives_ directives; PM_MODULE for one without any, and
 * PM_MODULE_WITH(x_module, "1.0.0", DIRECTIVES, init, fini); for one with a table. Write a semicolon behind. */
#define PM_MODULE_TABLE_(ident_, version_, directives_, ndirectives_, init_, fini_)                                 \
    __attribute__((section(PM_NOTE_SECTION), used, aligned(4))) static const pm_note ident_##_note = {              \
        7, sizeof(pm_note_desc), PM_NOTE_TYPE_MODULE, "PROXYD",                                                     \
        {PM_MAJOR, PM_MINOR, PM_MINOR, 0, 0, #ident_}};                                                             \
    PM_EXPORT_ const pm_module ident_;                                                                              \
    const pm_module ident_ = {PM_MAGIC, sizeof(pm_module), PM_MAJOR, PM_MINOR, PM_MINOR, 0, 0,                      \
                              PM_LITERAL_(#ident_), PM_LITERAL_(version_), PM_LITERAL_(PM_BUILD_),                  \
                              (directives_), (uint32_t)(ndirectives_), sizeof(pm_directive), (init_), (fini_)}

#define PM_MODULE(ident_, version_, init_, fini_) PM_MODULE_TABLE_(ident_, version_, NULL, 0, init_, fini_)

#define PM_MODULE_WITH(ident_, version_, directives_, init_, fini_) \
    PM_MODULE_TABLE_(ident_, version_, directives_, sizeof(directives_) / sizeof((directives_)[0]), init_, fini_)

#endif
