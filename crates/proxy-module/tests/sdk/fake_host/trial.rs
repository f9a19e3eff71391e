//! One request: its view, its trylist.

use proxy_module::abi::{
    Bytes, CacheLine, Call, EndpointSet, ErrSink, FieldAccess, Fields, HookSpec, Host, LbIn, LbOut,
    LoadBalance, NextIn, Random, Request, RequestParts, Status, Target, Trylist,
};

use super::Running;

struct NoFields;

impl FieldAccess for NoFields {
    fn field(&self, index: usize) -> Option<(&[u8], &[u8])> {
        [(&b"Host"[..], &b"a.example"[..]), (b"X-Bytes", b"\xff")].get(index).copied()
    }
}

pub(crate) fn request(path: &'static str) -> Request<'static> {
    let path = path.as_bytes();
    let parts = RequestParts {
        version: 11,
        id: 7,
        method: b"GET",
        authority: b"a.example",
        path,
        query: b"q=1",
        unparsed_uri: path,
        client: b"192.0.2.7",
    };
    Request::new(&parts, Fields::new(&NoFields))
}

/// One request's trylist, with what it needs to live.
#[derive(Debug)]
pub(crate) struct Trial<'s> {
    host: &'static Host,
    set: &'s EndpointSet,
    err: ErrSink,
    attempt: u32,
    tried: Vec<u64>,
    pub(crate) list: Option<Trylist>,
    _scratch: Box<[CacheLine]>,
}

impl<'s> Trial<'s> {
    /// Asks the module to begin; its status and error text if there is no trylist. `skew` moves the scratch by that
    /// many bytes off a cache line.
    pub(crate) fn begin(
        running: &Running,
        request: &Request<'_>,
        set: &'s EndpointSet,
    ) -> Result<Self, (Status, String)> {
        let hook = running.hook(LoadBalance::NAME);
        let (size, align) = hook.scratch;
        assert!(align <= 64, "the host's most");
        let scratch: Box<[CacheLine]> = (0..size.div_ceil(64)).map(|_| CacheLine::new()).collect();
        let err = ErrSink::new();
        let input = LbIn {
            size: size_of::<LbIn<'_>>() as u32,
            max_attempts: 8,
            load_balancer_module_id: Bytes::of("x"),
            unparsed_uri: request.unparsed_uri,
            request,
            set,
            hash: 0,
            hash_key: Bytes::EMPTY,
            cfg: std::ptr::null(),
            scratch: CacheLine::address(&scratch),
            scratch_size: size as u32,
            scratch_align: align as u32,
        };
        let mut out = LbOut::new();
        let entry = hook.entry.typed::<LoadBalance>().expect("the signature is right");
        let status = entry.call(&Call::new(running.host, &err, &Random::new(2), 2), &input, &mut out);
        if status != Status::OK {
            return Err((status, err.to_string()));
        }
        let list = Trylist::new(out).expect("a whole table");
        let tried = vec![0; set.len.div_ceil(64)];
        Ok(Self { host: running.host, set, err, attempt: 0, tried, list: Some(list), _scratch: scratch })
    }

    /// The next target, or the status that ends the list.
    pub(crate) fn next(&mut self) -> Result<Target, Status> {
        self.err.clear();
        let mut target = Target::default();
        let input = NextIn::new(self.attempt, self.set, &self.tried);
        let list = self.list.as_mut().expect("not dropped");
        let status = list.next(&Call::new(self.host, &self.err, &Random::new(3), 3), &input, &mut target);
        if status != Status::OK {
            return Err(status);
        }
        self.attempt += 1;
        if let Some(word) = self.tried.get_mut(target.index as usize / 64) {
            *word |= 1 << (target.index % 64);
        }
        Ok(target)
    }

    /// All indexes until the list ends.
    pub(crate) fn walk(&mut self) -> Vec<u32> {
        std::iter::from_fn(|| self.next().ok()).map(|target| target.index).collect()
    }

    pub(crate) fn tell(&mut self, tell: impl FnOnce(&mut Trylist, &Call<'_>) -> Status) -> Status {
        self.err.clear();
        tell(self.list.as_mut().expect("not dropped"), &Call::new(self.host, &self.err, &Random::new(4), 4))
    }

    pub(crate) fn error(&self) -> String {
        self.err.to_string()
    }
}
