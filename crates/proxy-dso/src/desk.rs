//! What stands behind the opaque registrar while a module's `init` runs.
//!
//! A module may keep the pointer, or hand it to another thread, although it must not: so the pointer counts
//! only while it is the one that the `init` running in this thread was given.

use std::cell::{Cell, RefCell};
use std::ptr;

use proxy_abi::{Registrar, Status};
use proxy_core::registration::Registration;
use proxy_core::value::{Spans, Value};

/// Where one `init` registers.
#[derive(Debug)]
pub(crate) struct Desk<'a> {
    registration: RefCell<&'a mut Registration>,
    /// Where each value of the configuration stands.
    spans: Spans<'a>,
    fault: RefCell<Option<Fault>>,
}

/// What a module registered wrongly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) status: Status,
    pub(crate) message: String,
    /// The address of the configuration value that it did so for, or 0.
    pub(crate) at: usize,
}

impl Fault {
    /// The core refuses what was asked for.
    pub(crate) const fn refused(message: String, at: usize) -> Self {
        Self { status: Status::ERROR, message, at }
    }

    /// The module broke the contract of the call.
    pub(crate) fn breach(message: &str) -> Self {
        Self { status: Status::ABI, message: message.to_owned(), at: 0 }
    }
}

thread_local! {
    static OPEN: Cell<*const Registrar> = const { Cell::new(ptr::null()) };
}

/// Closes the desk again, however `init` ends.
struct Closing;

impl Drop for Closing {
    fn drop(&mut self) {
        OPEN.set(ptr::null());
    }
}

impl<'a> Desk<'a> {
    /// A desk for a module that is configured by `config`.
    pub(crate) const fn new(registration: &'a mut Registration, config: &'a Value) -> Self {
        Self { registration: RefCell::new(registration), spans: Spans::of(config), fault: RefCell::new(None) }
    }

    /// Runs `init` with the desk open in this thread.
    pub(crate) fn open<R>(&self, init: impl FnOnce(&Registrar) -> R) -> R {
        let registrar = ptr::from_ref(self).cast::<Registrar>();
        OPEN.set(registrar);
        let _closing = Closing;
        // SAFETY: F1, the desk is borrowed for longer than this call; the opaque type has no bytes.
        init(unsafe { &*registrar })
    }

    /// What was registered wrongly last.
    pub(crate) fn into_fault(self) -> Option<Fault> {
        self.fault.into_inner()
    }
}

/// Registers something at the desk behind `registrar`. What goes wrong is kept there.
///
/// # Errors
/// The status for the module; `ABI` if that is not the desk that is open in this thread.
pub(crate) fn register<R>(
    registrar: &Registrar,
    act: impl FnOnce(&mut Registration, &Spans<'_>) -> Result<R, Fault>,
) -> Result<R, Status> {
    if !ptr::eq(registrar, OPEN.get()) {
        return Err(Status::ABI);
    }
    // SAFETY: F1, this is the desk that `open` lends to the `init` running in this very thread.
    let desk = unsafe { &*ptr::from_ref(registrar).cast::<Desk<'_>>() };
    let done = match desk.registration.try_borrow_mut() {
        Ok(mut registration) => act(&mut registration, &desk.spans),
        Err(_) => Err(Fault::breach("something was registered while another registration was going on")),
    };
    done.map_err(|fault| {
        let status = fault.status;
        desk.fault.replace(Some(fault));
        status
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrar_counts_only_while_its_init_runs_and_only_in_its_thread() {
        let (mut registration, config) = (Registration::default(), Value::empty_map());
        let desk = Desk::new(&mut registration, &config);
        let make = |registration: &mut Registration, _: &Spans<'_>| {
            registration.cluster("c", None).map_err(|message| Fault::refused(message, 0))
        };
        desk.open(|registrar| {
            assert_eq!(register(registrar, make), Ok(0));
            let address = ptr::from_ref(registrar).addr();
            std::thread::scope(|scope| {
                let elsewhere = scope.spawn(move || {
                    let registrar = ptr::without_provenance::<Registrar>(address);
                    // SAFETY: F1, the opaque type has no bytes, and the desk lives.
                    register(unsafe { &*registrar }, make)
                });
                assert_eq!(elsewhere.join().unwrap(), Err(Status::ABI));
            });
            assert_eq!(register(registrar, make), Err(Status::ERROR), "taken");
        });
        let registrar = ptr::from_ref(&desk).cast::<Registrar>();
        // SAFETY: F1, as above.
        assert_eq!(register(unsafe { &*registrar }, make), Err(Status::ABI), "after init");
        let fault = desk.into_fault().unwrap();
        assert_eq!(fault.message, "cluster 'c' is made twice: use another name");
    }

    #[test]
    fn a_registration_within_a_registration_is_refused() {
        let (mut registration, config) = (Registration::default(), Value::empty_map());
        let desk = Desk::new(&mut registration, &config);
        desk.open(|registrar| {
            let inner = register(registrar, |_, _| Ok(register(registrar, |_, _| Ok(()))));
            assert_eq!(inner, Ok(Err(Status::ABI)));
        });
        assert!(desk.into_fault().is_some());
    }
}
