//! The transcribed suites of other servers: however their heads arrive, in two pieces cut anywhere or byte by byte,
//! they mean the same. What each means is told by the suites over sockets.

use super::super::{Asked, BadResponse, Limits, Parsed, ResponseBody, ResponseHead};
use super::desync::feed;

#[allow(dead_code, reason = "what a row expects is for the suites over sockets")]
#[path = "../../../../../tests/data/suites/case.rs"]
mod case;

use case::Expect::{Broken, Dropped, Failure, Messages, Status, Stops, Success, Waits, Within};
use case::{Case, answer, case, why};

const SUITES: [&[Case]; 9] = [
    &include!("../../../../../tests/data/suites/httpd_strict.rs"),
    &include!("../../../../../tests/data/suites/httpd_http1_unsafe.rs"),
    &include!("../../../../../tests/data/suites/httpd_http1_strict.rs"),
    &include!("../../../../../tests/data/suites/httpd_http1_minor_version.rs"),
    &include!("../../../../../tests/data/suites/httpd_bodies.rs"),
    &include!("../../../../../tests/data/suites/httpd_cve.rs"),
    &include!("../../../../../tests/data/suites/h1spec.rs"),
    &include!("../../../../../tests/data/suites/llhttp_requests.rs"),
    &include!("../../../../../tests/data/suites/llhttp_responses.rs"),
];

fn cases() -> impl Iterator<Item = &'static Case> {
    SUITES.into_iter().flatten()
}

#[test]
fn arrival_of_a_request_makes_no_difference() {
    for case in cases() {
        let len = case.bytes.len();
        let whole = feed(case.bytes, [len]);
        assert_eq!(feed(case.bytes, 1..=len), whole, "{} byte by byte", case.id);
        for cut in 1..len {
            assert_eq!(feed(case.bytes, [cut, len]), whole, "{} cut at {cut}", case.id);
        }
    }
}

/// What the first head of an answer is understood as, when ever more of it is there.
fn read(bytes: &[u8], arrivals: impl IntoIterator<Item = usize>) -> Option<Read> {
    let asked = Asked { head: false, websocket: false };
    let mut head = ResponseHead::default();
    for there in arrivals {
        match head.parse(&bytes[..there], &Limits::default(), asked) {
            Ok(Parsed::Partial) => {}
            Ok(Parsed::Complete(len)) => {
                let response = head.view(&bytes[..there]);
                return Some(Ok((len, response.body(), response.keep_alive())));
            }
            Err(bad) => return Some(Err(bad)),
        }
    }
    None
}

type Read = Result<(usize, ResponseBody, bool), BadResponse>;

#[test]
fn arrival_of_an_answer_makes_no_difference() {
    for (case, bytes) in cases().filter_map(|case| Some((case, case.answer?))) {
        let whole = read(bytes, [bytes.len()]);
        assert_eq!(read(bytes, 1..=bytes.len()), whole, "{} byte by byte", case.id);
        for cut in 1..bytes.len() {
            assert_eq!(read(bytes, [cut, bytes.len()]), whole, "{} cut at {cut}", case.id);
        }
    }
}

#[test]
fn ids_are_unique_in_a_suite() {
    for suite in SUITES {
        let mut ids: Vec<_> = suite.iter().map(|case| case.id).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    }
}
