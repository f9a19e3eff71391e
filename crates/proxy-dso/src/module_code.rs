//! A module's code as the core calls it: `init` makes an instance, dropping the instance is `fini`.

use std::ffi::c_void;
use std::fmt;
use std::ptr;

use proxy_abi::{ErrSink, FiniFn, Host, Status, Value as Opaque};
use proxy_core::caller::Caller;
use proxy_core::module::{InitError, Instance, ModuleCode, ModuleInfo};
use proxy_core::registration::Registration;
use proxy_core::value::Value;

use crate::desk::{Desk, Fault};
use crate::record::Record;

/// A module whose record was checked.
#[derive(Debug)]
pub(crate) struct DsoModule {
    pub(crate) record: Record,
    pub(crate) info: ModuleInfo,
    pub(crate) host: &'static Host,
}

impl ModuleCode for DsoModule {
    fn info(&self) -> &ModuleInfo {
        &self.info
    }

    fn host(&self) -> &'static Host {
        self.host
    }

    fn init(
        &self,
        caller: &Caller,
        config: &Value,
        registration: &mut Registration,
    ) -> Result<Box<dyn Instance>, InitError> {
        let call = caller.call(self.host, 0);
        let desk = Desk::new(registration, config);
        let mut state = ptr::null_mut();
        let status = desk.open(|registrar| {
            let (record, host) = (self.record, self.host);
            // SAFETY: F3 and F7, a checked record's `init`; F1, all it is given lives until it returns.
            unsafe { (record.init)(host, record.module, opaque(config), &call, registrar, &mut state) }
        });
        let fault = desk.into_fault();
        if status != Status::OK {
            return Err(init_error(status, call.err, fault, config));
        }
        // Made, so it is unmade by dropping it, also where its registrations do not count.
        let instance = DsoInstance { fini: self.record.fini, state };
        match fault {
            None => Ok(Box::new(instance)),
            Some(Fault { message, at, .. }) => Err(InitError {
                message: format!("registered something wrongly: {message}"),
                span: config.span_at(at),
            }),
        }
    }
}

/// One instance of a module, until its `fini`.
struct DsoInstance {
    fini: FiniFn,
    state: *mut c_void,
}

// SAFETY: F4, an instance is used from any executor, concurrently.
unsafe impl Send for DsoInstance {}
// SAFETY: F4, likewise.
unsafe impl Sync for DsoInstance {}

impl Instance for DsoInstance {}

impl Drop for DsoInstance {
    fn drop(&mut self) {
        // SAFETY: F3 and F7, and this is the last call for the state that `init` answered with OK.
        unsafe { (self.fini)(self.state) }
    }
}

impl fmt::Debug for DsoInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DsoInstance").field("state", &self.state).finish()
    }
}

const fn opaque(value: &Value) -> &Opaque {
    // SAFETY: F1, the same borrow; the opaque type has no bytes.
    unsafe { &*ptr::from_ref(value).cast::<Opaque>() }
}

/// The module's own words come first; where it has none, those of the registration that failed.
fn init_error(status: Status, err: &ErrSink, fault: Option<Fault>, config: &Value) -> InitError {
    let said = (!err.is_empty()).then(|| (err.to_string(), err.at()));
    let kept = fault.map(|fault| (fault.message, fault.at));
    let (words, at) = said.or(kept).unzip();
    let message = match (status, words) {
        (Status::ERROR, Some(words)) => words,
        (Status::ERROR, None) => "init failed without saying why".to_owned(),
        (Status::PANICKED, Some(words)) => format!("panicked in init: {words}"),
        (Status::PANICKED, None) => "panicked in init".to_owned(),
        (other, Some(words)) => format!("init answered {other:?}, which is neither OK nor ERROR: {words}"),
        (other, None) => format!("init answered {other:?}, which is neither OK nor ERROR"),
    };
    InitError { message, span: at.and_then(|at| config.span_at(at)) }
}
