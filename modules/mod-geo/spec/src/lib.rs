//! The hook `com.example.geo.locate`, for those who declare, implement or run it; and the providers
//! `com.example.geo.country`, which answer the same question each by its name.
#![forbid(unsafe_code)]

use proxy_module::abi::{Bytes, HookKind, HookSpec, ProviderSpec, crossing};

crossing! {
    /// Whom to locate.
    pub struct LocateIn<'a> {
        /// Bytes of this struct.
        pub size: u32,
        /// Reserved, zero.
        pub reserved: u32,
        /// The client's address as text, `192.0.2.7` or `2001:db8::7`.
        pub client: Bytes<'a>,
    }
}

crossing! {
    /// Where the client is.
    pub struct LocateOut {
        /// Bytes of this struct.
        pub size: u32,
        /// First letter of the country's code in ISO 3166, `D` of `DE`.
        pub first: u8,
        /// Second letter.
        pub second: u8,
        /// Reserved, zero.
        pub reserved: u16,
    }
}

impl<'a> LocateIn<'a> {
    /// The question where `client` is.
    #[must_use]
    pub const fn new(client: &'a [u8]) -> Self {
        Self { size: size_of::<LocateIn<'_>>() as u32, reserved: 0, client: Bytes::new(client) }
    }
}

impl LocateOut {
    /// The country's code, `DE`.
    #[must_use]
    pub const fn country(&self) -> [u8; 2] {
        [self.first, self.second]
    }
}

impl Default for LocateOut {
    fn default() -> Self {
        Self { size: size_of::<Self>() as u32, first: 0, second: 0, reserved: 0 }
    }
}

/// The first implementation that knows the client fills in its country; the others decline.
#[derive(Debug)]
pub struct Locate;

impl HookSpec for Locate {
    const NAME: &'static str = "com.example.geo.locate";
    const REVISION: u32 = 1;
    const KIND: HookKind = HookKind::FIRST;
    const DOC: &'static str = "says in which country a client is";
    type In = LocateIn<'static>;
    type Out = LocateOut;
}

/// One source among several, which whoever asks chooses by name. Fills in the client's country, or declines.
#[derive(Debug)]
pub struct Country;

impl ProviderSpec for Country {
    const GROUP: &'static str = "com.example.geo.country";
    const REVISION: u32 = 1;
    const DOC: &'static str = "says in which country a client is, of one source";
    type In = LocateIn<'static>;
    type Out = LocateOut;
}

#[cfg(test)]
mod tests {
    use proxy_module::abi::{layout_of, provider_layout_of, provider_signature_of, signature_of};

    use super::*;

    #[test]
    fn the_signatures_are_those_that_are_written_for_c() {
        assert_eq!(
            layout_of::<Locate>(),
            "com.example.geo.locate/1 LocateIn{u32 size;u32 reserved;Bytes client} -> \
             LocateOut{u32 size;u8 first;u8 second;u16 reserved}"
        );
        assert_eq!(signature_of::<Locate>(), 0x0167_c6de_80c4_552c);
        assert_eq!(
            provider_layout_of::<Country>(),
            "com.example.geo.country/1 LocateIn{u32 size;u32 reserved;Bytes client} -> \
             LocateOut{u32 size;u8 first;u8 second;u16 reserved}"
        );
        assert_eq!(provider_signature_of::<Country>(), 0x9900_a138_b77b_c582);
    }
}
