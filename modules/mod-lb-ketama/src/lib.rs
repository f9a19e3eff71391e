//! Consistent hashing: the same key goes to the same endpoint, and stays there when others come and go.
//! `LoadModule lb_ketama_module modules/mod_lb_ketama.so`
//!
//! ```text
//! LBServerCluster cache http://192.0.2.1:8080 weight=2
//! LBServerCluster cache http://192.0.2.2:8080
//! LBMethod cache lb_ketama_module
//! LBHashKey cache cookie:user
//! ```
//!
//! # The rule
//!
//! Each endpoint owns many points on a ring of 2³² numbers; a key's hash is a place on it, and the next point from there
//! on, around the end, says whose the key is. Taking an endpoint away takes its points away: its keys go to the next
//! points, which are spread over all others, and no other key moves. By `hash mod n` nearly all would. (D. Karger et
//! al., Consistent Hashing and Random Trees, STOC 1997; R. Jones's libketama, 2007, made points out of servers' names.)
//!
//! This is the ring of nginx's `hash KEY consistent`, so that caches behind both stay warm, with
//! `server host:port weight=n` there for `http://host:port weight=n` here:
//!
//! * An endpoint has 160 points per unit of weight. Each is the CRC-32 of host, a zero byte, port and the point before
//!   it, as four bytes, the low one first; before the first point that is 0.
//! * Of equal points one remains. nginx leaves open whose; here the first in the order of addresses, so that the order
//!   of the file never matters.
//! * A key's place is its CRC-32, and the point at or after it decides. The key is what `LBHashKey` takes from the request;
//!   where there is none, the target of the request line, `$request_uri` in nginx.
//!
//! For the next endpoint after a failure, the walk goes on along the ring. An endpoint that is down keeps its points and
//! is passed by, so that its keys are its own again the moment it comes back.
//!
//! The ring is made once for each cluster in each generation, by the first request to it, and shared by all executors; a
//! request that comes meanwhile waits for it. From then on a pick searches it by halves, without allocation. A reload
//! makes it anew, and the same one if the endpoints are the same.
#![forbid(unsafe_code)]

use std::sync::OnceLock;

use proxy_module::prelude::*;

const POINTS_PER_WEIGHT: u32 = 160;

struct Ketama {
    ring: ClusterSlot<OnceLock<Ring>>,
}

struct Walk {
    place: usize, // on the ring, of the point to look at next
    offered: usize,
}

impl Balancer for Ketama {
    type Config = ();
    type Walk = Walk;

    fn new(_: (), init: &mut Init<'_>) -> Result<Self> {
        Ok(Self { ring: init.per_cluster()? })
    }

    fn begin(&self, request: &Request<'_>, set: &Endpoints<'_>) -> Result<Begin<Walk>> {
        let key = if request.hash_key().is_empty() { request.unparsed_uri() } else { request.hash_key() };
        let place = self.ring(set).place(crc32(0, key));
        Ok(Begin::Trylist(Walk { place, offered: 0 }))
    }

    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        let set = attempt.endpoints();
        if walk.offered >= set.usable().len() {
            return Ok(Next::Exhausted);
        }
        let points = &self.ring(&set).points;
        for _ in points {
            let owner = points[walk.place % points.len()].owner;
            walk.place += 1;
            if !attempt.tried(owner) && set.usable().binary_search(&owner).is_ok() {
                walk.offered += 1;
                return Ok(Next::Endpoint(owner));
            }
        }
        Ok(Next::Exhausted)
    }
}

impl Ketama {
    /// Of all endpoints of the cluster, whose membership is the generation's; their health is no part of it.
    fn ring<'s>(&'s self, set: &Endpoints<'s>) -> &'s Ring {
        set.state(&self.ring).get_or_init(|| Ring::of(set))
    }
}

struct Ring {
    points: Vec<Point>, // ascending
}

#[derive(Clone, Copy)]
struct Point {
    hash: u32,
    owner: u32, // an index of the set
}

impl Ring {
    fn of(set: &Endpoints<'_>) -> Self {
        let mut owners: Vec<(&[u8], u32, u32)> = set
            .iter()
            .zip(0..)
            .map(|(endpoint, index)| (endpoint.addr(), index, endpoint.weight()))
            .collect();
        owners.sort_unstable();
        let mut points: Vec<Point> = owners.iter().flat_map(|owner| points(*owner)).collect();
        // Stable, so that of equal points the one of the first address is kept.
        points.sort_by_key(|point| point.hash);
        points.dedup_by_key(|point| point.hash);
        Self { points }
    }

    /// Of the first point at `hash` or after it.
    fn place(&self, hash: u32) -> usize {
        self.points.partition_point(|point| point.hash < hash)
    }
}

fn points((addr, owner, weight): (&[u8], u32, u32)) -> impl Iterator<Item = Point> {
    let colon = addr.iter().rposition(|byte| *byte == b':').unwrap_or(addr.len());
    let port = addr.get(colon + 1..).unwrap_or_default();
    let base = [&addr[..colon], &[0], port].into_iter().fold(0, crc32);
    let hashes = std::iter::successors(Some(0), move |before: &u32| Some(crc32(base, &before.to_le_bytes())));
    let count = POINTS_PER_WEIGHT.saturating_mul(weight) as usize;
    hashes.skip(1).take(count).map(move |hash| Point { hash, owner })
}

/// The CRC-32 of zip and Ethernet, polynomial 0x04c11db7, bits reversed: that of `bytes` after what `before` is the
/// CRC-32 of, 0 for nothing.
fn crc32(before: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!before, |crc, byte| TABLE[usize::from(crc as u8 ^ byte)] ^ crc >> 8)
}

/// What each byte does to the remainder.
static TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

proxy_module::module!(lb_ketama_module: balancer Ketama);
