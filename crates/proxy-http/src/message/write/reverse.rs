//! ProxyPassReverse: places that an endpoint names by its own address, renamed for the client.
//!
//! As in httpd's `ap_proxy_location_reverse_map`, prefixes are compared without regard to case and the first
//! that fits is taken; unlike there, a prefix ends where a segment or the authority does, so that
//! `http://b:80` says nothing about `http://b:8080`.

use proxy_core::conf::CookieRule;

use super::super::name::Name;
use super::{cookies, extend};

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
    /// Our authority as the client sees it; empty if nobody has said it, then no place can be named by it.
    pub host: &'a [u8],
    /// What of cookies is renamed.
    pub cookies: &'a [CookieRule],
}

/// The new value of a field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Renamed<'s> {
    /// The pieces of a public URL.
    Place([&'s [u8]; 6]),
    /// A cookie, and what is renamed of it.
    Cookie(&'s [u8], &'s [CookieRule]),
}

impl Renamed<'_> {
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Place(pieces) => extend(out, &pieces),
            Self::Cookie(value, rules) => cookies::write(out, value, rules),
        }
    }
}

impl Reverse<'_> {
    /// What becomes of a field of this kind; nothing if it goes on as it is.
    pub(super) fn rename<'s>(&'s self, kind: Name, value: &'s [u8]) -> Option<Renamed<'s>> {
        match kind {
            Name::Location | Name::ContentLocation | Name::Uri | Name::Destination => {
                self.map(value).map(Renamed::Place)
            }
            Name::SetCookie if !self.cookies.is_empty() => Some(Renamed::Cookie(value, self.cookies)),
            _ => None,
        }
    }

    /// The pieces of the public URL for a place, or nothing where no pair fits.
    fn map<'s>(&'s self, place: &'s [u8]) -> Option<[&'s [u8]; 6]> {
        if self.host.is_empty() {
            return None;
        }
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
pub(super) fn join<'p>(public: &[u8], rest: &'p [u8]) -> (&'static [u8], &'p [u8]) {
    match rest.first() {
        Some(b'/') if public.ends_with(b"/") => (b"", &rest[1..]),
        None | Some(b'/' | b'?' | b'#') => (b"", rest),
        Some(_) if public.ends_with(b"/") => (b"", rest),
        Some(_) => (b"/", rest),
    }
}
