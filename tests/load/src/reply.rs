//! Reading one response: its head, then as many bytes as it says; each has to be what was asked for.

/// How far a response is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fed {
    /// More has to come.
    More,
    /// Whole and right.
    Done,
    /// What is wrong with it.
    Wrong(String),
}

/// A response as it comes in.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The beginning of a head that did not come in one piece.
    head: Vec<u8>,
    /// Bytes of the body still to come; none while the head is read.
    left: Option<usize>,
}

/// A head longer than this is wrong.
const MAX_HEAD: usize = 16 * 1024;

impl Reply {
    /// Takes what was read. `size` is the length of the body that was asked for.
    pub fn feed(&mut self, bytes: &[u8], size: usize) -> Fed {
        let body = match self.left {
            Some(left) => return self.body(left, bytes.len()),
            None if self.head.is_empty() => match head(bytes, size) {
                Ok(Some(length)) => bytes.len() - length,
                Ok(None) => {
                    self.head.extend_from_slice(bytes);
                    return Fed::More;
                }
                Err(wrong) => return Fed::Wrong(wrong),
            },
            None => {
                self.head.extend_from_slice(bytes);
                match head(&self.head, size) {
                    Ok(Some(length)) => self.head.len() - length,
                    Ok(None) if self.head.len() < MAX_HEAD => return Fed::More,
                    Ok(None) => return Fed::Wrong("a head without an end".to_owned()),
                    Err(wrong) => return Fed::Wrong(wrong),
                }
            }
        };
        self.body(size, body)
    }

    /// Whether bytes of this response have come.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.left.is_some() || !self.head.is_empty()
    }

    fn body(&mut self, left: usize, came: usize) -> Fed {
        if came > left {
            return Fed::Wrong(format!("{} bytes behind the end of a response", came - left));
        }
        if came < left {
            self.left = Some(left - came);
            return Fed::More;
        }
        self.head.clear();
        self.left = None;
        Fed::Done
    }
}

/// The length of a whole head that promises `size` bytes.
fn head(bytes: &[u8], size: usize) -> Result<Option<usize>, String> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut fields);
    let parsed = response.parse(bytes).map_err(|error| format!("a head that is none: {error}"))?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    if response.code != Some(200) {
        return Err(format!("status {}", response.code.unwrap_or_default()));
    }
    let said = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
    let said: Option<usize> =
        said.and_then(|field| std::str::from_utf8(field.value).ok()).and_then(|text| text.parse().ok());
    match said {
        Some(said) if said == size => Ok(Some(length)),
        Some(said) => Err(format!("{said} bytes promised where {size} were asked for")),
        None => Err("no Content-Length".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

    #[test]
    fn a_response_is_whole_wherever_it_is_cut() {
        for cut in 1..WHOLE.len() {
            let mut reply = Reply::default();
            assert_eq!(reply.feed(&WHOLE[..cut], 5), Fed::More, "cut at {cut}");
            assert!(reply.is_begun());
            assert_eq!(reply.feed(&WHOLE[cut..], 5), Fed::Done, "cut at {cut}");
            assert!(!reply.is_begun());
            assert_eq!(reply.feed(WHOLE, 5), Fed::Done);
        }
    }

    #[test]
    fn what_was_not_asked_for_is_wrong() {
        let wrong = |bytes: &[u8], size| matches!(Reply::default().feed(bytes, size), Fed::Wrong(_));
        assert!(wrong(WHOLE, 6));
        assert!(wrong(b"HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\nhello", 5));
        assert!(wrong(b"HTTP/1.1 200 OK\r\n\r\nhello", 5));
        assert!(wrong(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!", 5));
    }
}
