//! What a balancer sees and says through the kit: requests, randomness, log lines, errors and panics.

use proxy_module::prelude::*;
use proxy_module_test::{Asked, Host, Level, NoTrylist};

/// Does what the path of the request says.
struct Obedient;

impl Balancer for Obedient {
    type Config = ();
    type Walk = String;

    fn new((): (), _: &mut Init<'_>) -> Result<Self> {
        Ok(Self)
    }

    fn begin(&self, request: &Request<'_>, _: &Endpoints<'_>) -> Result<Begin<String>> {
        let word = String::from_utf8_lossy(request.path()).into_owned();
        info!(key = %String::from_utf8_lossy(request.hash_key()), hash = request.hash(), "asked {word}");
        match &*word {
            "/decline" => Ok(Begin::Decline),
            "/error" => Err("not today".into()),
            "/panic" => panic!("in begin"),
            "/client" => Err(Error::msg(String::from_utf8_lossy(request.client()).into_owned())),
            "/field" => Err(Error::msg(format!("{:?}", request.field("x-a").map(<[u8]>::len)))),
            _ => Ok(Begin::Trylist(word)),
        }
    }

    fn next(&self, word: &mut String, attempt: &Attempt<'_>) -> Result<Next> {
        let usable = attempt.endpoints().usable();
        match &**word {
            "/next" => panic!("in next"),
            "/far" => Ok(Next::Endpoint(77)),
            "/same" => Ok(Next::Endpoint(0)),
            "/again" => Ok(Next::Again(0)),
            _ => Ok(Next::Endpoint(usable[attempt.random_below(usable.len() as u32) as usize])),
        }
    }

    fn done(&self, word: &mut String, outcome: &Outcome<'_>) {
        assert!(word != "/done", "in done");
        let cancelled = outcome.result() == OutcomeResult::CANCELLED;
        info!(cancelled, index = outcome.index(), status = outcome.http_status(), "ended");
    }

    fn failed(&self, _: &mut String, failure: &Failure<'_>) {
        warn!("failed: {}", failure.kind().name());
    }

    fn response_head(&self, _: &mut String, head: &ResponseHead<'_>) {
        info!("head {} {:?}", head.status(), head.field("x-load").map(<[u8]>::len));
    }
}

proxy_module::module!(obedient_module: balancer Obedient);

fn host() -> Host {
    Host::of(&obedient_module).endpoints(3).start()
}

fn none(request: proxy_module_test::Request<'_>) -> NoTrylist {
    request.try_begin().map(drop).unwrap_err()
}

#[test]
fn requests_say_what_the_test_says() {
    let host = host();
    assert_eq!(none(host.request("/decline?q=1")), NoTrylist::Declined);
    assert_eq!(none(host.request("/error")), NoTrylist::Error("not today".to_owned()));
    assert_eq!(none(host.request("/client").client("::1")), NoTrylist::Error("::1".to_owned()));
    let field = NoTrylist::Error("Some(3)".to_owned());
    assert_eq!(none(host.request("/field").method("PUT").header("X-A", "abc")), field);
}

#[test]
fn hashes_are_the_servers() {
    for key in [&b"a"[..], b"/uri?q", b"192.0.2.7", b"\xff\0"] {
        let host = host();
        drop(host.request("/x").hash_key(key).begin());
        let hash = format!(" hash={}", proxy_core::hash_key::hash(key));
        assert!(host.lines()[0].to_string().ends_with(&hash), "{hash}");
    }
    let host = host();
    drop(host.request("/x").begin());
    assert_eq!(host.lines()[0].to_string(), "asked /x key= hash=0");
}

#[test]
fn a_panic_is_an_answer_that_names_its_place() {
    let host = host();
    let NoTrylist::Fault(text) = none(host.request("/panic")) else { panic!("a fault") };
    assert!(
        text.starts_with("begin answered PANICKED: panicked at ") && text.ends_with(": in begin"),
        "{text}"
    );
    let mut trial = host.request("/next").begin();
    let Asked::Fault(text) = trial.ask() else { panic!("a fault") };
    assert!(text.contains("author.rs") && text.ends_with(": in next"), "{text}");
    assert_eq!(trial.ask(), Asked::Exhausted, "nothing is called after a fault");
    drop(trial);
    assert_eq!(host.picks(30).iter().sum::<u32>(), 30, "the next request works");
}

#[test]
#[should_panic(expected = "obedient_module answered index 77 of 3 endpoints")]
fn an_index_that_does_not_exist_fails_the_test() {
    host().request("/far").begin().next();
}

#[test]
#[should_panic(expected = "in next")]
fn a_panic_in_next_fails_the_test() {
    host().request("/next").begin().next();
}

#[test]
#[should_panic(expected = "in done")]
fn a_panic_in_done_fails_the_test() {
    let host = host();
    let mut trial = host.request("/done").begin();
    trial.next();
    trial.done(200);
}

#[test]
fn repeats_are_asked_for_again_as_the_server_does() {
    let host = host();
    let mut trial = host.request("/same").begin();
    assert_eq!([trial.next(), trial.next()], [Some(0), None]);
    let mut trial = host.request("/again").begin();
    assert_eq!([trial.next(), trial.next(), trial.next(), trial.next()], [Some(0), Some(0), Some(0), None]);
}

#[test]
fn randomness_is_of_the_seed() {
    let picks = |seed| Host::of(&obedient_module).endpoints(3).seed(seed).start().picks(300);
    assert_eq!(picks(7), picks(7));
    assert_ne!(picks(7), picks(8));
    assert!(picks(7).iter().all(|count| (70..130).contains(count)), "{:?}", picks(7));
}

#[test]
fn lines_are_kept_in_their_order() {
    let host = host();
    let mut trial = host.request("/x").hash_key("k").begin();
    trial.next();
    trial.fail(FailureKind::TIMEOUT);
    trial.next();
    trial.response_head(503, &[("X-Load", "12")]);
    trial.done(503);
    trial.next();
    trial.cancel();
    let lines = host.lines();
    let index =
        |line: &proxy_module_test::Line| line.to_string().split("index=").nth(1).unwrap()[..1].to_owned();
    let texts: Vec<_> = lines.iter().map(|line| line.to_string().replace(char::is_numeric, "#")).collect();
    let hash = texts[0].clone();
    assert!(hash.starts_with("asked /x key=k hash=#"), "{hash}");
    let expected = [
        &hash,
        "failed: timeout",
        "ended cancelled=false index=# status=#",
        "head ### Some(#)",
        "ended cancelled=false index=# status=###",
        // What is drawn again is passed over, which is an end as well.
        "ended cancelled=true index=# status=#",
    ];
    assert_eq!(texts[..6], expected);
    assert!(lines[1].level == Level::WARN && ["0", "1", "2"].contains(&&*index(&lines[2])));
    assert!(host.lines().is_empty());
}

#[test]
fn an_outcome_is_told_as_given() {
    let host = host();
    let mut trial = host.request("/x").begin();
    trial.next();
    trial.finish(proxy_module_test::Outcome {
        http_status: 418,
        ..proxy_module_test::Outcome::of(OutcomeResult::UPSTREAM)
    });
    assert!(host.lines().iter().any(|line| line.to_string().ends_with("status=418")));
}
