//! `module!`: the exported record, the note in the file, and the entry in the list of compiled-in modules.

use crate::Directives;
use crate::abi::{self, Bytes, Directive, FiniFn, InitFn, MAGIC, Note, flags};

/// A compiled-in module. The server iterates over `inventory::iter::<StaticModule>`; in a loaded module the
/// list is that file's own and nobody reads it.
#[derive(Debug)]
pub struct StaticModule(pub abi::StaticRecord);

inventory::collect!(StaticModule);

/// What every module of this crate says of itself.
#[doc(hidden)]
pub const FLAGS: u32 = flags::RUST | flags::GUARDED;

/// And what one says that starts threads.
#[doc(hidden)]
pub const FLAGS_WITH_THREADS: u32 = FLAGS | flags::THREADS;

const BUILD: &str = concat!(
    env!("PROXY_MODULE_RUSTC"),
    "; proxy-module ",
    env!("CARGO_PKG_VERSION"),
    "; target ",
    env!("PROXY_MODULE_TARGET")
);

/// The record of a module whose directives are those of `C`.
#[doc(hidden)]
#[must_use]
pub const fn record<C: Directives>(
    ident: &'static str,
    version: &'static str,
    flags: u32,
    init: InitFn,
    fini: FiniFn,
) -> abi::Module {
    abi::Module {
        magic: MAGIC,
        size: size_of::<abi::Module>() as u32,
        major: abi::MAJOR,
        minor_min: abi::MINOR,
        minor_built: abi::MINOR,
        reserved: 0,
        flags,
        ident: Bytes::of(ident),
        version: Bytes::of(version),
        build: Bytes::of(BUILD),
        directives: C::TABLE.as_ptr(),
        ndirectives: C::TABLE.len() as u32,
        directive_stride: size_of::<Directive>() as u32,
        init: Some(init),
        fini: Some(fini),
    }
}

/// The note that states the same facts in the file.
#[doc(hidden)]
#[must_use]
pub const fn note(ident: &str, flags: u32) -> Note {
    Note::new(ident, abi::MINOR, flags)
}

/// Exports a module: `module!(proxy_lb_module: balancer RoundRobin)` for a [`Balancer`](crate::Balancer),
/// `module!(geo_module: init Geo)` for a [`Module`](crate::Module).
///
/// The name is the one that `LoadModule` gives, `[a-z][a-z0-9_]*_module`. It becomes the file's one exported
/// symbol, and stands in the note that the server reads before it runs any of the file's code. A crate may
/// hold several modules.
///
/// A module that starts threads while it is begun says so, `module!(geo_module: init Geo, threads)`: the server refuses
/// others in which it finds that. They have to be over when its instance is dropped.
#[macro_export]
macro_rules! module {
    ($ident:ident : balancer $type:ty) => {
        $crate::__export!($ident, $type, $crate::Balancer, init_balancer, FLAGS);
    };
    ($ident:ident : balancer $type:ty, threads) => {
        $crate::__export!($ident, $type, $crate::Balancer, init_balancer, FLAGS_WITH_THREADS);
    };
    ($ident:ident : init $type:ty) => {
        $crate::__export!($ident, $type, $crate::Module, init_module, FLAGS);
    };
    ($ident:ident : init $type:ty, threads) => {
        $crate::__export!($ident, $type, $crate::Module, init_module, FLAGS_WITH_THREADS);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($ident:ident, $type:ty, $form:path, $init:ident, $flags:ident) => {
        #[cfg(panic = "abort")]
        ::core::compile_error!(
            "a module contains its panics, which it cannot with panic = \"abort\": remove that from the profile"
        );

        #[doc = ::core::concat!("The record of `", ::core::stringify!($ident), "`.")]
        #[allow(non_upper_case_globals, reason = "the name is the one in LoadModule")]
        #[unsafe(no_mangle)]
        pub static $ident: $crate::abi::Module = {
            use $crate::private::$init as init;
            $crate::private::record::<<$type as $form>::Config>(
                ::core::stringify!($ident),
                ::core::env!("CARGO_PKG_VERSION"),
                $crate::private::$flags,
                init::<$type>,
                $crate::private::fini::<$type>,
            )
        };

        const _: () = {
            #[used]
            #[unsafe(link_section = ".note.proxyd.module")]
            static NOTE: $crate::abi::Note =
                $crate::private::note(::core::stringify!($ident), $crate::private::$flags);

            $crate::inventory::submit! {
                // SAFETY: F2, the record above: its table, init and fini are those of one type.
                $crate::StaticModule(unsafe { $crate::abi::StaticRecord::new(&$ident) })
            }
        };
    };
}
