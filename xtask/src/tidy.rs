//! What neither compiler nor clippy checks: the arrows between crates, module docs, citations that rot, where
//! unsafe code may be. Sizes are printed, not judged.

mod arrows;
mod sources;

use anyhow::{Result, bail};

/// Checks, prints what is wrong and how large things are.
///
/// # Errors
/// If anything is wrong.
pub(crate) fn run() -> Result<()> {
    let mut faults = arrows::faults()?;
    let sources = sources::read()?;
    faults.extend(sources.iter().flat_map(sources::Source::faults));
    faults.extend(sources::misplaced_unsafe(&sources));
    print!("{}", sources::sizes(&sources));
    for fault in &faults {
        println!("{fault}");
    }
    match faults.len() {
        0 => Ok(()),
        count => bail!("tidy found {count} fault(s)"),
    }
}
