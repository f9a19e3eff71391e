//! The end-to-end tests: the real program and real module files over real sockets, one module a topic.
//!
//! `PROXYD_BIN` names another program than the one built beside them, `PROXYD_MODULES` a directory of module files
//! built already, `PROXYD_TEST_MODE=static` a program with the round robin compiled in,
//! `PROXYD_TEST_C_FLAGS` more flags for modules in C, and `PROXYD_TESTS_REQUIRE_ALL` makes a failure of every test that
//! is skipped for want of a program. `PROXYD_TESTS_ALONE` says that nothing runs beside, so that bounds on time hold.
#![forbid(unsafe_code)]

#[macro_use]
mod support;

mod admin;
mod authors;
mod command_line;
mod config_errors;
mod contained;
mod control;
mod descriptors;
mod desync;
mod edits;
mod failover;
mod faults;
mod forwarding;
mod frozen;
mod load_balance_hook_2003;
mod logs;
mod module_errors;
mod module_files;
mod module_hooks;
mod module_tools;
mod modules;
mod overload;
mod peers;
mod policies;
mod preflight;
mod prove;
mod providers;
mod reload;
mod request_errors;
mod request_hooks;
mod service;
mod signals;
mod suites;
mod template;
mod trace;
mod trylists;
