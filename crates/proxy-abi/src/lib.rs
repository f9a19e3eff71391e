//! proxy-abi
