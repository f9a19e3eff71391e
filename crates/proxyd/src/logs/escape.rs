//! What clients and modules say is written so that it can neither end a line nor act on a terminal.

/// Appends `bytes`; what is not printable ASCII becomes `\n`, `\t`, `\xhh` as in httpd, a backslash is doubled,
/// and a quote is escaped if `quotes` says so.
pub(crate) fn escape_into(line: &mut Vec<u8>, bytes: &[u8], quotes: bool) {
    let is_plain = |byte: &u8| (0x20..0x7f).contains(byte) & (*byte != b'\\') & (*byte != b'"');
    // Nearly all are, and to look at each of them, whatever comes, is work for the processor's vector unit.
    if bytes.iter().fold(true, |all, byte| all & is_plain(byte)) {
        return line.extend_from_slice(bytes);
    }
    for &byte in bytes {
        match byte {
            b'\\' => line.extend_from_slice(br"\\"),
            b'"' if quotes => line.extend_from_slice(br#"\""#),
            0x20..0x7f => line.push(byte),
            0x08 => line.extend_from_slice(br"\b"),
            b'\n' => line.extend_from_slice(br"\n"),
            b'\r' => line.extend_from_slice(br"\r"),
            b'\t' => line.extend_from_slice(br"\t"),
            0x0b => line.extend_from_slice(br"\v"),
            _ => line.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]),
        }
    }
}

/// Appends `value`, quotes escaped, but `most` bytes at most: what is longer ends in `...`, never within an escape.
pub(crate) fn escape_most(line: &mut Vec<u8>, value: &[u8], most: usize) {
    // The longest escape has four bytes.
    if value.len() <= most / 4 {
        return escape_into(line, value, true);
    }
    let end = line.len() + most;
    // Up to where the mark would still fit.
    let mut kept = line.len();
    for byte in value {
        escape_into(line, std::slice::from_ref(byte), true);
        if line.len() > end {
            line.truncate(kept);
            line.extend_from_slice(CUT);
            return;
        }
        if line.len() + CUT.len() <= end {
            kept = line.len();
        }
    }
}

const CUT: &[u8] = b"...";

fn digit(nibble: u8) -> u8 {
    b"0123456789abcdef"[usize::from(nibble & 15)]
}

/// Formats into a line of bytes, escaped, so that no text is built in between.
pub(crate) struct Escaping<'a> {
    pub(crate) line: &'a mut Vec<u8>,
    pub(crate) quotes: bool,
}

impl std::fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        escape_into(self.line, text.as_bytes(), self.quotes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_ends_behind_a_whole_escape() {
        let table: &[(&[u8], &str)] = &[
            (b"ab", "ab"),
            (b"abcdefgh", "abcdefgh"),
            (b"abcdefghi", "abcde..."),
            (b"\"\"\"\"", r#"\"\"\"\""#),
            (b"\"\"\"\"\"", r#"\"\"..."#),
            (b"ab\xffcd", r"ab\xffcd"),
            (b"abc\xffcd", "abc..."),
        ];
        for (value, wanted) in table {
            let mut line = b"x ".to_vec();
            escape_most(&mut line, value, 8);
            assert_eq!(String::from_utf8_lossy(&line), format!("x {wanted}"));
        }
    }

    #[test]
    fn all_bytes_come_out_printable() {
        let all: Vec<u8> = (0..=255).collect();
        let mut line = Vec::new();
        escape_into(&mut line, &all, true);
        assert!(line.iter().all(|byte| (0x20..0x7f).contains(byte)));
        let table: &[(&[u8], &str, &str)] = &[
            (b"a b~", "a b~", "a b~"),
            (b"\x00\x1b\x7f\xff", r"\x00\x1b\x7f\xff", r"\x00\x1b\x7f\xff"),
            (b"\n\r\t\x08\x0b", r"\n\r\t\b\v", r"\n\r\t\b\v"),
            (b"\\\"", r#"\\""#, r#"\\\""#),
            ("\u{e4}".as_bytes(), r"\xc3\xa4", r"\xc3\xa4"),
        ];
        for (bytes, plain, quoted) in table {
            for (quotes, wanted) in [(false, plain), (true, quoted)] {
                let mut line = Vec::new();
                escape_into(&mut line, bytes, quotes);
                assert_eq!(String::from_utf8_lossy(&line), **wanted);
            }
        }
    }
}
