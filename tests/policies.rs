//! What the balancers of the product choose: their module files, driven by the server's own trylist over many picks,
//! and by the real server over a few.

mod c;
mod every_policy;
mod executors;
mod ketama;
mod least;
mod live;
mod p2c;
mod rig;
mod weights;
