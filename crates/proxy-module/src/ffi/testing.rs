//! The host of `testing`: a table of functions, and an instance made with it.

use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::atomic::AtomicU8;

use crate::abi::{
    BlobFn, BlobKind, Bytes, CacheLine, Call, ClusterDecl, Directive, EndpointDecl, ErrSink, HookDecl,
    HookImpl, Host, KeepDecl, Level, LoadFn, LogField, MAJOR, MINOR, MOST_KEPT, Module, Provided, Provider,
    ProviderDecl, Random, RawEntry, Registrar, Runner, STATIC_MODULE, SaveFn, StaticRecord, Status, Value,
    ValueKind,
};
use crate::testing::{self, Declared, Hook, Line, Node, Refusal, Registered};

static MAX_LEVEL: AtomicU8 = AtomicU8::new(Level::TRACE.0 as u8);

/// Says that the module is compiled in, so that it leaves the process's subscriber and panic hook alone.
pub(crate) static HOST: Host = Host {
    size: size_of::<Host>() as u32,
    major: MAJOR,
    minor: MINOR,
    flags: STATIC_MODULE,
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
};

/// State wanted beside each object of a kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blob {
    pub(crate) kind: BlobKind,
    offset: usize,
    size: usize,
    ctor: Option<BlobFn>,
    dtor: Option<BlobFn>,
}

impl Blob {
    pub(crate) const fn end(&self) -> usize {
        self.offset + self.size
    }

    fn within(&self, lines: &[CacheLine]) -> *mut c_void {
        assert!(self.end() <= size_of_val(lines), "memory for it");
        CacheLine::address(lines).wrapping_add(self.offset).cast()
    }
}

/// Makes the state in `lines`, which are new.
pub(crate) fn make(blob: &Blob, lines: &[CacheLine]) {
    if let Some(ctor) = blob.ctor {
        // SAFETY: F5, zeroed memory of the size asked for, once.
        unsafe { ctor(blob.within(lines)) }
    }
}

/// Destroys it, once.
pub(crate) fn destroy(blob: &Blob, lines: &[CacheLine]) {
    if let Some(dtor) = blob.dtor {
        // SAFETY: F5, where `ctor` was called, once.
        unsafe { dtor(blob.within(lines)) }
    }
}

/// State that is kept over reloads.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) kind: BlobKind,
    pub(crate) name: String,
    version: u32,
    offset: usize,
    save: SaveFn,
    load: LoadFn,
}

/// Lets the state in `to`, which is new, go on from the one in `from`: what `load` answered, if `save` had anything.
pub(crate) fn carry(old: &Kept, from: &[CacheLine], new: &Kept, to: &[CacheLine]) -> Option<Status> {
    let address = |kept: &Kept, lines: &[CacheLine]| -> *mut c_void {
        assert!(kept.offset < size_of_val(lines), "memory for it");
        CacheLine::address(lines).wrapping_add(kept.offset).cast()
    };
    let mut room = vec![0; MOST_KEPT];
    // SAFETY: F5, the module's own state, where it was made.
    let len = unsafe { (old.save)(address(old, from), room.as_mut_ptr(), room.len()) };
    let kept = room.get(..len).filter(|kept| !kept.is_empty())?;
    // SAFETY: F5, likewise.
    Some(unsafe { (new.load)(address(new, to), old.version, Bytes::new(kept)) })
}

/// The table of directives of a record.
pub(crate) fn directives(record: StaticRecord) -> &'static [Directive] {
    let module = record.module();
    assert_eq!(module.directive_stride as usize, size_of::<Directive>(), "a record of this version");
    // SAFETY: F2, the record says how many there are, `directive_stride` apart.
    unsafe { all(module.directives, module.ndirectives) }
}

/// One instance of a module.
#[derive(Debug)]
pub struct Instance {
    record: StaticRecord,
    state: *mut c_void,
    registered: Registered,
}

impl Instance {
    /// Runs `init`.
    ///
    /// # Errors
    /// What the module, or this host, has against it.
    pub fn new(record: StaticRecord, config: &Node) -> Result<Self, Refusal> {
        let module = record.module();
        let (err, random) = (ErrSink::new(), Random::new(0));
        let call = Call::new(&HOST, &err, &random, 1);
        let desk = RefCell::new(Registered::default());
        let mut state = std::ptr::null_mut();
        let Some(init) = module.init else {
            return Err(Refusal { status: Status::ABI, text: "the record has no init".to_owned() });
        };
        // SAFETY: F3 and F7, a record made by the macro; the desk outlives the call.
        let status = unsafe { init(&HOST, module, value(config), &call, registrar(&desk), &mut state) };
        let registered = desk.into_inner();
        if status == Status::OK {
            return Ok(Self { record, state, registered });
        }
        let text = registered.refusal.unwrap_or_else(|| err.to_string());
        Err(Refusal { status, text })
    }

    /// The module's ident.
    #[must_use]
    pub fn ident(&self) -> &'static str {
        self.record.module().ident.to_str().unwrap_or("?")
    }

    /// What it registered.
    #[must_use]
    pub const fn registered(&self) -> &Registered {
        &self.registered
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(fini) = self.record.module().fini {
            // SAFETY: F6, the last call for this instance.
            unsafe { fini(self.state) }
        }
    }
}

fn value(node: &Node) -> &Value {
    // SAFETY: F1, the opaque type has no bytes, and only this host's functions look behind it.
    unsafe { &*std::ptr::from_ref(node).cast() }
}

fn node(value: &Value) -> &Node {
    // SAFETY: F1, made by `value` above.
    unsafe { &*std::ptr::from_ref(value).cast() }
}

fn registrar(desk: &RefCell<Registered>) -> &Registrar {
    // SAFETY: F1, the opaque type has no bytes, and only this host's functions look behind it.
    unsafe { &*std::ptr::from_ref(desk).cast() }
}

/// Lets `write` register something; its refusal is kept as the server keeps it.
fn at_desk(
    registrar: Option<&Registrar>,
    write: impl FnOnce(&mut Registered) -> Result<(), String>,
) -> Status {
    let Some(registrar) = registrar else { return Status::ABI };
    // SAFETY: F1, made by `registrar` above.
    let desk: &RefCell<Registered> = unsafe { &*std::ptr::from_ref(registrar).cast() };
    let Ok(mut registered) = desk.try_borrow_mut() else { return Status::ABI };
    match write(&mut registered) {
        Ok(()) => Status::OK,
        Err(text) => {
            registered.refusal = Some(text);
            Status::ERROR
        }
    }
}

/// # Safety
/// `count` values stand there for `'a`.
unsafe fn all<'a, T>(first: *const T, count: u32) -> &'a [T] {
    if count == 0 || first.is_null() {
        return &[];
    }
    // SAFETY: F1, the caller says so.
    unsafe { std::slice::from_raw_parts(first, count as usize) }
}

fn text(bytes: Bytes<'_>) -> String {
    String::from_utf8_lossy(bytes.as_slice()).into_owned()
}

unsafe extern "C" fn log(
    _: &Host,
    _: Option<&Module>,
    level: Level,
    target: Bytes<'_>,
    _file: Bytes<'_>,
    _line: u32,
    message: Bytes<'_>,
    fields: *const LogField<'_>,
    nfields: u32,
) {
    // SAFETY: F1, the module says how many there are.
    let fields = unsafe { all(fields, nfields) };
    let fields = fields.iter().map(|field| (text(field.key), text(field.value))).collect();
    testing::keep(Line { level, target: text(target), message: text(message), fields });
}

extern "C" fn set_error(_: &Host, err: &ErrSink, code: i32, message: Bytes<'_>, at: *const Value) {
    err.set(code, message.as_slice(), at.addr());
}

unsafe extern "C" fn declare_hook(
    _: &Host,
    registrar: Option<&Registrar>,
    _: Option<&HookDecl<'_>>,
) -> Status {
    at_desk(registrar, |_| Ok(()))
}

unsafe extern "C" fn hook(_: &Host, registrar: Option<&Registrar>, hook: Option<&HookImpl<'_>>) -> Status {
    let Some((hook, func)) = hook.and_then(|hook| Some((hook, hook.func?))) else { return Status::ABI };
    // SAFETY: F2 and F6, what the SDK registers stays callable until `fini`.
    let entry = unsafe { RawEntry::new(hook.sig, func, hook.user) };
    let hook = Hook { name: text(hook.name), key: text(hook.key), entry, scratch_size: hook.scratch_size };
    at_desk(registrar, |desk| {
        desk.hooks.push(hook);
        Ok(())
    })
}

extern "C" fn cluster(
    _: &Host,
    registrar: Option<&Registrar>,
    decl: Option<&ClusterDecl<'_>>,
    number: Option<&mut u32>,
) -> Status {
    let Some(decl) = decl else { return Status::ABI };
    let name = text(decl.name);
    at_desk(registrar, |desk| {
        if desk.clusters.iter().any(|cluster| cluster.name == name) {
            return Err(format!("cluster '{name}' is made twice: use another name"));
        }
        if let Some(number) = number {
            *number = desk.clusters.len() as u32;
        }
        desk.clusters.push(Declared { name, endpoints: Vec::new() });
        Ok(())
    })
}

extern "C" fn endpoint(
    _: &Host,
    registrar: Option<&Registrar>,
    cluster: u32,
    decl: Option<&EndpointDecl<'_>>,
    id: Option<&mut u64>,
) -> Status {
    let Some(decl) = decl else { return Status::ABI };
    let (url, weight) = (text(decl.url), decl.weight.max(1));
    at_desk(registrar, |desk| {
        let Some(cluster) = desk.clusters.get_mut(cluster as usize) else {
            return Err(format!("there is no cluster number {cluster} in this init"));
        };
        if let Some(id) = id {
            *id = testing::endpoint_id(&cluster.name, &url);
        }
        cluster.add(url, weight)
    })
}

unsafe extern "C" fn blob(
    _: &Host,
    registrar: Option<&Registrar>,
    kind: BlobKind,
    size: u32,
    align: u32,
    ctor: Option<BlobFn>,
    dtor: Option<BlobFn>,
    offset: Option<&mut u32>,
) -> Status {
    if !align.is_power_of_two() || align > 64 {
        return at_desk(registrar, |_| {
            Err(format!("a blob's alignment of {align} is not a power of two up to 64"))
        });
    }
    at_desk(registrar, |desk| {
        let before = desk.blobs.iter().rev().find(|blob| blob.kind == kind).map_or(0, Blob::end);
        let place = before.next_multiple_of(align as usize);
        if place + size as usize > 1 << 20 {
            return Err("more than 1 MiB of state beside each object".to_owned());
        }
        if let Some(offset) = offset {
            *offset = place as u32;
        }
        desk.blobs.push(Blob { kind, offset: place, size: size as usize, ctor, dtor });
        Ok(())
    })
}

unsafe extern "C" fn keep(_: &Host, registrar: Option<&Registrar>, decl: Option<&KeepDecl<'_>>) -> Status {
    let Some(KeepDecl { kind, offset, version, name, save: Some(save), load: Some(load), .. }) = decl else {
        return Status::ABI;
    };
    let (name, offset) = (text(*name), *offset as usize);
    at_desk(registrar, |desk| {
        if !desk.blobs.iter().any(|blob| blob.kind == *kind && blob.offset == offset) {
            return Err(format!("'{name}': this init asked for no blob of kind {} at {offset}", kind.0));
        }
        if desk.kept.iter().any(|kept| kept.kind == *kind && (kept.name == name || kept.offset == offset)) {
            return Err(format!("'{name}' is kept twice: each blob once, each by a name of its own"));
        }
        desk.kept.push(Kept { kind: *kind, name, version: *version, offset, save: *save, load: *load });
        Ok(())
    })
}

unsafe extern "C" fn value_kind(value: Option<&Value>) -> ValueKind {
    match value.map(node) {
        None | Some(Node::Null) => ValueKind::NULL,
        Some(Node::Text(_)) => ValueKind::TEXT,
        Some(Node::List(_)) => ValueKind::LIST,
        Some(Node::Map(_)) => ValueKind::MAP,
    }
}

unsafe extern "C" fn value_text(value: Option<&Value>, text: Option<&mut Bytes<'_>>) -> Status {
    let Some(Node::Text(found)) = value.map(node) else { return Status::ERROR };
    if let Some(text) = text {
        // SAFETY: F1, the text lives as long as the tree, until `init` returns, as this place says.
        *text = unsafe { crate::abi::RawBytes::of(found.as_bytes()).as_bytes() };
    }
    Status::OK
}

unsafe extern "C" fn value_len(value: Option<&Value>) -> usize {
    match value.map(node) {
        Some(Node::List(nodes)) => nodes.len(),
        Some(Node::Map(entries)) => entries.len(),
        _ => 0,
    }
}

unsafe extern "C" fn value_at(
    value: Option<&Value>,
    index: usize,
    key: Option<&mut Bytes<'_>>,
) -> *const Value {
    let (name, found) = match value.map(node) {
        Some(Node::List(nodes)) => ("", nodes.get(index)),
        Some(Node::Map(entries)) => match entries.get(index) {
            Some((name, node)) => (name.as_str(), Some(node)),
            None => ("", None),
        },
        _ => ("", None),
    };
    if let Some(key) = key {
        // SAFETY: F1, the key lives as long as the tree, until `init` returns, as this place says.
        *key = unsafe { crate::abi::RawBytes::of(name.as_bytes()).as_bytes() };
    }
    found.map_or(std::ptr::null(), |node| self::value(node))
}

extern "C" fn get_ext(_: &Host, _: Bytes<'_>, _: u64) -> *const c_void {
    std::ptr::null()
}

/// Nobody implements what a module runs here.
extern "C" fn runner(
    _: &Host,
    _: Option<&Registrar>,
    _: Bytes<'_>,
    _: u64,
    _: Option<&mut *const Runner>,
) -> Status {
    Status::OK
}

extern "C" fn run_hook(
    _: &Host,
    _: &Call<'_>,
    _: *const Runner,
    _: Bytes<'_>,
    _: *const c_void,
    _: *mut c_void,
) -> Status {
    Status::DECLINED
}

/// Nobody else is here to look it up.
extern "C" fn provide(_: &Host, _: Option<&Registrar>, _: Option<&ProviderDecl<'_>>) -> Status {
    Status::OK
}

/// Nobody provides what a module looks up here.
extern "C" fn provider(
    _: &Host,
    _: Option<&Registrar>,
    _: Bytes<'_>,
    _: Bytes<'_>,
    _: u64,
    _: Option<&mut *const Provider>,
) -> Status {
    Status::OK
}

extern "C" fn provided(_: &Host, _: *const Provider) -> *const Provided {
    std::ptr::null()
}

extern "C" fn call_provided(
    _: &Host,
    _: &Call<'_>,
    _: *const Provided,
    _: *const c_void,
    _: *mut c_void,
) -> Status {
    Status::ABI
}
