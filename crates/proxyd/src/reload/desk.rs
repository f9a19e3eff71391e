//! Where reloads are asked for, and what is known of those that were.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

/// How a reload went.
pub(crate) type Outcome = Result<Live, Refusal>;

/// A generation was put in force.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Live {
    pub(crate) number: u64,
    /// From reading the configuration on.
    pub(crate) milliseconds: f64,
    /// Warnings, and what has changed.
    pub(crate) text: String,
}

/// The generation in force stays there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    text: String,
    is_fault: bool,
}

impl Refusal {
    /// The configuration is wrong, or something that it names; the text as the start would have printed it.
    pub(crate) const fn configuration(text: String) -> Self {
        Self { text, is_fault: false }
    }

    /// Whatever else hinders it.
    pub(crate) const fn fault(text: String) -> Self {
        Self { text, is_fault: true }
    }

    /// Lines.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is not the configuration that has to be changed.
    pub(crate) const fn is_fault(&self) -> bool {
        self.is_fault
    }
}

/// Between those who ask and the thread that reloads.
#[derive(Debug)]
pub(crate) struct Desk {
    book: Mutex<Book>,
    bell: Condvar,
}

#[derive(Debug)]
struct Book {
    /// How often the next one was asked for.
    asked: u64,
    is_closed: bool,
    /// Those who hear of the next one.
    waiting: Vec<oneshot::Sender<Outcome>>,
    /// Those who hear of the one under way.
    hearing: Vec<oneshot::Sender<Outcome>>,
    account: Account,
    images: usize,
}

/// What is known of reloads.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// When the generation in force was put there.
    pub(crate) live_since: Instant,
    /// When the one under way began.
    pub(crate) began: Option<Instant>,
    pub(crate) done: u64,
    pub(crate) refused: u64,
    /// The last refusal since the last one that was done.
    pub(crate) refusal: Option<(Instant, Refusal)>,
}

impl Desk {
    /// The first generation is about to be put in force.
    pub(crate) fn new() -> Self {
        let account = Account { live_since: Instant::now(), began: None, done: 0, refused: 0, refusal: None };
        let book = Book {
            asked: 0,
            is_closed: false,
            waiting: Vec::new(),
            hearing: Vec::new(),
            account,
            images: proxy_dso::images(),
        };
        Self { book: Mutex::new(book), bell: Condvar::new() }
    }

    /// Asks for a reload that begins from now on, and does not wait for it.
    pub(crate) fn ask(&self) {
        self.book().asked += 1;
        self.bell.notify_one();
    }

    /// Whether somebody has asked for one that has not begun.
    pub(crate) fn is_wanted(&self) -> bool {
        self.book().asked > 0
    }

    /// The same, to hear what comes of it; an error if the server ends before.
    pub(crate) fn ask_and_hear(&self) -> oneshot::Receiver<Outcome> {
        let (tell, hear) = oneshot::channel();
        {
            let mut book = self.book();
            if !book.is_closed {
                book.waiting.push(tell);
            }
        }
        self.ask();
        hear
    }

    /// What is known.
    pub(crate) fn account(&self) -> Account {
        self.book().account.clone()
    }

    /// Module files that were loaded when the last generation was made.
    pub(super) fn images(&self) -> usize {
        self.book().images
    }

    pub(super) fn set_images(&self, images: usize) {
        self.book().images = images;
    }

    /// Waits until a reload is asked for, which is under way then: how often it was. None if there is none any more.
    pub(super) fn wait(&self) -> Option<u64> {
        let mut book = self.book();
        while book.asked == 0 && !book.is_closed {
            book = self.bell.wait(book).unwrap_or_else(PoisonError::into_inner);
        }
        if book.is_closed {
            book.waiting.clear();
            return None;
        }
        book.hearing = std::mem::take(&mut book.waiting);
        book.account.began = Some(Instant::now());
        Some(std::mem::take(&mut book.asked))
    }

    /// Takes note of how it went, and tells those who wait.
    pub(super) fn ended(&self, outcome: &Outcome) {
        let mut book = self.book();
        let account = &mut book.account;
        account.began = None;
        match outcome {
            Ok(_) => {
                account.done += 1;
                account.live_since = Instant::now();
                account.refusal = None;
            }
            Err(refusal) => {
                account.refused += 1;
                account.refusal = Some((Instant::now(), refusal.clone()));
            }
        }
        for hearer in std::mem::take(&mut book.hearing) {
            // Whoever has gone away is not told.
            let _ = hearer.send(outcome.clone());
        }
    }

    /// No reload begins any more.
    pub(super) fn close(&self) {
        let mut book = self.book();
        book.is_closed = true;
        book.waiting.clear();
        self.bell.notify_one();
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(number: u64) -> Outcome {
        Ok(Live { number, milliseconds: 1.0, text: String::new() })
    }

    #[test]
    fn those_who_ask_during_one_get_the_next_and_the_same() {
        let desk = Desk::new();
        let mut first = desk.ask_and_hear();
        assert!(desk.is_wanted());
        desk.ask();
        assert_eq!(desk.wait(), Some(2));
        assert!(!desk.is_wanted());
        assert!(desk.account().began.is_some());
        let (mut second, mut third) = (desk.ask_and_hear(), desk.ask_and_hear());
        desk.ended(&live(2));
        assert_eq!(first.try_recv().unwrap(), live(2));
        assert!(second.try_recv().is_err(), "it may have begun before the file was written");
        assert_eq!(desk.wait(), Some(2));
        let refusal = Refusal::configuration("no".to_owned());
        desk.ended(&Err(refusal.clone()));
        assert_eq!(second.try_recv().unwrap(), Err(refusal.clone()));
        assert_eq!(third.try_recv().unwrap(), Err(refusal.clone()));
        let account = desk.account();
        assert_eq!((account.done, account.refused, account.began), (1, 1, None));
        assert_eq!(account.refusal.unwrap().1, refusal);
    }

    #[test]
    fn nobody_waits_for_a_reload_of_a_server_that_ends() {
        let desk = Desk::new();
        let mut asked = desk.ask_and_hear();
        desk.close();
        assert_eq!(desk.wait(), None);
        assert!(asked.try_recv().is_err());
        assert!(desk.ask_and_hear().blocking_recv().is_err());
    }
}
