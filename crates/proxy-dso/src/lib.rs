//! proxy-dso
