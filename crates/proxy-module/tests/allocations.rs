//! A request through a balancer allocates nothing.
//!
//! A binary of its own, since the allocator that counts belongs to the whole process.

#[path = "sdk/fake_host/mod.rs"]
mod fake_host;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use mod_proxy_lb::proxy_lb_module;
use proxy_module::abi::{Bytes, Call, ErrSink, HookSpec, LbIn, LbOut, LoadBalance, Random};
use proxy_module::abi::{CacheLine, NextIn, Outcome, OutcomeResult, Status, Target, Trylist};

use fake_host::{Node, Running, STATIC, Set, request};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: F1, everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: F1, the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: F1, the caller's promise is handed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn begin_next_done_and_drop_allocate_nothing() {
    let running = Running::begin(&proxy_lb_module, &Node::Map(Vec::new())).unwrap();
    let set = Set::new(&running, 3, &[0, 1, 2]);
    let hook = running.hook(LoadBalance::NAME);
    let entry = hook.entry.typed::<LoadBalance>().unwrap();
    let (request, err) = (request("/"), ErrSink::new());
    let scratch = [const { CacheLine::new() }; 4];
    assert!(hook.scratch.0 <= size_of_val(&scratch));
    let input = LbIn {
        size: size_of::<LbIn<'_>>() as u32,
        max_attempts: 3,
        load_balancer_module_id: Bytes::of("proxy_lb_module"),
        unparsed_uri: request.unparsed_uri,
        request: &request,
        set: set.get(),
        hash: 0,
        hash_key: Bytes::EMPTY,
        cfg: std::ptr::null(),
        scratch: CacheLine::address(&scratch),
        scratch_size: size_of_val(&scratch) as u32,
        scratch_align: 64,
    };
    let random = Random::new(1);
    let call = Call::new(&STATIC, &err, &random, 1);
    let before = ALLOCATIONS.get();
    for _ in 0..100 {
        let mut out = LbOut::new();
        assert_eq!(entry.call(&call, &input, &mut out), Status::OK);
        let mut list = Trylist::new(out).unwrap();
        let mut target = Target::default();
        assert_eq!(list.next(&call, &NextIn::new(0, set.get(), &[0]), &mut target), Status::OK);
        let outcome = Outcome { index: target.index, ..Outcome::of(OutcomeResult::OK) };
        assert_eq!(list.done(&call, &outcome), Status::OK);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(ALLOCATIONS.get() - before, 1, "the counter counts");
}
