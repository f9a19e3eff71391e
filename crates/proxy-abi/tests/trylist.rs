//! A trylist of a module: only what lies within its table's size is read.

use std::ffi::c_void;
use std::mem::offset_of;

use proxy_abi::{Breach, Call, HookFn, LbOut, Status, TryVt, Trylist};

unsafe extern "C" fn answer(_: *mut c_void, _: &Call<'_>, _: *const c_void, _: *mut c_void) -> Status {
    Status::DONE
}

unsafe extern "C" fn drop_it(dropped: *mut c_void) {
    // SAFETY: F6, the test's counter, which outlives the trylist.
    unsafe { *dropped.cast::<u32>() += 1 };
}

const WHOLE: TryVt = TryVt {
    size: size_of::<TryVt>() as u32,
    reserved: 0,
    next: Some(answer as HookFn),
    report_failure: Some(answer as HookFn),
    drop: Some(drop_it),
    done: Some(answer as HookFn),
    response_head: Some(answer as HookFn),
};

fn trylist(table: &'static TryVt, dropped: &mut u32) -> Result<Trylist, Breach> {
    let mut out = LbOut::new();
    // SAFETY: F6, a table of this file, and a counter that outlives the trylist.
    unsafe { out.fill(table, (&raw mut *dropped).cast()) };
    Trylist::new(out)
}

#[test]
fn a_function_that_the_table_ends_within_is_missing() {
    let whole_until = |end: usize| {
        let mut dropped = 0;
        let table = Box::leak(Box::new(TryVt { size: end as u32, ..WHOLE }));
        let text = format!("{:?}", trylist(table, &mut dropped));
        (text.contains("response_head: Some"), text.contains("done: Some"), text.starts_with("Err"))
    };
    let head = offset_of!(TryVt, response_head);
    assert_eq!(whole_until(head + 8), (true, true, false));
    for end in head..head + 8 {
        assert_eq!(whole_until(end), (false, true, false), "{end} bytes");
    }
    assert_eq!(whole_until(head - 1), (false, false, false));
    assert_eq!(whole_until(offset_of!(TryVt, done)), (false, false, false));
    assert_eq!(whole_until(offset_of!(TryVt, done) - 1), (false, false, true));
}
