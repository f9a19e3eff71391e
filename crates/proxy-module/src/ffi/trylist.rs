//! The trylist of a [`Balancer`]: its walk, kept in the scratch memory that the server lends to each request.

use std::ffi::c_void;
use std::ptr::NonNull;

use crate::abi::{
    self, Bytes, Call, EndpointSet, HookFn, HookImpl, HookSpec, LbIn, LbOut, LoadBalance, NextIn, ResponseIn,
    Status, Target, TryVt, order,
};
use crate::balancer::{Attempt, Balancer, Begin, Next};
use crate::ffi::host;
use crate::init::Site;
use crate::slot::{InitNumber, Instance};
use crate::{Cx, Endpoints, Error, Failure, Outcome, Request, ResponseHead, guard};

/// The host aligns scratch to at most a cache line.
const HOST_ALIGN: usize = 64;

/// What one request's trylist is made of.
struct Trial<T: Balancer> {
    instance: NonNull<Instance<T>>,
    set: NonNull<EndpointSet>,
    walk: T::Walk,
}

/// Registers `T`'s implementation of `proxy.load_balance`.
pub(crate) fn register<T: Balancer>(instance: NonNull<Instance<T>>, site: &Site<'_>) -> Status {
    // SAFETY: F6, `begin` takes the structs of the hook, and the instance outlives the generation.
    unsafe { host::implement(site, &implementation::<T>(instance, site.module)) }
}

fn implementation<T: Balancer>(instance: NonNull<Instance<T>>, module: &abi::Module) -> HookImpl<'static> {
    let func: HookFn = begin::<T>;
    HookImpl {
        size: size_of::<HookImpl<'_>>() as u32,
        order: order::MIDDLE,
        name: Bytes::of(LoadBalance::NAME),
        sig: abi::signature_of::<LoadBalance>(),
        key: module.ident,
        func: Some(func),
        user: instance.as_ptr().cast(),
        before: std::ptr::null(),
        after: std::ptr::null(),
        nbefore: 0,
        nafter: 0,
        scratch_size: scratch_size::<T>() as u32,
        scratch_align: align_of::<Trial<T>>().min(HOST_ALIGN) as u32,
    }
}

/// With room to align further than the host does, if the walk asks for it.
const fn scratch_size<T: Balancer>() -> usize {
    size_of::<Trial<T>>() + align_of::<Trial<T>>().saturating_sub(HOST_ALIGN)
}

unsafe extern "C" fn begin<T: Balancer>(
    user: *mut c_void,
    call: &Call<'_>,
    input: *const c_void,
    output: *mut c_void,
) -> Status {
    // SAFETY: F2, the signature says that the caller hands in these structs.
    let (input, output) = unsafe { (&*input.cast::<LbIn<'_>>(), &mut *output.cast::<LbOut>()) };
    let instance = NonNull::new(user.cast::<Instance<T>>());
    let (Some(instance), Some(place)) = (instance, place::<T>(input)) else { return Status::ABI };
    guard::status(call, || {
        // SAFETY: F6, the instance outlives the generation that calls its hooks.
        let Instance { number, value } = unsafe { instance.as_ref() };
        let walk = match value
            .begin(&Request::hashed(Cx::new(call, *number), input), &Endpoints::of(input.set, *number))?
        {
            Begin::Decline => return Ok(Status::DECLINED),
            Begin::Trylist(walk) => walk,
        };
        // SAFETY: F6, `place` found room for a trial in memory that is this trylist's alone until its `drop`.
        unsafe { place.write(Trial { instance, set: NonNull::from(input.set), walk }) };
        // SAFETY: F6, the functions of the table take what was just written, until `drop`.
        unsafe { output.fill(Table::<T>::VT, place.as_ptr().cast()) };
        Ok(Status::OK)
    })
}

/// Where in the scratch memory a trial fits, if it does.
fn place<T: Balancer>(input: &LbIn<'_>) -> Option<NonNull<Trial<T>>> {
    let scratch = NonNull::new(input.scratch)?;
    let skip = scratch.align_offset(align_of::<Trial<T>>());
    if skip.checked_add(size_of::<Trial<T>>())? > input.scratch_size as usize {
        return None;
    }
    // SAFETY: F6, `skip` is within the `scratch_size` bytes that the host lends.
    Some(unsafe { scratch.add(skip) }.cast())
}

struct Table<T>(std::marker::PhantomData<T>);

impl<T: Balancer> Table<T> {
    const VT: *const TryVt = &TryVt {
        size: size_of::<TryVt>() as u32,
        reserved: 0,
        next: Some(next::<T>),
        report_failure: Some(report_failure::<T>),
        drop: Some(drop_walk::<T>),
        done: Some(done::<T>),
        response_head: Some(response_head::<T>),
    };
}

/// The parts of a trial that a call works on.
struct Parts<'a, T: Balancer> {
    balancer: &'a T,
    owner: InitNumber,
    set: &'a EndpointSet,
    walk: &'a mut T::Walk,
}

/// # Safety
/// `ctx` is what `begin` filled in, and its `drop` was not called yet.
unsafe fn parts<'a, T: Balancer>(ctx: *mut c_void) -> Parts<'a, T> {
    // SAFETY: F6, calls of one trylist never overlap, so nobody else borrows the trial.
    let trial = unsafe { &mut *ctx.cast::<Trial<T>>() };
    // SAFETY: F6, instance and set outlive the trylist.
    let (instance, set) = unsafe { (trial.instance.as_ref(), trial.set.as_ref()) };
    Parts { balancer: &instance.value, owner: instance.number, set, walk: &mut trial.walk }
}

unsafe extern "C" fn next<T: Balancer>(
    ctx: *mut c_void,
    call: &Call<'_>,
    input: *const c_void,
    output: *mut c_void,
) -> Status {
    // SAFETY: F6, see `parts`.
    let Parts { balancer, owner, walk, .. } = unsafe { parts::<T>(ctx) };
    // SAFETY: F2, the table's place says that the caller hands in these structs.
    let (input, target) = unsafe { (&*input.cast::<NextIn<'_>>(), &mut *output.cast::<Target>()) };
    guard::status(call, || {
        let (index, flags) = match balancer.next(walk, &Attempt { call, input, owner })? {
            Next::Exhausted => return Ok(Status::DONE),
            Next::Endpoint(index) => (index, 0),
            Next::Again(index) => (index, Target::AGAIN),
        };
        target.index = index;
        target.flags = flags;
        Ok(Status::OK)
    })
}

unsafe extern "C" fn report_failure<T: Balancer>(
    ctx: *mut c_void,
    call: &Call<'_>,
    input: *const c_void,
    _output: *mut c_void,
) -> Status {
    // SAFETY: F6, see `parts`.
    let Parts { balancer, owner, set, walk } = unsafe { parts::<T>(ctx) };
    // SAFETY: F2, the table's place says that the caller hands in this struct.
    let failure = unsafe { &*input.cast::<abi::Failure>() };
    told(call, || balancer.failed(walk, &Failure { failure, set, owner, now_ns: call.now_ns }))
}

unsafe extern "C" fn done<T: Balancer>(
    ctx: *mut c_void,
    call: &Call<'_>,
    input: *const c_void,
    _output: *mut c_void,
) -> Status {
    // SAFETY: F6, see `parts`.
    let Parts { balancer, owner, set, walk } = unsafe { parts::<T>(ctx) };
    // SAFETY: F2, the table's place says that the caller hands in this struct.
    let outcome = unsafe { &*input.cast::<abi::Outcome>() };
    told(call, || balancer.done(walk, &Outcome { outcome, set, owner, now_ns: call.now_ns }))
}

unsafe extern "C" fn response_head<T: Balancer>(
    ctx: *mut c_void,
    call: &Call<'_>,
    input: *const c_void,
    _output: *mut c_void,
) -> Status {
    // SAFETY: F6, see `parts`.
    let Parts { balancer, owner, set, walk } = unsafe { parts::<T>(ctx) };
    // SAFETY: F2, the table's place says that the caller hands in this struct.
    let head = unsafe { &*input.cast::<ResponseIn<'_>>() };
    told(call, || balancer.response_head(walk, &ResponseHead { head, set, owner }))
}

fn told(call: &Call<'_>, tell: impl FnOnce()) -> Status {
    guard::status(call, || {
        tell();
        Ok::<_, Error>(Status::OK)
    })
}

unsafe extern "C" fn drop_walk<T: Balancer>(ctx: *mut c_void) {
    // SAFETY: F6, the last call, once, with what `begin` wrote.
    guard::quiet(|| unsafe { ctx.cast::<Trial<T>>().drop_in_place() });
}
