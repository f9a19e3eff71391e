//! Consistent hashing: what nginx itself chose, recorded by `data/record-ketama.py`, and what moves when endpoints do.

use std::thread;

use proxy_core::caller::Caller;

use super::rig::Rig;
use crate::support::policy::Policy;

/// A cluster of the recording, and what nginx chose there.
struct Recorded {
    name: &'static str,
    servers: Vec<(&'static str, u32)>,
    choices: Vec<(&'static str, &'static str)>,
}

fn recorded() -> Vec<Recorded> {
    let mut clusters: Vec<Recorded> = Vec::new();
    for line in include_str!("../data/ketama-nginx.csv").lines() {
        if let Some(cluster) = line.strip_prefix("cluster ") {
            let (name, servers) = cluster.split_once(' ').unwrap();
            let servers = servers.split(' ').map(|server| server.split_once('=').unwrap());
            let servers = servers.map(|(server, weight)| (server, weight.parse().unwrap())).collect();
            clusters.push(Recorded { name, servers, choices: Vec::new() });
        } else {
            let (name, choice) = line.split_once(',').unwrap();
            let choice = choice.rsplit_once(',').unwrap();
            clusters.iter_mut().find(|cluster| cluster.name == name).unwrap().choices.push(choice);
        }
    }
    clusters
}

fn chosen<'r>(rig: &'r Rig, caller: &Caller, uri: &str) -> &'r str {
    &rig.endpoints()[rig.pick_for(caller, uri.as_bytes())].addr
}

fn assert_chooses(rig: &Rig, caller: &Caller, recorded: &Recorded) {
    for (uri, server) in &recorded.choices {
        assert_eq!(chosen(rig, caller, uri), *server, "{} {uri}", recorded.name);
    }
}

#[test]
fn chooses_as_nginx_did() {
    let clusters = recorded();
    assert_eq!(clusters.len(), 6);
    for cluster in clusters {
        assert_eq!(cluster.choices.len(), 400, "{}", cluster.name);
        let rig = Rig::of(&Policy::ketama(), &cluster.servers, "");
        assert_chooses(&rig, &Caller::new(0), &cluster);
    }
}

#[test]
fn eight_executors_choose_alike_from_the_first_request_on() {
    for cluster in recorded() {
        let rig = Rig::of(&Policy::ketama(), &cluster.servers, "");
        thread::scope(|scope| {
            for executor in 0..8 {
                let (rig, cluster) = (&rig, &cluster);
                scope.spawn(move || assert_chooses(rig, &Caller::new(executor), cluster));
            }
        });
    }
}

/// The recording that Pingora compares itself with: nine servers of weight 100 at nginx. It is the file
/// `pingora-ketama/test-data/sample-nginx-upstream.csv` of cloudflare/pingora, under the Apache License 2.0.
#[test]
fn chooses_as_nginx_did_for_pingora() {
    let servers: Vec<(String, u32)> = (1..=9).map(|number| (format!("10.0.0.{number}:443"), 100)).collect();
    let rig = Rig::of(&Policy::ketama(), &servers, "");
    let recorded =
        include_str!("../data/ketama-pingora.csv").lines().map(|line| line.rsplit_once(',').unwrap());
    thread::scope(|scope| {
        for executor in [0, 1, 2, 3, 4, 5, 6, 7] {
            let (rig, recorded) = (&rig, recorded.clone());
            scope.spawn(move || {
                let (caller, mut equal) = (Caller::new(executor), 0);
                for (uri, server) in recorded {
                    assert_eq!(chosen(rig, &caller, uri), server, "{uri}");
                    equal += 1;
                }
                assert!(equal >= 1000, "{equal}");
            });
        }
    });
}

#[test]
fn the_order_of_the_file_does_not_matter() {
    for mut cluster in recorded() {
        cluster.servers.reverse();
        let middle = cluster.servers.len() / 2;
        cluster.servers.rotate_left(middle);
        let rig = Rig::of(&Policy::ketama(), &cluster.servers, "");
        assert_chooses(&rig, &Caller::new(0), &cluster);
    }
}

fn ten() -> Vec<(String, u32)> {
    (1..=10).map(|number| (format!("192.0.2.{number}:8080"), 1)).collect()
}

fn keys(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("/key/{number}"))
}

#[test]
fn taking_one_away_moves_its_keys_alone_and_to_where_a_failure_would() {
    const KEYS: usize = 2000;
    let (policy, caller) = (Policy::ketama(), Caller::new(0));
    let whole = Rig::of(&policy, &ten(), "");
    let mut moved = 0;
    for gone in 0..10 {
        let mut servers = ten();
        let (gone, _) = servers.remove(gone);
        let rest = Rig::of(&policy, &servers, "");
        for key in keys(KEYS) {
            let (before, after) = (chosen(&whole, &caller, &key), chosen(&rest, &caller, &key));
            if before == gone {
                moved += 1;
                let second = whole.walk(&caller, key.as_bytes())[1];
                assert_eq!(after, &*whole.endpoints()[second].addr, "{key} without {gone}");
            } else {
                assert_eq!(after, before, "{key} without {gone}");
            }
        }
    }
    assert_eq!(moved, KEYS, "each key has moved for one of the ten");
}

#[test]
fn keys_are_spread() {
    let rig = Rig::of(&Policy::ketama(), &ten(), "");
    let caller = Caller::new(0);
    let mut counts = [0; 10];
    keys(20_000).for_each(|key| counts[rig.pick_for(&caller, key.as_bytes())] += 1);
    // 160 points each leave about 8 of 100 between mean and most.
    assert!(counts.iter().all(|count| (1600..=2400).contains(count)), "{counts:?}");
}

#[test]
fn two_generations_agree() {
    let (one, other) = (Rig::of(&Policy::ketama(), &ten(), ""), Rig::of(&Policy::ketama(), &ten(), ""));
    for key in keys(500) {
        assert_eq!(chosen(&one, &Caller::new(0), &key), chosen(&other, &Caller::new(5), &key));
    }
}

/// What an endpoint's first point is the CRC-32 of, taken as a key, is at that very point.
#[test]
fn a_key_at_a_point_belongs_to_it() {
    let (rig, caller) = (Rig::of(&Policy::ketama(), &ten(), ""), Caller::new(0));
    for (index, (server, _)) in ten().iter().enumerate() {
        let key = format!("{}\0\0\0\0", server.replace(':', "\0"));
        assert_eq!(rig.pick_for(&caller, key.as_bytes()), index, "{server}");
    }
}
