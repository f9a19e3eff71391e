//! What a whole file asks of the process that loads it, and what of that a module may not ask for: memory that is
//! written and run, other files than the C library's, and code of its own before the server calls it.

use super::{PT_LOAD, Segment};
use crate::refusal::Cause;

const PT_GNU_STACK: u32 = 0x6474_e551;
const EXECUTABLE: u32 = 1;
const WRITABLE: u32 = 2;

/// Libraries that a module may need: those that are in the server already, and the older names of their parts. Any other
/// is a file that nobody has checked, found by a search or, with a `/` in its name, anywhere: it can be linked in. C++ is
/// no exception, whose compilers have `-static-libstdc++`.
const LIBRARIES: &[&str] = &[
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    if cfg!(target_arch = "aarch64") { "ld-linux-aarch64.so.1" } else { "ld-linux-x86-64.so.2" },
];

/// A module of the SDK runs so many functions when it is loaded: one of the compiler's, two of Rust's library.
const CONSTRUCTORS: u64 = 3;

/// What the dynamic segment says that nobody needs for finding the way in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Demands {
    /// Libraries that are to be loaded with it, in the file's order.
    pub(crate) needed: Vec<String>,
    /// `RPATH` or `RUNPATH`, and where it has libraries looked for.
    pub(crate) search: Option<(&'static str, String)>,
    /// Whether the loader has to write into its code.
    pub(crate) text_relocations: bool,
    /// How many functions run when it is loaded, before the server calls any.
    pub(crate) constructors: u64,
}

impl Demands {
    /// All that a module may not ask for.
    pub(super) fn too_much(&self, segments: &[Segment]) -> impl Iterator<Item = Cause> {
        let relocations = self.text_relocations.then_some(Cause::TextRelocations);
        let search = self.search.clone().map(|(kind, value)| Cause::SearchPath { kind, value });
        let foreign = self.needed.iter().filter(|name| !is_known(name));
        let foreign = foreign.map(|name| Cause::NeedsLibrary { name: name.clone() });
        of_segments(segments).into_iter().chain(relocations).chain(search).chain(foreign)
    }

    /// What the operator should know all the same.
    pub(super) fn warning(&self) -> Option<String> {
        let count = self.constructors;
        // A sanitizer adds some of its own.
        (count > CONSTRUCTORS && !cfg!(sanitized)).then(|| {
            format!(
                "{count} functions of it run as soon as it is loaded, of a module of the SDK at most \
                 {CONSTRUCTORS}: ask its author what for"
            )
        })
    }
}

fn of_segments(segments: &[Segment]) -> Vec<Cause> {
    let of_kind = |kind| segments.iter().filter(move |segment| segment.kind == kind);
    let both = |segment: &Segment| segment.flags & (WRITABLE | EXECUTABLE) == WRITABLE | EXECUTABLE;
    let mut found = Vec::new();
    // Without that header the loader makes all stacks executable.
    if of_kind(PT_GNU_STACK).all(|stack| stack.flags & EXECUTABLE != 0) {
        found.push(Cause::ExecutableStack);
    }
    if let Some(segment) = of_kind(PT_LOAD).find(|segment| both(segment)) {
        found.push(Cause::WritableCode { address: segment.address });
    }
    found
}

fn is_known(name: &str) -> bool {
    // Those who build with a sanitizer have its runtime in the server too.
    let of_sanitizer = ["libasan.so.", "libtsan.so."].iter().any(|known| name.starts_with(known));
    LIBRARIES.contains(&name) || cfg!(sanitized) && of_sanitizer && !name.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_known_by_its_whole_name() {
        for known in ["libc.so.6", "libm.so.6", "libgcc_s.so.1"] {
            assert!(is_known(known), "{known}");
        }
        for other in
            ["libc.so", "libc.so.6/../x", "/lib/libc.so.6", "libc.so.7", "libz.so.1", "libstdc++.so.6", ""]
        {
            assert!(!is_known(other), "{other}");
        }
    }
}
