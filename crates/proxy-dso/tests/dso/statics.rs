//! Modules that are compiled in go through the same record.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use proxy_abi::{
    Bytes, Call, Host, MAGIC, Module, Registrar, STATIC_MODULE, StaticRecord, Status, Value, flags,
};
use proxy_core::module::Carrier;
use proxy_dso::static_module;

use crate::support::init;

static FINIS: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn begin(
    _host: &Host,
    _module: &Module,
    _config: &Value,
    _call: &Call<'_>,
    _registrar: &Registrar,
    _state: &mut *mut c_void,
) -> Status {
    Status::OK
}

unsafe extern "C" fn end(_state: *mut c_void) {
    FINIS.fetch_add(1, Ordering::Relaxed);
}

const GOOD: Module = Module {
    magic: MAGIC,
    size: size_of::<Module>() as u32,
    major: 0,
    minor_min: 1,
    minor_built: 1,
    reserved: 0,
    flags: flags::RUST | flags::GUARDED,
    ident: Bytes::of("here_module"),
    version: Bytes::of("1.0.0"),
    build: Bytes::of("with the server"),
    directives: ptr::null(),
    ndirectives: 0,
    directive_stride: 0,
    init: Some(begin),
    fini: Some(end),
};

fn refusal(module: Module) -> String {
    // SAFETY: F2, of what is wrong with it nothing is followed: it is refused for that.
    let record = unsafe { StaticRecord::new(Box::leak(Box::new(module))) };
    static_module(&record).unwrap_err().to_string()
}

#[test]
fn a_module_compiled_in_is_told_so_and_ends_by_fini() {
    static HERE: Module = GOOD;
    // SAFETY: F2, it has no directives, and its functions do nothing with their arguments.
    let module = static_module(&unsafe { StaticRecord::new(&HERE) }).unwrap();
    assert_eq!(module.info().carrier, Carrier::Static);
    assert_eq!(module.info().ident, "here_module");
    assert_eq!(module.host().flags, STATIC_MODULE);
    let instance = init(&*module, "ok").unwrap();
    assert_eq!(FINIS.load(Ordering::Relaxed), 0);
    drop(instance);
    assert_eq!(FINIS.load(Ordering::Relaxed), 1);
}

#[test]
fn its_record_is_checked_as_any_other() {
    assert_eq!(
        refusal(Module { minor_built: 2, ..GOOD }),
        "built-in here_module: here_module needs module ABI 0.2, this server speaks 0.1: rebuild it with proxy-module 0.1"
    );
    assert_eq!(
        refusal(Module { flags: flags::RUST, ..GOOD }),
        "built-in here_module: here_module is written in Rust but does not catch its panics: export it with proxy_module::module! and build it with panic = \"unwind\""
    );
    assert_eq!(
        refusal(Module { ndirectives: 3, ..GOOD }),
        "built-in here_module: the directive table of here_module is wrong, it is null but has 3 entries: correct it and rebuild"
    );
    assert!(refusal(Module { magic: 1, ..GOOD }).contains("begins with 0100000000000000"));
    assert!(refusal(Module { size: 8, ..GOOD }).contains("has 8 bytes"));
    assert!(refusal(Module { ident: Bytes::of("Here"), ..GOOD }).contains("cannot name a module"));
    assert!(refusal(Module { init: None, ..GOOD }).contains("no init function"));
}
