//! More than can be served: requests that are due at fixed moments, each on a connection of its own, whatever comes of the
//! earlier ones. Told apart are those that were served, those that were refused by 503 with Retry-After, and those that
//! nothing came of; and for each of them how late this side itself was, so that nobody takes its want of time for the
//! proxy's.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::drive::percentile;
use crate::wait;

/// What is offered.
#[derive(Clone, Debug)]
pub struct Offer {
    /// To whom.
    pub addr: SocketAddr,
    /// A whole request, which ends its connection.
    pub request: Vec<u8>,
    /// Requests a second.
    pub rate: f64,
    /// For how long; answers are waited for beyond that.
    pub time: Duration,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// 200, whole.
    Served,
    /// 503 with Retry-After, whole.
    Refused,
    /// Anything else.
    Failed,
}

/// One request. Times are in nanoseconds, the first two since the offer began.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When it was due.
    pub due: u64,
    /// When it was over.
    pub ended: u64,
    /// How much later than it was due it began.
    pub lag: u64,
    /// What came of it.
    pub came: Came,
}

/// What came of an offer.
#[derive(Clone, Debug, Default)]
pub struct Offered {
    /// All requests, as they ended.
    pub samples: Vec<Sample>,
    /// What was wrong with the first one that failed.
    pub first_failure: Option<String>,
    /// For how long this side looked at nothing each time, in nanoseconds: it had something to do, or was not given the
    /// processor.
    pub turns: Vec<u64>,
}

/// Requests that are under way at the same time at most.
const MOST: usize = 16_384;
/// Requests that are begun before answers are looked for.
const PER_TURN: usize = 16;
/// How long the last answers are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Offers it.
///
/// # Errors
/// If the system refuses.
pub fn run(offer: &Offer) -> Result<Offered, Errno> {
    let mut offering = Offering {
        offer,
        poll: epoll::create(CreateFlags::CLOEXEC)?,
        began: Instant::now(),
        slots: Vec::new(),
        free: Vec::new(),
        buffer: vec![0; 64 * 1024],
        due: 0,
        offered: Offered::default(),
    };
    offering.run()?;
    Ok(offering.offered)
}

struct Offering<'a> {
    offer: &'a Offer,
    poll: OwnedFd,
    began: Instant,
    slots: Vec<Option<Request>>,
    free: Vec<usize>,
    buffer: Vec<u8>,
    /// Requests that were due so far.
    due: u64,
    offered: Offered,
}

struct Request {
    socket: OwnedFd,
    due: u64,
    lag: u64,
    /// It waits until the connection stands.
    unsent: bool,
    came: Vec<u8>,
}

impl Offering<'_> {
    fn run(&mut self) -> Result<(), Errno> {
        let mut events: Vec<Event> = Vec::with_capacity(512);
        let end = nanoseconds(self.offer.time);
        let mut woke = 0;
        loop {
            let now = self.now();
            let next = self.begin_what_is_due(now.min(end));
            let under_way = self.slots.len() - self.free.len();
            let is_over = next >= end && under_way == 0;
            if is_over || now >= end + nanoseconds(PATIENCE) {
                break;
            }
            let until = if next < end { next } else { now + 100_000_000 };
            let sleeps = self.now();
            self.offered.turns.push(sleeps - woke);
            let patience = until.saturating_sub(sleeps);
            let patience = Timespec {
                tv_sec: (patience / 1_000_000_000) as i64,
                tv_nsec: (patience % 1_000_000_000) as i64,
            };
            wait(&self.poll, &mut events, Some(&patience))?;
            woke = self.now();
            for event in &events {
                self.step(event.data.u64() as usize);
            }
        }
        for index in 0..self.slots.len() {
            if self.slots[index].is_some() {
                self.end(index, Err("no answer".to_owned()));
            }
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        nanoseconds(self.began.elapsed())
    }

    /// Begins what is due before `until`, and says when the next one is.
    fn begin_what_is_due(&mut self, until: u64) -> u64 {
        // Answers must be seen as well, however much is due.
        for _ in 0..PER_TURN {
            let moment = (self.due as f64 * 1e9 / self.offer.rate) as u64;
            if moment >= until {
                return moment;
            }
            self.due += 1;
            self.begin(moment);
        }
        0
    }

    fn begin(&mut self, due: u64) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let lag = self.now().saturating_sub(due);
        let opened = if index < MOST { self.open(index) } else { Err("too many are under way".to_owned()) };
        match opened {
            Ok((socket, unsent)) => {
                self.slots[index] = Some(Request { socket, due, lag, unsent, came: Vec::new() });
            }
            Err(wrong) => self.note(due, lag, Err(wrong), index),
        }
    }

    /// Connects, and sends at once if the connection stands at once, as it does on one machine.
    fn open(&self, index: usize) -> Result<(OwnedFd, bool), String> {
        let told = |error: Errno| format!("connecting: {error}");
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let family = if self.offer.addr.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = net::socket_with(family, SocketType::STREAM, flags, None).map_err(told)?;
        match net::connect(&socket, &self.offer.addr) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(told(error)),
        }
        let unsent = !self.send(&socket)?;
        let awaited = if unsent { EventFlags::OUT } else { EventFlags::IN };
        epoll::add(&self.poll, &socket, EventData::new_u64(index as u64), awaited).map_err(told)?;
        Ok((socket, unsent))
    }

    /// Whether it was sent; if not, the connection does not stand yet.
    fn send(&self, socket: &OwnedFd) -> Result<bool, String> {
        match net::send(socket, &self.offer.request, SendFlags::NOSIGNAL) {
            Ok(count) if count == self.offer.request.len() => Ok(true),
            Ok(count) => Err(format!("{count} bytes of a request fitted")),
            Err(Errno::AGAIN) => Ok(false),
            Err(error) => Err(format!("sending: {error}")),
        }
    }

    fn step(&mut self, index: usize) {
        let Some(request) = self.slots.get(index).and_then(Option::as_ref) else { return };
        if request.unsent {
            match self.send_first(index) {
                Ok(()) => {}
                Err(wrong) => self.end(index, Err(wrong)),
            }
            return;
        }
        match net::recv(&request.socket, &mut *self.buffer, RecvFlags::empty()) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => self.end(index, Err(format!("receiving: {error}"))),
            Ok((0, _)) => self.end(index, Err("closed before the end of an answer".to_owned())),
            Ok((count, _)) => {
                let Some(request) = self.slots[index].as_mut() else { return };
                request.came.extend_from_slice(&self.buffer[..count]);
                if let Some(came) = judged(&request.came) {
                    self.end(index, came);
                }
            }
        }
    }

    fn send_first(&mut self, index: usize) -> Result<(), String> {
        let Some(request) = self.slots[index].as_ref() else { return Ok(()) };
        if self.send(&request.socket)? {
            let token = EventData::new_u64(index as u64);
            epoll::modify(&self.poll, &request.socket, token, EventFlags::IN)
                .map_err(|error| error.to_string())?;
            if let Some(request) = self.slots[index].as_mut() {
                request.unsent = false;
            }
        }
        Ok(())
    }

    fn end(&mut self, index: usize, came: Result<Came, String>) {
        if let Some(request) = self.slots[index].take() {
            self.note(request.due, request.lag, came, index);
        }
    }

    fn note(&mut self, due: u64, lag: u64, came: Result<Came, String>, index: usize) {
        self.free.push(index);
        let came = came.unwrap_or_else(|wrong| {
            self.offered.first_failure.get_or_insert(wrong);
            Came::Failed
        });
        let ended = self.now();
        self.offered.samples.push(Sample { due, ended, lag, came });
    }
}

/// What an answer is, once it is whole.
fn judged(bytes: &[u8]) -> Option<Result<Came, String>> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut fields);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return None,
        Err(error) => return Some(Err(format!("a head that is none: {error}"))),
    };
    let field = |name: &str| response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    let length: Option<usize> =
        field("content-length").and_then(|field| str::from_utf8(field.value).ok()?.parse().ok());
    let Some(length) = length else { return Some(Err("no Content-Length".to_owned())) };
    if bytes.len() < head + length {
        return None;
    }
    Some(match response.code {
        _ if bytes.len() > head + length => Err("bytes behind the end of an answer".to_owned()),
        Some(200) => Ok(Came::Served),
        Some(503) if field("retry-after").is_some() => Ok(Came::Refused),
        code => Err(format!("status {}", code.unwrap_or_default())),
    })
}

impl Offered {
    /// How many came to that.
    #[must_use]
    pub fn count(&self, came: Came) -> usize {
        self.samples.iter().filter(|sample| sample.came == came).count()
    }

    /// How many were served within so long from its beginning.
    #[must_use]
    pub fn served_within(&self, time: Duration) -> usize {
        let end = nanoseconds(time);
        self.samples.iter().filter(|sample| sample.came == Came::Served && sample.ended <= end).count()
    }

    /// How long those took that came to that, from when they were due, in order.
    #[must_use]
    pub fn latencies(&self, came: Came) -> Vec<u64> {
        let took = |sample: &Sample| sample.ended.saturating_sub(sample.due);
        sorted(self.samples.iter().filter(|sample| sample.came == came).map(took))
    }

    /// How late requests began, in order.
    #[must_use]
    pub fn lags(&self) -> Vec<u64> {
        sorted(self.samples.iter().map(|sample| sample.lag))
    }

    /// How long each of our own turns took, in order.
    #[must_use]
    pub fn turns(&self) -> Vec<u64> {
        sorted(self.turns.iter().copied())
    }
}

impl fmt::Display for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |values: &[u64]| {
            let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| percentile(values, share) / 1000);
            format!("{p50}/{p99}/{max}")
        };
        let (served, refused) = (self.latencies(Came::Served), self.latencies(Came::Refused));
        write!(f, "served={} served_us={}", served.len(), micros(&served))?;
        write!(f, " refused={} refused_us={}", refused.len(), micros(&refused))?;
        write!(f, " failed={} lag_us={}", self.count(Came::Failed), micros(&self.lags()))?;
        write!(f, " turn_us={}", micros(&self.turns()))
    }
}

fn sorted(values: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
