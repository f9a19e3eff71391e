//! What came of messages, and the work shared among threads.

use std::collections::BTreeMap;
use std::ops::Range;
use std::thread;
use std::time::Instant;

/// What came of some messages.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    made: u64,
    alike: u64,
    met: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// So many messages were generated.
    pub(crate) const fn made(&mut self, count: u64) {
        self.made += count;
    }

    /// A reader saw what we do.
    pub(crate) const fn alike(&mut self) {
        self.alike += 1;
    }

    /// A reader saw something else, for a reason of that name in `known_differences.toml`.
    pub(crate) fn differs(&mut self, known: &'static str) {
        *self.met.entry(known).or_default() += 1;
    }

    fn add(mut self, other: Self) -> Self {
        self.made += other.made;
        self.alike += other.alike;
        for (name, count) in other.met {
            *self.met.entry(name).or_default() += count;
        }
        self
    }

    /// Prints it. Fails unless a part of the messages that was worth their making was accepted, and each difference
    /// has a reason.
    fn judge(&self, reader: &str, seconds: f64) {
        let Self { made, alike, met } = self;
        println!(
            "{reader}: {made} messages generated in {seconds:.1} s; {alike} accepted, or sent on by us, and read \
             alike"
        );
        assert!(*made < 1000 || alike * 20 > *made, "the generator finds nothing");
        let file: toml::Table = include_str!("../../known_differences.toml").parse().unwrap();
        for (name, count) in met {
            println!("{reader}: {count} differ as is known: {name}");
            let reason = file.get(*name).and_then(|entry| entry["reason"].as_str());
            assert!(reason.is_some_and(|reason| !reason.is_empty()), "{name} has no reason in the file");
        }
    }
}

/// Has `read` read the messages of `count` seeds, a part on each processor, and judges what came of all.
pub(crate) fn read_all(reader: &str, count: u64, read: impl Fn(Range<u64>) -> Tally + Sync) {
    let began = Instant::now();
    let first = std::env::var("ORACLE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let parts = thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let tally = thread::scope(|scope| {
        let part = |number| first + count * number / parts..first + count * (number + 1) / parts;
        let read = &read;
        let threads: Vec<_> = (0..parts).map(|number| scope.spawn(move || read(part(number)))).collect();
        let tallies = threads.into_iter().map(|thread| thread.join().expect("a message is read otherwise"));
        tallies.fold(Tally::default(), Tally::add)
    });
    tally.judge(reader, began.elapsed().as_secs_f64());
}
