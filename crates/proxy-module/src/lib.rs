//! proxy-module
