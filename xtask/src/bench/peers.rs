//! x
mod figures;
mod load;
mod proxy;
