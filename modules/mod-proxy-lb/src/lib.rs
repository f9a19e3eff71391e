//! mod-proxy-lb
