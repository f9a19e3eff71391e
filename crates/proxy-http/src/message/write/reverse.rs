//! ProxyPassReverse: places that an endpoint names by its own address, renamed for the client.
//!
//! As in httpd's `ap_proxy_location_reverse_map`, prefixes are compared without regard to case and the first
//! that fits is taken; unlike there, a prefix ends where a segment or the authority does, so that
//! `http://b:80` says nothing about `http://b:8080`.

/// One line of ProxyPassReverse.
#[derive(Debug, Clone, Copy)]
pub struct ReversePair<'a> {
    /// What the endpoint says: an absolute URL, or a path that begins with `/`.
    pub internal: &'a [u8],
    /// The path outside that stands for it.
    pub public: &'a [u8],
}

/// The renaming in force for a response.
#[derive(Debug, Clone, Copy)]
pub struct Reverse<'a> {
    /// Tried in order.
    pub pairs: &'a [ReversePair<'a>],
    /// Our scheme as the client sees it: `http` or `https`.
    pub scheme: &'a [u8],
    /// Our authority as the client sees it.
    pub host: &'a [u8],
}

impl Reverse<'_> {
    /// The pieces of the public URL for a place, or nothing where no pair fits.
    pub(super) fn map<'s>(&'s self, place: &'s [u8]) -> Option<[&'s [u8]; 6]> {
        self.pairs.iter().find_map(|pair| {
            let rest = rest_below(place, pair.internal)?;
            let (joint, rest) = join(pair.public, rest);
            Some([self.scheme, b"://", self.host, pair.public, joint, rest])
        })
    }
}

fn rest_below<'p>(place: &'p [u8], internal: &[u8]) -> Option<&'p [u8]> {
    let (start, rest) = place.split_at_checked(internal.len())?;
    let at_end = matches!(rest.first(), None | Some(b'/' | b'?' | b'#')) || internal.ends_with(b"/");
    (!internal.is_empty() && at_end && start.eq_ignore_ascii_case(internal)).then_some(rest)
}

/// Exactly one slash where the public path meets a further segment.
fn join<'p>(public: &[u8], rest: &'p [u8]) -> (&'static [u8], &'p [u8]) {
    match rest.first() {
        Some(b'/') if public.ends_with(b"/") => (b"", &rest[1..]),
        None | Some(b'/' | b'?' | b'#') => (b"", rest),
        Some(_) if public.ends_with(b"/") => (b"", rest),
        Some(_) => (b"/", rest),
    }
}
