//! A small host: keeps what a module registers, and calls it as the server does.
#![allow(dead_code, unused_imports, reason = "not every test binary uses all of it")]

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::sync::atomic::AtomicU8;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proxy_module::abi::{
    BlobFn, BlobKind, Call, ErrSink, HookSpec, Host, In, Level, Module, Out, ProviderIn, ProviderOut,
    ProviderSpec, Random, RawEntry, Registrar, STATIC_MODULE, Status, Value, provider_signature_of,
};

mod set;
mod table;
mod trial;

pub(crate) use set::{Set, nowhere};
pub(crate) use trial::{Trial, request};

use table::host;

pub(crate) static STATIC: Host = host(STATIC_MODULE);
pub(crate) static LOADED: Host = host(0);
pub(crate) static MAX_LEVEL: AtomicU8 = AtomicU8::new(Level::INFO.0 as u8);

static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());

thread_local! {
    /// How many times modules have had a hook run on this thread.
    pub(crate) static RUNS: Cell<u32> = const { Cell::new(0) };
}

/// A line of the log.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) module: String,
    pub(crate) level: u32,
    pub(crate) target: String,
    pub(crate) file: String,
    pub(crate) message: String,
    pub(crate) fields: Vec<(String, String)>,
}

pub(crate) fn lines() -> MutexGuard<'static, Vec<Line>> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A value of the configuration.
#[derive(Debug)]
pub(crate) enum Node {
    Null,
    Text(&'static str),
    List(Vec<Self>),
    Map(Vec<(&'static str, Self)>),
}

pub(crate) fn list(words: &[&'static str]) -> Node {
    Node::List(words.iter().map(|word| Node::Text(word)).collect())
}

impl Node {
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    pub(crate) fn child(&self, index: usize) -> &Self {
        match self {
            Self::List(nodes) => &nodes[index],
            Self::Map(entries) => &entries[index].1,
            _ => panic!("no list and no map"),
        }
    }

    fn value(&self) -> &Value {
        // SAFETY: F1, the opaque type has no bytes, and only this host's functions look behind it.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }

    fn of(value: &Value) -> &Self {
        // SAFETY: F1, made by `value` above.
        unsafe { &*std::ptr::from_ref(value).cast() }
    }
}

/// A hook implementation as registered.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) order: i32,
    pub(crate) before: Vec<String>,
    pub(crate) entry: RawEntry,
    pub(crate) scratch: (usize, usize),
}

/// What one `init` registered.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) refuse: Cell<&'static str>,
    pub(crate) hooks: RefCell<Vec<Registered>>,
    /// Group and name, and the function.
    pub(crate) provided: RefCell<Vec<((String, String), RawEntry)>>,
    /// Name, and the address of the value it was written in.
    pub(crate) clusters: RefCell<Vec<(String, usize)>>,
    pub(crate) endpoints: RefCell<Vec<(u32, String, usize)>>,
    pub(crate) blobs: RefCell<Vec<Wanted>>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) kind: BlobKind,
    pub(crate) offset: usize,
    pub(crate) ctor: Option<BlobFn>,
    pub(crate) dtor: Option<BlobFn>,
}

impl Desk {
    fn of(registrar: &Registrar) -> &Self {
        // SAFETY: F1, made by `Running::begin`.
        unsafe { &*std::ptr::from_ref(registrar).cast() }
    }
}

/// A module that runs.
#[derive(Debug)]
pub(crate) struct Running {
    module: &'static Module,
    host: &'static Host,
    state: *mut c_void,
    pub(crate) desk: Desk,
}

/// What `init` said instead.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: Status,
    pub(crate) message: String,
    pub(crate) at: usize,
}

impl Running {
    pub(crate) fn begin(module: &'static Module, config: &Node) -> Result<Self, Refused> {
        Self::begin_with(module, config, &STATIC, Desk::default())
    }

    pub(crate) fn begin_with(
        module: &'static Module,
        config: &Node,
        host: &'static Host,
        desk: Desk,
    ) -> Result<Self, Refused> {
        let err = ErrSink::new();
        let mut state = std::ptr::null_mut();
        let init = module.init.expect("a module has init");
        // SAFETY: F1, the opaque type has no bytes, and the desk outlives the call.
        let registrar: &Registrar = unsafe { &*std::ptr::from_ref(&desk).cast() };
        let random = Random::new(1);
        let call = Call::new(host, &err, &random, 1);
        // SAFETY: F3 and F7, a record made by the macro.
        let status = unsafe { init(host, module, config.value(), &call, registrar, &mut state) };
        if status == Status::OK {
            return Ok(Self { module, host, state, desk });
        }
        Err(Refused { status, message: err.to_string(), at: err.at() })
    }

    pub(crate) fn hook(&self, name: &str) -> Registered {
        self.desk.hooks.borrow().iter().find(|hook| hook.name == name).expect("is registered").clone()
    }

    pub(crate) fn call<'a, H: HookSpec>(
        &self,
        input: &In<'a, H>,
        output: &mut Out<'a, H>,
    ) -> (Status, String) {
        let err = ErrSink::new();
        let entry = self.hook(H::NAME).entry.typed::<H>().expect("the signature is right");
        (entry.call(&Call::new(self.host, &err, &Random::new(2), 2), input, output), err.to_string())
    }

    /// Calls the function of the kind `P` that the module provides as `name`.
    pub(crate) fn call_provided<'a, P: ProviderSpec>(
        &self,
        name: &str,
        input: &ProviderIn<'a, P>,
        output: &mut ProviderOut<'a, P>,
    ) -> (Status, String) {
        let provided = self.desk.provided.borrow();
        let named = |(group, named): &(String, String)| group == P::GROUP && named == name;
        let (_, entry) = provided.iter().find(|(key, _)| named(key)).expect("is provided");
        let (err, random) = (ErrSink::new(), Random::new(2));
        let (call, sig) = (Call::new(self.host, &err, &random, 2), provider_signature_of::<P>());
        // SAFETY: F2, the structs of that signature.
        let status = unsafe { entry.call(sig, &call, (&raw const *input).cast(), (&raw mut *output).cast()) };
        (status, err.to_string())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let fini = self.module.fini.expect("a module has fini");
        // SAFETY: F6, the last call for this instance.
        unsafe { fini(self.state) }
    }
}
