//! The tests that are not run under a sanitizer, and why: the one place where one is left out.

use super::Sanitizer;

/// A test that is left out, and others whose names hold its name.
#[derive(Debug)]
pub(super) struct LeftOut {
    /// What the test's path holds.
    pub(super) name: &'static str,
    only: Option<Sanitizer>,
    reason: &'static str,
}

impl LeftOut {
    const fn always(name: &'static str, reason: &'static str) -> Self {
        Self { name, only: None, reason }
    }

    const fn of_thread(name: &'static str, reason: &'static str) -> Self {
        Self { name, only: Some(Sanitizer::Thread), reason }
    }
}

const MEASURES: &str = "measures a module's memory and time, counts with valgrind, and knows its symbols";

const OFFERS: &str = "offers more load than such a server bears";

const LEFT_OUT: &[LeftOut] = &[
    LeftOut::always("authors::", "its compilers are given no flags, and what it builds is measured"),
    LeftOut::always("module_tools::the_round_robin_passes", MEASURES),
    LeftOut::always("module_tools::least_requests_passes", MEASURES),
    LeftOut::always("module_tools::two_choices_passes", MEASURES),
    LeftOut::always("module_tools::ketama_passes", MEASURES),
    LeftOut::always("module_tools::a_module_that_is_no_balancer_passes_what_applies", MEASURES),
    LeftOut::always("fails_the_check_that_names_its_fault", MEASURES),
    LeftOut::always("module_tools::a_crash_is_named_and_fails_no_other_check", "crashes on purpose"),
    LeftOut::always("module_tools::bench_measures_five_sizes", "runs valgrind"),
    LeftOut::always("a_file_cut_in_the_middle", "knows the sizes of a file built without instrumentation"),
    LeftOut::always(
        "preflight::",
        "a sanitizer does what a trial forbids, and counts what is done in it as a report",
    ),
    LeftOut::always("prove::hostile", "as those of preflight"),
    LeftOut::always("code_that_may_be_written", "knows an address of a file built without instrumentation"),
    LeftOut::always("constructors_are_warned_of", "sanitizers add constructors"),
    LeftOut::always("module_tools::what_the_server_would_refuse_fails_by_name", "as those of preflight"),
    LeftOut::always("template::", "its compilers are given no flags, and what it builds is measured"),
    LeftOut::always("peers::a_gib_downloaded", "bounds the memory of a server"),
    LeftOut::always("prove::slow", "bounds the time and the memory of a server"),
    LeftOut::always("service::units::", "asks what the server itself maps and calls, partly by strace"),
    LeftOut::of_thread("prove::reloads", OFFERS),
    LeftOut::of_thread("prove::swaps", OFFERS),
    LeftOut::of_thread("prove::panics", OFFERS),
    LeftOut::of_thread("prove::stall", OFFERS),
    LeftOut::of_thread("prove::soak", OFFERS),
    LeftOut::of_thread("descriptors::", "counts what files a server may open, and the runtime opens some"),
    LeftOut::of_thread(
        "limits::a_kept_connection_ends_after_its_time",
        "knows a time to a tenth of a second",
    ),
    LeftOut::of_thread(
        "limits::a_slow_body_has_the_time_that_its_rate_earns",
        "knows a time to half a second",
    ),
];

/// Those for `sanitizer`.
pub(super) fn left_out(sanitizer: Sanitizer) -> impl Iterator<Item = &'static LeftOut> {
    LEFT_OUT.iter().filter(move |test| test.only.is_none_or(|only| only == sanitizer))
}

/// Says which are left out.
pub(super) fn print(sanitizer: Sanitizer) {
    println!("\nleft out:");
    left_out(sanitizer).for_each(|test| println!("  {} ({})", test.name, test.reason));
}
