//! The examples in C: drawing by weight, and equals by lot.

use proxy_core::caller::Caller;

use super::rig::{Rig, assert_distribution, assert_share};
use crate::support::policy::Policy;

#[test]
fn the_draw_is_uniform() {
    let (rig, caller) = (Rig::equal(&Policy::random_c(), 10), Caller::new(0));
    let shares = rig.shares(&caller, 100_000);
    assert_distribution(&shares, &[1; 10], "ten equals");
    for (index, share) in shares.iter().enumerate() {
        assert_share(*share, 100_000, 0.1, &format!("endpoint {index}"));
    }
}

#[test]
fn the_draw_is_by_weight() {
    let weights = [1, 2, 3, 10];
    let (rig, caller) = (Rig::weighing(&Policy::random_c(), &weights), Caller::new(0));
    assert_distribution(&rig.shares(&caller, 100_000), &weights, "one draw");
}

#[test]
fn what_was_tried_leaves_its_share_to_all_others() {
    let (rig, caller) = (Rig::weighing(&Policy::random_c(), &[1, 1, 2]), Caller::new(0));
    let mut seconds = [0; 3];
    let mut draws = 0;
    while draws < 20_000 {
        let offered = rig.walk(&caller, b"/");
        if offered[0] == 0 {
            seconds[offered[1]] += 1;
            draws += 1;
        }
    }
    assert_eq!(seconds[0], 0);
    assert_distribution(&seconds[1..], &[1, 2], "the second after the first endpoint");
}

#[test]
fn of_equals_one_is_drawn() {
    let (rig, caller) = (Rig::equal(&Policy::least_c(), 5), Caller::new(0));
    rig.set_in_flight(&[2, 3, 2, 2, 9]);
    let shares = rig.shares(&caller, 30_000);
    assert_eq!((shares[1], shares[4]), (0, 0));
    assert_distribution(&[shares[0], shares[2], shares[3]], &[1; 3], "three equals");
}
