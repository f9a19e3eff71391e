//! Declare a hook: a point of your own at which other modules are called.
//!
//! A hook is a name, a kind, and two structs: what is handed in, and what is handed back. Whoever *declares* it says that
//! there is such a thing; whoever *implements* it is called; whoever *runs* it calls them. These may be three modules by
//! three authors, none of which has to be there: a hook that nobody implements declines, and an implementation of one that
//! nobody declares is never called. `proxyd -t -D DUMP_HOOKS` shows who does what, in which order.
//!
//! # The spec
//!
//! What all of them share stands in a small crate of its own. [`crossing!`](crate::abi::crossing) writes the structs so that
//! their layout becomes part of the hook's signature: a module that was built against other structs is refused by name, at
//! the start of the server.
//!
//! ```
//! use proxy_module::abi::{Bytes, HookKind, crossing};
//! use proxy_module::prelude::*;
//!
//! crossing! {
//!     /// Whom to rate.
//!     pub struct RateIn<'a> {
//!         /// Bytes of this struct.
//!         pub size: u32,
//!         /// Reserved, zero.
//!         pub reserved: u32,
//!         /// The client's address as text.
//!         pub client: Bytes<'a>,
//!     }
//! }
//!
//! crossing! {
//!     /// How it is rated.
//!     pub struct RateOut {
//!         /// Bytes of this struct.
//!         pub size: u32,
//!         /// From 0, a stranger, to 100.
//!         pub rate: u32,
//!     }
//! }
//!
//! pub struct Rate;
//!
//! impl HookSpec for Rate {
//!     const NAME: &'static str = "com.example.rate";
//!     const REVISION: u32 = 1; // another one for each change of meaning that no struct shows
//!     const KIND: HookKind = HookKind::FIRST;
//!     const DOC: &'static str = "says how far a client is trusted";
//!     type In = RateIn<'static>;
//!     type Out = RateOut;
//! }
//!
//! // # Who declares and runs it: refuses those whom nobody trusts.
//! struct Door {
//!     rate: Runner<Rate>,
//! }
//!
//! impl Module for Door {
//!     type Config = ();
//!
//!     fn new((): (), init: &mut Init<'_>) -> Result<Self> {
//!         init.declare::<Rate>()?;
//!         Ok(Door { rate: init.runs()? })
//!     }
//!
//!     fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
//!         hooks.implement::<AccessChecker>()
//!     }
//! }
//!
//! use proxy_module::abi::{RequestIn, Unit};
//!
//! impl Implements<AccessChecker> for Door {
//!     fn call(&self, cx: &Cx<'_>, input: &RequestIn<'_>, _: &mut Unit) -> Result<Answer> {
//!         let client = Bytes::new(Request::from(input.request).client());
//!         let question = RateIn { size: size_of::<RateIn<'_>>() as u32, reserved: 0, client };
//!         let mut found = RateOut { size: size_of::<RateOut>() as u32, rate: 100 };
//!         Ok(match self.rate.run(cx, &question, &mut found)? {
//!             Answer::Ok if found.rate == 0 => Answer::Http(403),
//!             _ => Answer::Decline, // trusted; or nobody is there who knows
//!         })
//!     }
//! }
//!
//! // # Who implements it, in another file: trusts this machine alone.
//! struct Local;
//!
//! impl Module for Local {
//!     type Config = ();
//!
//!     fn new((): (), _: &mut Init<'_>) -> Result<Self> {
//!         Ok(Local)
//!     }
//!
//!     fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
//!         hooks.implement::<Rate>()
//!     }
//! }
//!
//! impl Implements<Rate> for Local {
//!     const BEFORE: &'static [&'static str] = &["rate_table_module"];
//!
//!     fn call(&self, _: &Cx<'_>, input: &RateIn<'_>, out: &mut RateOut) -> Result<Answer> {
//!         if !input.client.as_slice().starts_with(b"127.") {
//!             return Ok(Answer::Decline); // ask the next one
//!         }
//!         out.rate = 100;
//!         Ok(Answer::Ok)
//!     }
//! }
//!
//! proxy_module::module!(door_module: init Door);
//! # mod other { use super::Local;
//! proxy_module::module!(local_module: init Local);
//! # }
//! # fn main() {}
//! ```
//!
//! # Kinds, and what a decline means
//!
//! | kind | who is called | what comes of it |
//! |---|---|---|
//! | `FIRST` | in order, until one does not decline | that one's answer; a decline if all do |
//! | `ALL` | all, until one objects by a status or an error | the objection; else `Ok`, or a decline if all declined |
//! | `VOID` | all, whatever they answer | `Ok`; errors and panics are in the log |
//! | `KEYED` | as `FIRST`, those for the key first, then those for any | that one's answer; a decline if all do |
//!
//! Order is [`ORDER`](crate::Implements::ORDER), then the order in which modules are loaded;
//! [`BEFORE`](crate::Implements::BEFORE) and [`AFTER`](crate::Implements::AFTER) win over both, and a ring of them is an error
//! at the start that names it.
//!
//! # What may go wrong
//!
//! An implementation's error or panic ends the run. [`Runner::run`](crate::Runner::run) answers an error then, which you
//! pass on by `?` where the request must not go on without an answer, and which you take for a decline where it may: a
//! balancer that has only lost a wish should serve the request. Whose fault it was is in the log either way.
//!
//! A run is an ordinary call on the same thread; nothing is allocated. Runs may be within each other eight deep, and an
//! implementation that is running is not called again further down: both are errors. A runner serves the instance whose
//! [`Init::runs`](crate::Init::runs) made it, and no other.
//!
//! # In C
//!
//! `pm_hook_decl` declares, `pm_hook` implements, `pm_run_hook` runs. The number that stands for the structs is the one that
//! `-D DUMP_HOOKS` prints behind the hook's name.
