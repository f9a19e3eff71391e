//! The power of two choices: two different endpoints, the less loaded one of them, by weight.

use proxy_core::caller::Caller;

use super::rig::{Rig, assert_distribution, assert_share};
use crate::support::policy::Policy;

#[test]
fn of_two_the_less_loaded_one_always_wins() {
    let (rig, caller) = (Rig::equal(&Policy::p2c(), 2), Caller::new(0));
    for (in_flight, winner) in [([1, 0], 1), ([0, 1], 0), ([500, 499], 1)] {
        for _ in 0..5000 {
            rig.set_in_flight(&in_flight);
            assert_eq!(rig.pick(&caller), winner, "{in_flight:?}");
        }
    }
}

/// With replacement, it would be 55.6, 36 and 19 of 100; by looking at all, 100.
#[test]
fn of_n_the_least_loaded_one_gets_two_nths_and_the_busiest_nothing() {
    const DRAWS: usize = 50_000;
    for count in [3_usize, 5, 10] {
        let (rig, caller) = (Rig::equal(&Policy::p2c(), count), Caller::new(0));
        let in_flight: Vec<u32> = (0..count as u32).rev().collect();
        rig.set_in_flight(&in_flight);
        let shares = rig.shares(&caller, DRAWS);
        assert_share(shares[count - 1], DRAWS, 2.0 / count as f64, &format!("the least of {count}"));
        assert_eq!(shares[0], 0, "the busiest of {count}");
    }
}

#[test]
fn equals_are_drawn_evenly() {
    let (rig, caller) = (Rig::equal(&Policy::p2c(), 10), Caller::new(0));
    assert_distribution(&rig.shares(&caller, 50_000), &[1; 10], "ten idle endpoints");
}

/// The bounds of the paper, computed for 1000 bins: 3.0 at the fullest on average after 1000 balls, where one choice
/// makes 5.5; after 20,000, 2.0 above the mean, where one choice makes 18.2.
#[test]
fn balls_into_bins() {
    const BINS: usize = 1000;
    const RUNS: usize = 5;
    let policy = Policy::p2c();
    let (mut early, mut late) = (0.0, 0.0);
    for run in 0..RUNS {
        let (rig, caller) = (Rig::equal(&policy, BINS), Caller::seeded(0, run as u64));
        let fullest_after = |balls: usize| {
            rig.hold_many(&caller, balls);
            f64::from(*rig.in_flight().iter().max().unwrap())
        };
        early += fullest_after(BINS) / RUNS as f64;
        late += (fullest_after(19 * BINS) - 20.0) / RUNS as f64;
    }
    assert!((early - 3.0).abs() <= 0.3, "{early}");
    assert!((late - 2.0).abs() <= 0.3, "{late}");
}

/// At equal loads the first drawn wins, so the shares are those of one draw.
#[test]
fn endpoints_are_drawn_by_weight() {
    for (weights, in_flight) in [([4, 1, 1, 1], [3, 0, 0, 0]), ([1, 2, 3, 4], [0, 1, 2, 3])] {
        let (rig, caller) = (Rig::weighing(&Policy::p2c(), &weights), Caller::new(0));
        rig.set_in_flight(&in_flight);
        assert_distribution(&rig.shares(&caller, 50_000), &weights, "one draw");
    }
}

/// The second is drawn out of the others, by their weights: both are drawn, the busier one never wins, and the chance
/// of each pair is known.
#[test]
fn the_second_is_drawn_without_the_first() {
    const DRAWS: usize = 50_000;
    let (rig, caller) = (Rig::weighing(&Policy::p2c(), &[2, 1, 1]), Caller::new(0));
    // Loads 10, 1, 2: the first wins never, the third only against the first.
    rig.set_in_flight(&[19, 0, 1]);
    let shares = rig.shares(&caller, DRAWS);
    // 1/2 · 1/2 for the first and the third, and 1/4 · 2/3 the other way around.
    assert_share(shares[2], DRAWS, 0.25 + 1.0 / 6.0, "the pair of first and third");
    assert_eq!(shares[0], 0);
}

/// Rejection hardly ever comes to the light one here.
#[test]
fn a_heavy_endpoint_hides_no_light_one() {
    let (rig, caller) = (Rig::weighing(&Policy::p2c(), &[1000, 1]), Caller::new(0));
    rig.set_in_flight(&[1000, 0]);
    assert_eq!(rig.shares(&caller, 2000), [0, 2000]);
}

#[test]
fn work_in_flight_is_as_the_weights_are() {
    let (rig, caller) = (Rig::weighing(&Policy::p2c(), &[3, 1]), Caller::new(0));
    rig.hold_many(&caller, 400);
    assert!(rig.in_flight()[0].abs_diff(300) <= 1, "{:?}", rig.in_flight());
}

#[test]
fn executors_draw_each_for_itself() {
    let rig = Rig::equal(&Policy::p2c(), 10);
    let draws = [0, 1, 2, 3].map(|executor| rig.letters(&Caller::new(executor), 50));
    for (executor, draw) in draws.iter().enumerate() {
        assert!(!draws[..executor].contains(draw), "{draws:#?}");
    }
}
