//! The host's table of functions.

use std::ffi::c_void;

use proxy_module::abi::{
    BlobFn, BlobKind, Bytes, Call, ClusterDecl, EndpointDecl, ErrSink, HookDecl, HookImpl, Host, KeepDecl,
    Level, LogField, MAJOR, MINOR, Module, Provided, Provider, ProviderDecl, RawEntry, Registrar, Runner,
    Status, Value, ValueKind,
};

use super::{Desk, Line, MAX_LEVEL, Node, RUNS, Registered, Wanted, lines};

pub(super) const fn host(flags: u32) -> Host {
    Host {
        size: size_of::<Host>() as u32,
        major: MAJOR,
        minor: MINOR,
        flags,
        reserved: 0,
        max_level: &raw const MAX_LEVEL,
        log,
        set_error,
        declare_hook,
        hook,
        cluster,
        endpoint,
        blob,
        value_kind,
        value_text,
        value_len,
        value_at,
        get_ext,
        runner,
        run_hook,
        provide,
        provider,
        provided,
        call_provided,
        keep,
    }
}

fn text(bytes: Bytes<'_>) -> String {
    String::from_utf8_lossy(bytes.as_slice()).into_owned()
}

/// # Safety
/// `count` values stand there.
unsafe fn all<'a, T>(first: *const T, count: u32) -> &'a [T] {
    if count == 0 {
        return &[];
    }
    // SAFETY: F1, the caller says so.
    unsafe { std::slice::from_raw_parts(first, count as usize) }
}

extern "C" fn log(
    _: &Host,
    module: Option<&Module>,
    level: Level,
    target: Bytes<'_>,
    file: Bytes<'_>,
    _line: u32,
    message: Bytes<'_>,
    fields: *const LogField<'_>,
    nfields: u32,
) {
    // SAFETY: F1, the module says how many there are.
    let fields = unsafe { all(fields, nfields) };
    lines().push(Line {
        module: text(module.unwrap().ident),
        level: level.0,
        target: text(target),
        file: text(file),
        message: text(message),
        fields: fields.iter().map(|field| (text(field.key), text(field.value))).collect(),
    });
}

extern "C" fn set_error(_: &Host, err: &ErrSink, code: i32, message: Bytes<'_>, at: *const Value) {
    err.set(code, message.as_slice(), at.addr());
}

extern "C" fn declare_hook(_: &Host, _: Option<&Registrar>, _: Option<&HookDecl<'_>>) -> Status {
    Status::OK
}

extern "C" fn hook(_: &Host, registrar: Option<&Registrar>, hook: Option<&HookImpl<'_>>) -> Status {
    let (desk, hook) = (Desk::of(registrar.unwrap()), hook.unwrap());
    if desk.refuse.get() == "hook" {
        return Status::ERROR;
    }
    // SAFETY: F1, the module says how many there are.
    let before = unsafe { all(hook.before, hook.nbefore) };
    // SAFETY: F2 and F6, what the macro made stays callable until `fini`.
    let entry = unsafe { RawEntry::new(hook.sig, hook.func.expect("a function"), hook.user) };
    desk.hooks.borrow_mut().push(Registered {
        name: text(hook.name),
        key: text(hook.key),
        order: hook.order,
        before: before.iter().copied().map(text).collect(),
        entry,
        scratch: (hook.scratch_size as usize, hook.scratch_align as usize),
    });
    Status::OK
}

extern "C" fn cluster(
    _: &Host,
    registrar: Option<&Registrar>,
    decl: Option<&ClusterDecl<'_>>,
    number: Option<&mut u32>,
) -> Status {
    let mut clusters = Desk::of(registrar.unwrap()).clusters.borrow_mut();
    let decl = decl.unwrap();
    *number.unwrap() = clusters.len() as u32;
    clusters.push((text(decl.name), decl.at.addr()));
    if Desk::of(registrar.unwrap()).refuse.get() == "cluster" { Status::ERROR } else { Status::OK }
}

extern "C" fn endpoint(
    _: &Host,
    registrar: Option<&Registrar>,
    cluster: u32,
    decl: Option<&EndpointDecl<'_>>,
    id: Option<&mut u64>,
) -> Status {
    let decl = decl.unwrap();
    *id.unwrap() = 1;
    Desk::of(registrar.unwrap()).endpoints.borrow_mut().push((cluster, text(decl.url), decl.at.addr()));
    Status::OK
}

#[allow(clippy::too_many_arguments, reason = "a row of the table of functions")]
extern "C" fn blob(
    _: &Host,
    registrar: Option<&Registrar>,
    kind: BlobKind,
    size: u32,
    align: u32,
    ctor: Option<BlobFn>,
    dtor: Option<BlobFn>,
    offset: Option<&mut u32>,
) -> Status {
    assert!(size <= 128 && align <= 64, "fits this host's memory");
    let mut blobs = Desk::of(registrar.unwrap()).blobs.borrow_mut();
    let of_kind = blobs.iter().filter(|wanted| wanted.kind == kind).count();
    let place = 64 + 128 * of_kind;
    *offset.unwrap() = place as u32;
    blobs.push(Wanted { kind, offset: place, ctor, dtor });
    Status::OK
}

/// What outlives a reload is seen with the test kit's host.
extern "C" fn keep(_: &Host, _: Option<&Registrar>, decl: Option<&KeepDecl<'_>>) -> Status {
    assert!(decl.is_some_and(|decl| decl.save.is_some() && decl.load.is_some()));
    Status::OK
}

extern "C" fn value_kind(value: Option<&Value>) -> ValueKind {
    match Node::of(value.unwrap()) {
        Node::Null => ValueKind::NULL,
        Node::Text(_) => ValueKind::TEXT,
        Node::List(_) => ValueKind::LIST,
        Node::Map(_) => ValueKind::MAP,
    }
}

extern "C" fn value_text(value: Option<&Value>, text: Option<&mut Bytes<'_>>) -> Status {
    let Node::Text(found) = Node::of(value.unwrap()) else { return Status::ABI };
    *text.unwrap() = Bytes::of(found);
    Status::OK
}

extern "C" fn value_len(value: Option<&Value>) -> usize {
    match Node::of(value.unwrap()) {
        Node::List(nodes) => nodes.len(),
        Node::Map(entries) => entries.len(),
        _ => 0,
    }
}

extern "C" fn value_at(value: Option<&Value>, index: usize, key: Option<&mut Bytes<'_>>) -> *const Value {
    let found = match Node::of(value.unwrap()) {
        Node::List(nodes) => nodes.get(index),
        Node::Map(entries) => entries.get(index).map(|(name, node)| {
            *key.unwrap() = Bytes::of(name);
            node
        }),
        _ => None,
    };
    found.map_or(std::ptr::null(), |node| node.value())
}

extern "C" fn get_ext(_: &Host, _: Bytes<'_>, _: u64) -> *const c_void {
    std::ptr::null()
}

/// Of any hook but `com.example.refused`; null, since this host looks at nothing but the key.
extern "C" fn runner(
    _: &Host,
    _: Option<&Registrar>,
    name: Bytes<'_>,
    _: u64,
    _: Option<&mut *const Runner>,
) -> Status {
    if name.as_slice() == b"com.example.refused" { Status::ERROR } else { Status::OK }
}

/// Answers the number that the key says; a host where nobody implements anything without one.
extern "C" fn run_hook(
    _: &Host,
    call: &Call<'_>,
    _: *const Runner,
    key: Bytes<'_>,
    _: *const c_void,
    _: *mut c_void,
) -> Status {
    RUNS.set(RUNS.get() + 1);
    let Ok(status) = key.to_str().unwrap_or_default().parse() else { return Status::DECLINED };
    call.err.set(0, b"the words of an implementation", 0);
    Status(status)
}

extern "C" fn provide(_: &Host, registrar: Option<&Registrar>, decl: Option<&ProviderDecl<'_>>) -> Status {
    let (desk, decl) = (Desk::of(registrar.unwrap()), decl.unwrap());
    if desk.refuse.get() == "provide" {
        return Status::ERROR;
    }
    // SAFETY: F2 and F6, what the macro made stays callable until `fini`.
    let entry = unsafe { RawEntry::new(decl.sig, decl.func.expect("a function"), decl.user) };
    let name = (text(decl.group), text(decl.name));
    desk.provided.borrow_mut().push((name, entry));
    Status::OK
}

/// The function `there` is there, all others are not.
extern "C" fn provider(
    _: &Host,
    _: Option<&Registrar>,
    _group: Bytes<'_>,
    name: Bytes<'_>,
    _sig: u64,
    provider: Option<&mut *const Provider>,
) -> Status {
    let is_there = name.as_slice() == b"there";
    *provider.unwrap() = if is_there { (&raw const THERE).cast() } else { std::ptr::null() };
    Status::OK
}

static THERE: u8 = 0;

extern "C" fn provided(_: &Host, provider: *const Provider) -> *const Provided {
    provider.cast()
}

/// The one that is there fails in a way of its own.
extern "C" fn call_provided(
    host: &Host,
    call: &Call<'_>,
    provided: *const Provided,
    _: *const c_void,
    _: *mut c_void,
) -> Status {
    assert!(!provided.is_null(), "nobody calls what is not there");
    set_error(host, call.err, 0, Bytes::of("said by the host"), std::ptr::null());
    Status::PANICKED
}
