//! The host's table of functions.

use std::ffi::c_void;

use proxy_module::abi::{
    BlobFn, BlobKind, Bytes, ClusterDecl, EndpointDecl, ErrSink, HookDecl, HookImpl, Host, Level, LogField,
    MAJOR, MINOR, Module, RawEntry, Registrar, Status, Value, ValueKind,
};

use super::{Desk, Line, MAX_LEVEL, Node, Registered, Wanted, lines};

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
    module: &Module,
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
        module: text(module.ident),
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

extern "C" fn declare_hook(_: &Host, _: &Registrar, _: &HookDecl<'_>) -> Status {
    Status::OK
}

extern "C" fn hook(_: &Host, registrar: &Registrar, hook: &HookImpl<'_>) -> Status {
    let desk = Desk::of(registrar);
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

extern "C" fn cluster(_: &Host, registrar: &Registrar, decl: &ClusterDecl<'_>, number: &mut u32) -> Status {
    let mut clusters = Desk::of(registrar).clusters.borrow_mut();
    *number = clusters.len() as u32;
    clusters.push((text(decl.name), decl.at.addr()));
    if Desk::of(registrar).refuse.get() == "cluster" { Status::ERROR } else { Status::OK }
}

extern "C" fn endpoint(
    _: &Host,
    registrar: &Registrar,
    cluster: u32,
    decl: &EndpointDecl<'_>,
    id: &mut u64,
) -> Status {
    *id = 1;
    Desk::of(registrar).endpoints.borrow_mut().push((cluster, text(decl.url), decl.at.addr()));
    Status::OK
}

#[allow(clippy::too_many_arguments, reason = "a row of the table of functions")]
extern "C" fn blob(
    _: &Host,
    registrar: &Registrar,
    kind: BlobKind,
    size: u32,
    align: u32,
    ctor: Option<BlobFn>,
    dtor: Option<BlobFn>,
    offset: &mut u32,
) -> Status {
    assert!(size <= 128 && align <= 64, "fits this host's memory");
    let mut blobs = Desk::of(registrar).blobs.borrow_mut();
    let of_kind = blobs.iter().filter(|wanted| wanted.kind == kind).count();
    *offset = 64 + 128 * of_kind as u32;
    blobs.push(Wanted { kind, offset: *offset as usize, ctor, dtor });
    Status::OK
}

extern "C" fn value_kind(value: &Value) -> ValueKind {
    match Node::of(value) {
        Node::Null => ValueKind::NULL,
        Node::Text(_) => ValueKind::TEXT,
        Node::List(_) => ValueKind::LIST,
        Node::Map(_) => ValueKind::MAP,
    }
}

extern "C" fn value_text(value: &Value, text: &mut Bytes<'_>) -> Status {
    let Node::Text(found) = Node::of(value) else { return Status::ABI };
    *text = Bytes::of(found);
    Status::OK
}

extern "C" fn value_len(value: &Value) -> usize {
    match Node::of(value) {
        Node::List(nodes) => nodes.len(),
        Node::Map(entries) => entries.len(),
        _ => 0,
    }
}

extern "C" fn value_at(value: &Value, index: usize, key: &mut Bytes<'_>) -> *const Value {
    let found = match Node::of(value) {
        Node::List(nodes) => nodes.get(index),
        Node::Map(entries) => entries.get(index).map(|(name, node)| {
            *key = Bytes::of(name);
            node
        }),
        _ => None,
    };
    found.map_or(std::ptr::null(), |node| node.value())
}

extern "C" fn get_ext(_: &Host, _: Bytes<'_>, _: u64) -> *const c_void {
    std::ptr::null()
}
