//! Files that a process has from whoever started it.

/// Closes all but standard input, output and error. For a process that has just begun and has opened none itself.
///
/// Our own files are closed when a program is started; but the server may have been given some that are not. Linux
/// before 5.9 cannot do it in one call, and then they stay.
pub fn close_inherited() {
    // SAFETY: F9, nobody in this process has any of them.
    unsafe {
        libc::close_range(3, libc::c_uint::MAX, 0);
    }
}
