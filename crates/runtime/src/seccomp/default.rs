//! Docker's default profile, as of the engine 28 series, as our own data.
//!
//! The shape of it: everything fails with `EPERM` but what is listed. Some calls are allowed with a capability only, some
//! for some arguments only; `clone3` fails with `ENOSYS`, because its arguments are in memory where a filter cannot look,
//! and programs then fall back to `clone`.

use oci::runtime::SeccompOperator::{self, Equal, Greater, Less, MaskedEqual};
use oci::runtime::{SeccompAction, SeccompArg};

use super::profile::{Condition, Profile, Rule};

/// Allowed to everyone.
const ALWAYS: &str = "\
    accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 \
    clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep \
    clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create \
    epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 \
    execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir \
    fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork \
    fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex \
    futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat getcpu getcwd getdents getdents64 \
    getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid \
    getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit \
    get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid gettimeofday getuid getuid32 \
    getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy \
    io_getevents io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit ipc kill \
    landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat \
    listen listmount listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 madvise \
    map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 \
    mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 \
    mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall \
    munmap name_to_handle_at nanosleep newfstatat _newselect open openat openat2 pause pidfd_open \
    pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv \
    preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead \
    readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr \
    removexattrat rename renameat renameat2 restart_syscall riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending \
    rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 \
    rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam sched_get_priority_max \
    sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 \
    sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget \
    semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid setfsgid32 \
    setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 \
    setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid setsockopt \
    set_thread_area set_tid_address setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown \
    sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs \
    statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create \
    timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create \
    timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64 \
    ugetrlimit umask uname unlink unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice \
    wait4 waitid waitpid write writev";

/// Allowed with a capability, in the order of the profile.
const BY_CAPABILITY: [(&str, &str); 14] = [
    ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
    (
        "CAP_SYS_ADMIN",
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr \
         lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd \
         setdomainname sethostname setns syslog umount umount2 unshare",
    ),
    ("CAP_SYS_BOOT", "reboot"),
    ("CAP_SYS_CHROOT", "chroot"),
    ("CAP_SYS_MODULE", "delete_module init_module finit_module"),
    ("CAP_SYS_PACCT", "acct"),
    ("CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace"),
    ("CAP_SYS_RAWIO", "iopl ioperm"),
    ("CAP_SYS_TIME", "settimeofday stime clock_settime clock_settime64"),
    ("CAP_SYS_TTY_CONFIG", "vhangup"),
    ("CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    ("CAP_SYSLOG", "syslog"),
    ("CAP_BPF", "bpf"),
    ("CAP_PERFMON", "perf_event_open"),
];

/// Allowed on some machines.
const BY_MACHINE: [(&[&str], &str); 6] = [
    (&["ppc64le"], "sync_file_range2 swapcontext"),
    (
        &["arm", "arm64"],
        "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
    ),
    (&["amd64", "x32"], "arch_prctl"),
    (&["amd64", "x32", "x86"], "modify_ldt"),
    (&["s390", "s390x"], "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr"),
    (&["riscv64"], "riscv_flush_icache"),
];

/// Allowed if the first argument compares so. Sockets of every family but `AF_ALG` (38) and `AF_VSOCK` (40); the
/// personalities of ordinary programs.
const BY_ARGUMENT: [(&str, SeccompOperator, u64); 8] = [
    ("socket", Less, 38),
    ("socket", Equal, 39),
    ("socket", Greater, 40),
    ("personality", Equal, 0),
    ("personality", Equal, 8),
    ("personality", Equal, 0x20000),
    ("personality", Equal, 0x20008),
    ("personality", Equal, 0xffff_ffff),
];

/// `clone` flags that make namespaces.
const CLONE_NAMESPACES: u64 = 0x7e02_0000;
/// Reading and tracing others is checked well enough by kernels since 4.8.
const PTRACE_KERNEL: (u32, u32) = (4, 8);
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn allow(names: &str) -> Rule {
    Rule::new(words(names), SeccompAction::Allow)
}

fn argument(index: u32, op: SeccompOperator, value: u64) -> Vec<SeccompArg> {
    vec![SeccompArg { index, value, value_two: 0, op }]
}

/// The profile.
pub(super) fn profile() -> Profile {
    let capability = |name: &str| Condition { capabilities: words(name), ..Condition::default() };
    let machines = |names: &[&str]| Condition {
        machines: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Condition::default()
    };
    let mut rules = vec![allow(ALWAYS)];
    let kernel = Condition { kernel: Some(PTRACE_KERNEL), ..Condition::default() };
    rules.push(Rule { includes: kernel, ..allow("process_vm_readv process_vm_writev ptrace") });
    for (name, op, value) in BY_ARGUMENT {
        rules.push(Rule { args: argument(0, op, value), ..allow(name) });
    }
    for (names, calls) in BY_MACHINE {
        rules.push(Rule { includes: machines(names), ..allow(calls) });
    }
    for (name, calls) in BY_CAPABILITY {
        rules.push(Rule { includes: capability(name), ..allow(calls) });
    }
    let mut elsewhere = machines(&["s390", "s390x"]);
    elsewhere.capabilities = words("CAP_SYS_ADMIN");
    rules.push(Rule {
        args: argument(0, MaskedEqual, CLONE_NAMESPACES),
        excludes: elsewhere,
        ..allow("clone")
    });
    rules.push(Rule {
        errno: Some(ENOSYS),
        excludes: capability("CAP_SYS_ADMIN"),
        ..Rule::new(words("clone3"), SeccompAction::Errno)
    });
    let machines = [
        ("SCMP_ARCH_X86_64", &["SCMP_ARCH_X86", "SCMP_ARCH_X32"][..]),
        ("SCMP_ARCH_AARCH64", &["SCMP_ARCH_ARM"]),
    ];
    Profile {
        default_action: SeccompAction::Errno,
        default_errno: Some(EPERM),
        architectures: Vec::new(),
        machines: machines
            .into_iter()
            .map(|(main, subs)| (main.to_owned(), words(&subs.join(" "))))
            .collect(),
        flags: Vec::new(),
        rules,
    }
}
