//! Who is told what, and when: with a clock that goes ten further each time it is read.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::caller::Caller;

/// Counts what it is told.
#[derive(Debug, Default)]
struct Counting {
    watchers: AtomicUsize,
    told: Arc<Mutex<Vec<String>>>,
}

struct Counter(Arc<Mutex<Vec<String>>>);

impl Observer for Counting {
    fn watcher(&self, _: u32) -> Box<dyn Watcher> {
        self.watchers.fetch_add(1, Relaxed);
        Box::new(Counter(Arc::clone(&self.told)))
    }
}

impl Counter {
    fn told(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }
}

impl Watcher for Counter {
    fn begins(&mut self, request: &abi::Request<'_>) {
        self.told(format!("begins {}", request.id));
    }

    fn enters(&mut self) {
        self.told("enters".to_owned());
    }

    fn edits(&mut self, op: EditOp, _: &[u8], _: &[u8]) {
        self.told(format!("edits {}", op.0));
    }

    fn leaves(&mut self, called: &Called<'_>, nanoseconds: u64) {
        self.told(format!("leaves {} {nanoseconds}", called.hook));
    }

    fn ends(&mut self, finished: &Finished) {
        self.told(format!("ends {}", finished.request));
    }
}

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
}

/// Later by ten each time.
fn clock() -> u64 {
    NOW.set(NOW.get() + 10);
    NOW.get()
}

fn called(hook: &str) -> Called<'_> {
    Called {
        request: 1,
        hook,
        function: None,
        module: "m_module",
        status: None,
        said: String::new(),
        input: Vec::new(),
        output: Vec::new(),
    }
}

#[test]
fn calls_are_told_with_their_times_and_only_while_somebody_looks() {
    let observation = Observation::new(clock);
    let (caller, counting) = (Caller::new(0), Arc::new(Counting::default()));
    let observer: Arc<dyn Observer> = Arc::<Counting>::clone(&counting);
    let (ended, call) = (Finished { request: 1, status: 200, elapsed: Duration::ZERO }, || {
        enter();
        enter();
        leave(|| called("inner"));
        leave(|| called("outer"));
    });
    caller.attend(&observation);
    caller.ends(&ended);
    assert!(!caller.is_watched() && !is_watched());
    observation.add(Arc::clone(&observer)).unwrap();
    assert!(!caller.is_watched(), "nothing changes within a request");
    caller.attend(&observation);
    caller.attend(&observation);
    assert!(caller.is_watched() && is_watched());
    assert_eq!(counting.watchers.load(Relaxed), 1);
    call();
    caller.ends(&ended);
    let told = std::mem::take(&mut *counting.told.lock().unwrap());
    assert_eq!(told, ["enters", "enters", "leaves inner 10", "leaves outer 30", "ends 1"]);
    observation.remove(&observer);
    caller.attend(&observation);
    assert!(!caller.is_watched() && !is_watched());
    caller.ends(&ended);
    assert!(counting.told.lock().unwrap().is_empty());
    assert_eq!(Arc::strong_count(&counting), 2, "its watcher is gone");
}

#[test]
fn a_second_observer_does_not_disturb_the_first() {
    let observation = Observation::new(clock);
    let (caller, first, second) =
        (Caller::new(0), Arc::new(Counting::default()), Arc::new(Counting::default()));
    observation.add(Arc::<Counting>::clone(&first)).unwrap();
    caller.attend(&observation);
    let second_one: Arc<dyn Observer> = Arc::<Counting>::clone(&second);
    observation.add(Arc::clone(&second_one)).unwrap();
    caller.attend(&observation);
    assert_eq!(first.watchers.load(Relaxed), 1, "it keeps its eyes, and what they have seen");
    enter();
    leave(|| called("x"));
    observation.remove(&second_one);
    caller.attend(&observation);
    enter();
    leave(|| called("y"));
    assert_eq!((first.told.lock().unwrap().len(), second.told.lock().unwrap().len()), (4, 2));
}

#[test]
fn a_watcher_that_comes_back_is_not_heard() {
    let observation = Observation::new(clock);
    let (caller, counting) = (Caller::new(0), Arc::new(Counting::default()));
    observation.add(Arc::<Counting>::clone(&counting)).unwrap();
    caller.attend(&observation);
    enter();
    leave(|| {
        enter();
        called("x")
    });
    assert_eq!(*counting.told.lock().unwrap(), ["enters", "leaves x 10"]);
}

#[test]
fn long_text_is_cut_and_says_so() {
    assert_eq!(shortened(b"a\r\n\xff"), r"a\r\n\xff");
    let long = [b'x'; 300];
    assert_eq!(shortened(&long), format!("{}… 44 more bytes", "x".repeat(256)));
    assert_eq!(shortened(&long[..256]), "x".repeat(256));
}
