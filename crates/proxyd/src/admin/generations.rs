//! The pages `/generation`, which shows how reloads went, and `/reload`, which asks for one.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use serde_json::{Value, json};

use super::pages::{Page, wants_json};
use super::serving::Subject;
use crate::executors::{Counts, Executors};
use crate::reload::{Account, Desk, Outcome};

/// Asks for a reload and answers when it is over.
pub(super) async fn reload(query: &str, desk: &Desk) -> Page {
    let as_json = match wants_json(query) {
        Ok(as_json) => as_json,
        Err(page) => return page,
    };
    match desk.ask_and_hear().await {
        Ok(outcome) => told(&outcome, as_json),
        Err(_) => Page::text(StatusCode::SERVICE_UNAVAILABLE, "the server is about to end\n".to_owned()),
    }
}

fn told(outcome: &Outcome, as_json: bool) -> Page {
    let status = match outcome {
        Ok(_) => StatusCode::OK,
        Err(refusal) if refusal.is_fault() => StatusCode::INTERNAL_SERVER_ERROR,
        Err(_) => StatusCode::CONFLICT,
    };
    if as_json {
        return Page::json(status, &told_json(outcome));
    }
    let text = match outcome {
        Ok(live) => {
            format!("generation {} is in force after {:.1} ms\n{}", live.number, live.milliseconds, live.text)
        }
        Err(refusal) => refusal.text().to_owned(),
    };
    Page::text(status, format!("{}\n", text.trim_end()))
}

fn told_json(outcome: &Outcome) -> Value {
    match outcome {
        Ok(live) => json!({
            "reloaded": true,
            "generation": live.number,
            "milliseconds": live.milliseconds,
            "text": live.text,
        }),
        Err(refusal) => json!({ "reloaded": false, "text": refusal.text() }),
    }
}

/// What there is to know.
#[derive(Debug)]
struct Known {
    number: u64,
    living: Vec<(u64, Duration)>,
    account: Account,
    executors: Counts,
}

/// The page `/generation`.
pub(super) fn answer(query: &str, executors: &Executors, subject: &Subject) -> Page {
    let as_json = match wants_json(query) {
        Ok(as_json) => as_json,
        Err(page) => return page,
    };
    let known = Known {
        number: executors.shared().published.number(),
        living: subject.retirement.living(),
        account: subject.reloads.account(),
        executors: executors.counts(),
    };
    let now = Instant::now();
    if as_json {
        Page::json(StatusCode::OK, &known.json(now))
    } else {
        Page::text(StatusCode::OK, known.text(now))
    }
}

impl Known {
    fn text(&self, now: Instant) -> String {
        let Self { number, account, executors, .. } = self;
        let since = |moment: Instant| seconds(now.saturating_duration_since(moment));
        let mut text = format!("Generation {number} is in force for {:.1} s.\n", since(account.live_since));
        for (number, lived) in &self.living {
            let _ =
                writeln!(text, "  {number} is still used, {:.1} s after it was replaced", seconds(*lived));
        }
        let _ = writeln!(text, "Reloads: {} done, {} refused", account.done, account.refused);
        if let Some(began) = account.began {
            let _ = writeln!(text, "  one is under way for {:.1} s", since(began));
        }
        if let Some((moment, refusal)) = &account.refusal {
            let _ = writeln!(text, "  the last was refused {:.1} s ago:", since(*moment));
            for line in refusal.text().lines() {
                let _ = writeln!(text, "    {line}");
            }
        }
        let Counts { at_work, leaving, abandoned } = executors;
        let _ = writeln!(text, "Executors: {at_work} at work, {leaving} leaving, {abandoned} abandoned");
        text
    }

    fn json(&self, now: Instant) -> Value {
        let Self { number, account, executors, .. } = self;
        let since = |moment: Instant| seconds(now.saturating_duration_since(moment));
        let living =
            |(number, lived): &(u64, Duration)| json!({ "number": number, "seconds": seconds(*lived) });
        let refusal = account.refusal.as_ref();
        json!({
            "number": number,
            "seconds": since(account.live_since),
            // That in force is one of them.
            "live": self.living.len() + 1,
            "replaced": self.living.iter().map(living).collect::<Vec<_>>(),
            "reloads": {
                "done": account.done,
                "refused": account.refused,
                "under_way": account.began.is_some(),
                "refusal": refusal.map(|(_, refusal)| refusal.text()),
            },
            "executors": {
                "at_work": executors.at_work,
                "leaving": executors.leaving,
                "abandoned": executors.abandoned,
            },
        })
    }
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reload::{Live, Refusal};

    #[test]
    fn what_is_answered_says_how_it_went() {
        let live = Live { number: 3, milliseconds: 1.25, text: "warning\nall kept".to_owned() };
        let page = told(&Ok(live.clone()), false);
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.body, "generation 3 is in force after 1.2 ms\nwarning\nall kept\n");
        let page = told(&Ok(live), true);
        let value: Value = serde_json::from_str(&page.body).unwrap();
        assert_eq!((&value["reloaded"], &value["generation"]), (&json!(true), &json!(3)));
        let wrong = Err(Refusal::configuration("line 4\n".to_owned()));
        let page = told(&wrong, false);
        assert_eq!((page.status, &*page.body), (StatusCode::CONFLICT, "line 4\n"));
        let fault = Err(Refusal::fault("no thread".to_owned()));
        assert_eq!(told(&fault, true).status, StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn the_page_shows_each_figure_in_its_place() {
        let now = Instant::now();
        let account = Account {
            live_since: now,
            began: Some(now),
            done: 5,
            refused: 6,
            refusal: Some((now, Refusal::configuration("a\nb\n".to_owned()))),
        };
        let living = vec![(2, Duration::from_secs(3))];
        let executors = Counts { at_work: 7, leaving: 8, abandoned: 9 };
        let known = Known { number: 4, living, account, executors };
        assert_eq!(
            known.text(now),
            "Generation 4 is in force for 0.0 s.\n  2 is still used, 3.0 s after it was replaced\n\
             Reloads: 5 done, 6 refused\n  one is under way for 0.0 s\n  the last was refused 0.0 s ago:\n\
             \x20   a\n    b\nExecutors: 7 at work, 8 leaving, 9 abandoned\n"
        );
        let value = known.json(now);
        assert_eq!((&value["number"], &value["live"]), (&json!(4), &json!(2)));
        assert_eq!(value["replaced"], json!([{ "number": 2, "seconds": 3.0 }]));
        assert_eq!(
            value["reloads"],
            json!({ "done": 5, "refused": 6, "under_way": true, "refusal": "a\nb\n" })
        );
        assert_eq!(value["executors"], json!({ "at_work": 7, "leaving": 8, "abandoned": 9 }));
    }
}
