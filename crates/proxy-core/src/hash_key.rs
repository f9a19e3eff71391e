//! `LBHashKey`: what of a request a hashing policy goes by, and its hash.

use proxy_abi::Request;

/// Where a cluster's key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashSource {
    /// The client's address.
    Client,
    /// The target of the request line, byte for byte.
    Uri,
    /// The first field of that name.
    Header(String),
    /// The first cookie of that name.
    Cookie(String),
}

impl HashSource {
    /// Reads `client`, `uri`, `header:NAME` or `cookie:NAME`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_token = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
        };
        match text.split_once(':') {
            None if text.eq_ignore_ascii_case("client") => Some(Self::Client),
            None if text.eq_ignore_ascii_case("uri") => Some(Self::Uri),
            Some((kind, name)) if kind.eq_ignore_ascii_case("header") && is_token(name) => {
                Some(Self::Header(name.to_owned()))
            }
            Some((kind, name)) if kind.eq_ignore_ascii_case("cookie") && is_token(name) => {
                Some(Self::Cookie(name.to_owned()))
            }
            _ => None,
        }
    }

    /// The key of `request`; none if the request has no such field or cookie.
    #[must_use]
    pub fn key<'r>(&self, request: &Request<'r>) -> Option<&'r [u8]> {
        match self {
            Self::Client => Some(request.client.as_slice()),
            Self::Uri => Some(request.unparsed_uri.as_slice()),
            Self::Header(name) => request.fields.named(name),
            Self::Cookie(name) => {
                let fields = request.fields.iter();
                let values =
                    fields.filter(|(field, _)| field.eq_ignore_ascii_case(b"cookie")).map(|(_, value)| value);
                values
                    .flat_map(|value| value.split(|byte| *byte == b';'))
                    .find_map(|pair| cookie_value(pair, name))
            }
        }
    }
}

fn cookie_value<'r>(pair: &'r [u8], name: &str) -> Option<&'r [u8]> {
    let rest = pair.trim_ascii_start().strip_prefix(name.as_bytes())?;
    rest.strip_prefix(b"=").map(<[u8]>::trim_ascii_end)
}

/// The hash of a key: FNV-1a with MurmurHash3's finaliser over it, since FNV's upper bits say little of short keys.
/// The same in every process and version: another function would move every key. Never 0, which means no key.
#[must_use]
pub fn hash(key: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in key {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (hash ^ hash >> 33).max(1)
}

#[cfg(test)]
mod tests {
    use proxy_abi::{FieldAccess, Fields, RequestParts};

    use super::*;

    struct Sent(Vec<(&'static str, &'static str)>);

    impl FieldAccess for Sent {
        fn field(&self, index: usize) -> Option<(&[u8], &[u8])> {
            self.0.get(index).map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        }
    }

    #[test]
    fn keys_come_from_where_they_are_asked_for() {
        let sent = Sent(vec![("Cookie", "a=1; user=x"), ("X-User", "7"), ("cookie", "user=y; b=2 ")]);
        let parts = RequestParts {
            version: 11,
            id: 1,
            method: b"GET",
            authority: b"h",
            path: b"/p",
            query: b"q",
            unparsed_uri: b"/p?q",
            client: b"192.0.2.7",
        };
        let request = Request::new(&parts, Fields::new(&sent));
        for (source, key) in [
            ("client", Some("192.0.2.7")),
            ("URI", Some("/p?q")),
            ("header:x-user", Some("7")),
            ("header:x-none", None),
            ("cookie:user", Some("x")),
            ("cookie:b", Some("2")),
            ("cookie:use", None),
        ] {
            let source = HashSource::parse(source).unwrap();
            assert_eq!(source.key(&request).map(|key| std::str::from_utf8(key).unwrap()), key, "{source:?}");
        }
    }

    #[test]
    fn what_is_no_source_is_refused() {
        for text in ["", "ip", "header", "header:", "header:a b", "cookie:", "client:x"] {
            assert_eq!(HashSource::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_hash_never_changes() {
        let hashes = [b"".as_slice(), b"a", b"192.0.2.7", b"/index.html"].map(hash);
        assert_eq!(
            hashes,
            [0xefd0_1f60_ba99_2926, 0x82a2_a958_a9be_ce5b, 0xe408_d008_42ff_862e, 0x43f3_e2a1_af9f_1352]
        );
    }
}
