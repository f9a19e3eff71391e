//! proxy-module-derive
