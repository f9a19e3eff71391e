//! The words of a LoadModule line: ident, path, and what the operator knows of the file.

use proxy_abi::ident_is_valid;
use proxy_config::{Diagnostic, Node, Word};

/// A line whose words are in order.
#[derive(Debug)]
pub(super) struct Arguments<'n> {
    pub(super) ident: &'n Word,
    pub(super) path: &'n Word,
    pub(super) sha256: Option<Pin<'n>>,
}

/// `sha256=HEX`: the sum of the one file that is meant.
#[derive(Debug)]
pub(super) struct Pin<'n> {
    pub(super) word: &'n Word,
    pub(super) sum: [u8; 32],
}

const USAGE: &str = "write `LoadModule IDENT PATH [sha256=HEX]`: the module's ident and its file";
const SUM_FROM: &str = "`proxyd module inspect FILE` prints it, ready to paste";

/// Reads the words.
///
/// # Errors
/// The first that is wrong.
pub(super) fn read(node: &Node) -> Result<Arguments<'_>, Diagnostic> {
    let [ident, path, keys @ ..] = node.args.as_slice() else {
        return Err(
            Diagnostic::error(node.name.span, "LoadModule takes at least two arguments").with_help(USAGE)
        );
    };
    if !ident_is_valid(ident.text.as_bytes()) {
        let message = format!("`{}` cannot be a module's ident", ident.text);
        return Err(Diagnostic::error(ident.span, message)
            .with_help("an ident is [a-z][a-z0-9_]*_module, as in proxy_lb_module"));
    }
    let mut sha256 = None;
    for word in keys {
        let pin = pin(word)?;
        if sha256.replace(pin).is_some() {
            return Err(Diagnostic::error(word.span, "sha256 is given twice").with_help("leave one of them"));
        }
    }
    Ok(Arguments { ident, path, sha256 })
}

fn pin(word: &Word) -> Result<Pin<'_>, Diagnostic> {
    let error = |message, help| Diagnostic::error(word.span, message).with_help(help);
    match word.text.split_once('=') {
        Some(("sha256", hex)) => {
            sum(hex).map(|sum| Pin { word, sum }).map_err(|message| error(message, SUM_FROM))
        }
        Some((key, _)) => Err(error(format!("LoadModule has no key `{key}`"), "the only one is sha256=HEX")),
        None => Err(error(format!("`{}` is one argument too many for LoadModule", word.text), USAGE)),
    }
}

/// 64 hexadecimal digits, in any case.
fn sum(hex: &str) -> Result<[u8; 32], String> {
    if let Some(other) = hex.chars().find(|c| !c.is_ascii_hexdigit()) {
        return Err(format!("sha256 takes hexadecimal digits, `{other}` is none"));
    }
    if hex.len() != 64 {
        return Err(format!("sha256 takes 64 hexadecimal digits, these are {}", hex.len()));
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default() as u8;
    let (pairs, _) = hex.as_bytes().as_chunks::<2>();
    let mut sum = [0; 32];
    for (byte, [high, low]) in sum.iter_mut().zip(pairs) {
        *byte = digit(*high) << 4 | digit(*low);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_64_digits_of_any_case() {
        let hex = "00ff".repeat(16);
        assert_eq!(sum(&hex).unwrap()[..4], [0, 0xff, 0, 0xff]);
        assert_eq!(sum(&hex.to_uppercase()), sum(&hex));
        assert_eq!(sum(&hex[..63]).unwrap_err(), "sha256 takes 64 hexadecimal digits, these are 63");
        assert_eq!(sum("").unwrap_err(), "sha256 takes 64 hexadecimal digits, these are 0");
        assert_eq!(sum("0x12").unwrap_err(), "sha256 takes hexadecimal digits, `x` is none");
        assert_eq!(sum("ä").unwrap_err(), "sha256 takes hexadecimal digits, `ä` is none");
    }
}
