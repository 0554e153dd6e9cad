//! seccomp: denies sockets, access to other processes, and the ways to change a file that
//! Landlock leaves open. All other calls stay allowed.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};

use crate::RestrictError;

/// Sockets, and io_uring, which could open them without a filtered call.
const NETWORK: &[i64] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// Signals to processes, their memory, descriptors and priority; process groups and sessions, in
/// which a process would escape being killed with its group.
const PROCESSES: &[i64] = &[
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_setpriority,
    libc::SYS_setpgid,
    libc::SYS_setsid,
];

/// Owners, modes, attributes and, before the third version of Landlock, lengths of files.
const FILES: &[i64] = &[
    libc::SYS_truncate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    SETXATTRAT,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    REMOVEXATTRAT,
    libc::SYS_utimensat,
];
/// Calls that the C library's headers do not name yet; their numbers are the same everywhere.
const SETXATTRAT: i64 = 463;
const REMOVEXATTRAT: i64 = 466;
/// Older calls for the same changes, which newer architectures do not have.
#[cfg(target_arch = "x86_64")]
const OLDER_FILES: &[i64] = &[
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER_FILES: &[i64] = &[];

/// Memory shared with, and messages to, other processes of this user.
const SHARED: &[i64] = &[
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_mq_open,
];

/// Parts of the kernel that converting documents does not need.
const KERNEL: &[i64] = &[
    libc::SYS_inotify_init1,
    libc::SYS_fanotify_init,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_unshare,
    libc::SYS_setns,
];

/// Calls allowed on the process itself only: its id, or 0, as the first argument.
const ITSELF: &[i64] = &[
    libc::SYS_tgkill,
    libc::SYS_prlimit64,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setattr,
];

/// The bit in the number of a system call of the x32 ABI.
const X32: i64 = 0x4000_0000;

pub(super) fn restrict() -> Result<(), RestrictError> {
    let failed = |error: &dyn std::fmt::Display| RestrictError::Syscalls(error.to_string());
    let filters = [filter(std::process::id()), without_clone3()];
    for filter in filters {
        let filter = filter.map_err(|error| failed(&error))?;
        seccompiler::apply_filter(&filter).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Answers `clone3` with ENOSYS: a filter cannot read its flags, which lie in memory, and the C
/// library falls back to `clone`.
fn without_clone3() -> Result<BpfProgram, BackendError> {
    let calls = [libc::SYS_clone3, libc::SYS_clone3 | X32];
    let rules = calls.into_iter().map(|call| (call, Vec::new())).collect();
    let absent = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::Allow, absent, arch)?.try_into()
}

fn filter(pid: u32) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for calls in [NETWORK, PROCESSES, FILES, OLDER_FILES, SHARED, KERNEL] {
        rules.extend(calls.iter().map(|call| (*call, Vec::new())));
    }
    for call in ITSELF {
        let is_not = |value: u32| {
            let (length, value) = (SeccompCmpArgLen::Dword, u64::from(value));
            SeccompCondition::new(0, length, SeccompCmpOp::Ne, value)
        };
        rules.insert(
            *call,
            vec![SeccompRule::new(vec![is_not(0)?, is_not(pid)?])?],
        );
    }
    // Threads and children are allowed, but no new user namespace.
    let new_user = u64::from(libc::CLONE_NEWUSER.unsigned_abs());
    let flags = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(new_user),
        new_user,
    )?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![flags])?]);
    if cfg!(target_arch = "x86_64") {
        let same: Vec<_> = rules
            .iter()
            .map(|(call, rule)| (call | X32, rule.clone()))
            .collect();
        rules.extend(same);
    }
    let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::Allow, denied, arch)?.try_into()
}
