//! Which system calls the child may make once the module has its turn.
//!
//! Three kinds. What loading and an honest `init` need is allowed. What would be the server's business, or would reach
//! beyond the process, is *forbidden*: it is told by name, and the module is refused. Everything else is answered as
//! by a kernel that does not have it, so that nothing comes of it; a module that gives up over that does so in order.
//!
//! Arguments in memory cannot be looked at here. The C library blocks all signals around the start of a thread or a
//! process, and the kernel ends a process by a blocked SIGSYS without telling anybody which call it was; so the call
//! that blocks signals is answered as done and does nothing.

use std::collections::BTreeMap;

use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{self, MaskedEq, Ne};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCondition, SeccompFilter, SeccompRule, apply_filter,
};

/// A system call that a module may not make.
#[derive(Debug)]
pub(super) struct Forbidden {
    /// Its number.
    pub(super) call: i64,
    /// Its name.
    pub(super) name: &'static str,
    /// What it does, after the module's name.
    pub(super) act: &'static str,
}

const fn forbidden(call: libc::c_long, name: &'static str, act: &'static str) -> Forbidden {
    Forbidden { call, name, act }
}

const SENDS: &str = "sends a signal";
const LOOKS: &str = "looks into other processes";
const BECOMES: &str = "changes who the server runs as";
const SHARED: &str = "changes what all of the server has in common";
const STARTS: &str = "starts another program";
const TIMES: &str = "sets a timer that raises a signal";

/// Where the first argument decides, `clone` and `tgkill`, the rule is in [`conditions`].
pub(super) const FORBIDDEN: &[Forbidden] = &[
    forbidden(libc::SYS_socket, "socket", "opens a socket"),
    forbidden(libc::SYS_socketpair, "socketpair", "opens a socket"),
    forbidden(libc::SYS_clone, "clone", "starts a process"),
    #[cfg(target_arch = "x86_64")]
    forbidden(libc::SYS_fork, "fork", "starts a process"),
    #[cfg(target_arch = "x86_64")]
    forbidden(libc::SYS_vfork, "vfork", "starts a process"),
    forbidden(libc::SYS_execve, "execve", STARTS),
    forbidden(libc::SYS_execveat, "execveat", STARTS),
    forbidden(libc::SYS_kill, "kill", SENDS),
    forbidden(libc::SYS_tkill, "tkill", SENDS),
    forbidden(libc::SYS_tgkill, "tgkill", SENDS),
    forbidden(libc::SYS_rt_sigqueueinfo, "rt_sigqueueinfo", SENDS),
    forbidden(libc::SYS_rt_tgsigqueueinfo, "rt_tgsigqueueinfo", SENDS),
    forbidden(libc::SYS_pidfd_send_signal, "pidfd_send_signal", SENDS),
    forbidden(libc::SYS_rt_sigaction, "rt_sigaction", "installs a signal handler"),
    forbidden(libc::SYS_setitimer, "setitimer", TIMES),
    forbidden(libc::SYS_timer_create, "timer_create", TIMES),
    #[cfg(target_arch = "x86_64")]
    forbidden(libc::SYS_alarm, "alarm", TIMES),
    forbidden(libc::SYS_ptrace, "ptrace", LOOKS),
    forbidden(libc::SYS_process_vm_readv, "process_vm_readv", LOOKS),
    forbidden(libc::SYS_process_vm_writev, "process_vm_writev", LOOKS),
    forbidden(libc::SYS_setuid, "setuid", BECOMES),
    forbidden(libc::SYS_setgid, "setgid", BECOMES),
    forbidden(libc::SYS_setreuid, "setreuid", BECOMES),
    forbidden(libc::SYS_setregid, "setregid", BECOMES),
    forbidden(libc::SYS_setresuid, "setresuid", BECOMES),
    forbidden(libc::SYS_setresgid, "setresgid", BECOMES),
    forbidden(libc::SYS_setgroups, "setgroups", BECOMES),
    forbidden(libc::SYS_capset, "capset", BECOMES),
    forbidden(libc::SYS_chdir, "chdir", SHARED),
    forbidden(libc::SYS_fchdir, "fchdir", SHARED),
    forbidden(libc::SYS_chroot, "chroot", SHARED),
    forbidden(libc::SYS_umask, "umask", SHARED),
    forbidden(libc::SYS_unshare, "unshare", SHARED),
    forbidden(libc::SYS_setns, "setns", SHARED),
    forbidden(libc::SYS_setsid, "setsid", SHARED),
    forbidden(libc::SYS_setpgid, "setpgid", SHARED),
    #[cfg(target_arch = "x86_64")]
    forbidden(libc::SYS_setrlimit, "setrlimit", SHARED),
    forbidden(libc::SYS_prlimit64, "prlimit64", SHARED),
];

/// What loading, memory, time, and reading need, and what ends a process.
const ALLOWED: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_faccessat,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_futex,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_ioctl,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_newfstatat,
    libc::SYS_ppoll,
    libc::SYS_prctl,
    libc::SYS_pread64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_write,
    libc::SYS_writev,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_arch_prctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_getrlimit,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
];

/// What opens a file for reading is allowed, by the argument that has the flags.
const OPENING: &[(libc::c_long, u8)] = &[
    (libc::SYS_openat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 1),
];

/// Filters this process's system calls from now on. `threads`: starting one is allowed.
///
/// # Errors
/// If the kernel does not filter.
pub(super) fn install(threads: bool) -> Result<(), seccompiler::Error> {
    // The strictest answer of all filters counts. What installs filters is no longer allowed by the last.
    for filter in [refusing(threads)?, pretending()?, allowing()?] {
        apply_filter(&BpfProgram::try_from(filter)?)?;
    }
    Ok(())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;
type Filtered = Result<SeccompFilter, seccompiler::Error>;

fn filter(rules: Rules, others: SeccompAction, these: SeccompAction) -> Filtered {
    let machine = std::env::consts::ARCH.try_into()?;
    Ok(SeccompFilter::new(rules, others, these, machine)?)
}

fn refusing(threads: bool) -> Filtered {
    let rules = FORBIDDEN.iter().map(|forbidden| Ok((forbidden.call, conditions(forbidden.call, threads)?)));
    filter(rules.collect::<Result<_, seccompiler::Error>>()?, SeccompAction::Allow, SeccompAction::Trap)
}

fn pretending() -> Filtered {
    let rules = Rules::from([(libc::SYS_rt_sigprocmask, Vec::new())]);
    filter(rules, SeccompAction::Allow, SeccompAction::Errno(0))
}

fn allowing() -> Filtered {
    const WRITING: u64 = (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC) as u64;
    let mut rules: Rules = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    rules.extend(FORBIDDEN.iter().map(|forbidden| (forbidden.call, Vec::new())));
    for (call, flags) in OPENING {
        rules.insert(*call, vec![all([(*flags, Dword, MaskedEq(WRITING), 0)])?]);
    }
    filter(rules, SeccompAction::Errno(libc::ENOSYS.unsigned_abs()), SeccompAction::Allow)
}

/// When the call is forbidden: where one of these holds, or always if there is none.
fn conditions(call: i64, threads: bool) -> Result<Vec<SeccompRule>, seccompiler::Error> {
    const THREAD: u64 = libc::CLONE_THREAD as u64;
    let to_itself = u64::from(std::process::id());
    Ok(match call {
        // A thread is one only by that flag.
        libc::SYS_clone if threads => vec![all([(0, Qword, MaskedEq(THREAD), 0)])?],
        // Whoever aborts signals itself.
        libc::SYS_tgkill => vec![all([(0, Dword, Ne, to_itself)])?],
        // Asking is no change; the C library keeps two signals for itself, and sets them when it likes.
        libc::SYS_rt_sigaction => vec![all([(1, Qword, Ne, 0), (0, Dword, Ne, 32), (0, Dword, Ne, 33)])?],
        libc::SYS_prlimit64 => vec![all([(2, Qword, Ne, 0)])?],
        _ => Vec::new(),
    })
}

fn all<const N: usize>(
    conditions: [(u8, SeccompCmpArgLen, SeccompCmpOp, u64); N],
) -> Result<SeccompRule, seccompiler::Error> {
    let conditions =
        conditions.into_iter().map(|(place, len, how, value)| SeccompCondition::new(place, len, how, value));
    Ok(SeccompRule::new(conditions.collect::<Result<_, _>>()?)?)
}
