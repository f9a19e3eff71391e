//! What the reader of a test run is told: figures, and tests that were skipped for want of a program.

use std::path::PathBuf;

/// Where a program is; `None` after saying that the test is skipped.
///
/// # Panics
/// When it is missing and `PROXYD_TESTS_REQUIRE_ALL` is set, as where everything was installed on purpose.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let mut places = std::env::split_paths(&path).chain(system).map(|dir| dir.join(name));
    let found = places.find(|path| path.is_file());
    if found.is_none() {
        missing(name);
    }
    found
}

/// Whether the server is built under a sanitizer, which keeps what was freed for a while: then no bound on memory holds.
pub(crate) fn is_sanitized() -> bool {
    std::env::var("PROXYD_TEST_C_FLAGS").is_ok_and(|flags| flags.contains("-fsanitize"))
}

/// Prints what a test measured; `--nocapture` shows it.
#[expect(clippy::print_stderr, reason = "the reader of a test run is told")]
pub(crate) fn figure(text: std::fmt::Arguments<'_>) {
    eprintln!("measured: {text}");
}

/// Says that a test is skipped for want of `what`.
pub(crate) fn missing(what: &str) {
    let required = std::env::var_os("PROXYD_TESTS_REQUIRE_ALL").is_some();
    assert!(!required, "{what} is not installed, and PROXYD_TESTS_REQUIRE_ALL is set");
    skipped(&format!("{what} not installed"));
}

/// Says that a test is skipped for want of what nobody installs for a test's sake.
#[expect(clippy::print_stderr, reason = "the reader of a test run is told")]
pub(crate) fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}
