//! The SHA-256 of a module file, by which an operator names the one file that is meant.

use sha2::{Digest, Sha256};

use crate::refusal::{Cause, Sum};

/// The sum of a whole file.
#[must_use]
pub(crate) fn of(bytes: &[u8]) -> Sum {
    Sum(Sha256::digest(bytes).into())
}

/// Holds a file against the sum that it is to have, if there is one.
///
/// # Errors
/// Both sums.
pub(crate) fn check(bytes: &[u8], wanted: Option<[u8; 32]>) -> Result<(), Cause> {
    let Some(wanted) = wanted.map(Sum) else { return Ok(()) };
    let found = of(bytes);
    if found == wanted { Ok(()) } else { Err(Cause::WrongSum { found, wanted }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_fips_180() {
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of(b"abc").to_string(), text);
        assert_eq!(check(b"abc", Some(of(b"abc").0)), Ok(()));
        assert_eq!(check(b"abc", None), Ok(()));
        let other = check(b"abd", Some(of(b"abc").0)).unwrap_err().to_string();
        assert!(other.contains(text) && other.contains(&of(b"abd").to_string()), "{other}");
    }
}
