//! A running server's use of the machine: descriptors that can be taken away from it, its time on the processor and
//! before it.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::server::Server;

impl Server {
    fn pid(&self) -> i32 {
        self.process().pid().try_into().unwrap()
    }

    /// From now on it cannot open anything, until [`Server::give_descriptors`]; what it closes it can open again.
    pub(crate) fn take_descriptors(&self) {
        let open = self.descriptors();
        self.limit_descriptors((0..).find(|number| !open.contains(number)).unwrap());
    }

    /// From now on it cannot have more open than are open now, but for a few numbers that are free between them.
    pub(crate) fn freeze_descriptors(&self) {
        self.limit_descriptors(self.descriptors().last().unwrap() + 1);
    }

    fn descriptors(&self) -> BTreeSet<u64> {
        let files = fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap();
        files.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
    }

    pub(crate) fn give_descriptors(&self) {
        self.limit_descriptors(1000);
    }

    /// From now on it can have so many `more` open than now, and cannot ask for more.
    pub(crate) fn cap_descriptors(&self, more: u64) {
        let most = Some(self.descriptors().last().unwrap() + 1 + more);
        let limit = Rlimit { current: most, maximum: most };
        prlimit(Pid::from_raw(self.pid()), Resource::Nofile, limit).unwrap();
    }

    fn limit_descriptors(&self, count: u64) {
        // The hard limit stays, as taking it up again is for root alone.
        let pid = Pid::from_raw(self.pid());
        let maximum = prlimit(pid, Resource::Nofile, Rlimit { current: Some(16), maximum: Some(16_000) });
        let maximum = maximum.unwrap().maximum.map(|maximum| maximum.min(16_000));
        prlimit(pid, Resource::Nofile, Rlimit { current: Some(count), maximum }).unwrap();
    }

    /// The time that it has spent computing since it began, in steps of 10 ms.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        // The name in brackets may hold anything; user and system time are the 14th and 15th field.
        let fields = stat.rsplit_once(") ").unwrap().1.split_ascii_whitespace().skip(11).take(2);
        let ticks: u64 = fields.map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(10 * ticks)
    }

    /// How long the executor of it that waited longest for a processor has done so since it began: it could run, and the
    /// machine let others (the second figure of `/proc/PID/task/TID/schedstat`). Nothing where the system does not tell.
    pub(crate) fn waited_for_processor(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        let waited = threads.filter_map(|thread| {
            let thread = thread.ok()?.path();
            let name = fs::read_to_string(thread.join("comm")).ok()?;
            let text = fs::read_to_string(thread.join("schedstat")).ok()?;
            name.starts_with("executor").then_some(())?;
            text.split_ascii_whitespace().nth(1)?.parse().ok()
        });
        Duration::from_nanos(waited.max().unwrap_or_default())
    }
}
