//! The last steps of every process, first or added: from root with all capabilities to the user's program.
//!
//! The order is the point: what needs privilege comes before it is given up; the program is looked up with exactly the
//! rights it will have; nothing but the channel is done between loading the filter and `execve`, so that a filter may
//! forbid almost anything.

use std::convert::Infallible;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid, fchown, fstat};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, setrlimit, umask};
use rustix::thread::{
    set_keep_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use sys::exec::{Strings, execve};

use crate::channel::{ChildEnd, FromChild};
use crate::hooks::{Hooks, Point};
use crate::launch::Io;
use crate::outcome::{StartError, failed, words};
use crate::plan::{Filter, Process, User};
use crate::terminal::Terminal;
use crate::tree::Tree;
use crate::user::{self, Identity};
use crate::{capability, seccomp};

/// What surrounds the process.
pub(crate) struct Context<'a> {
    /// The container's root, which is this process's root by now.
    pub(crate) tree: &'a Tree,
    /// A procfs made by us for this PID namespace, if one is at hand.
    pub(crate) procfs: Option<BorrowedFd<'a>>,
    /// The container's id.
    pub(crate) id: &'a str,
    /// The filter.
    pub(crate) seccomp: Option<&'a Filter>,
    /// Whether to die with the shim.
    pub(crate) die_with_parent: bool,
    /// Makes a missing working directory (the first process only).
    pub(crate) make_cwd: bool,
    /// Where to wait for the start, if not on the channel.
    pub(crate) start: Option<BorrowedFd<'a>>,
    /// What was done before the namespaces were entered.
    pub(crate) done: Done,
    /// The container's hooks (the first process only).
    pub(crate) hooks: Option<&'a Hooks>,
    /// What was left out so far.
    pub(crate) warnings: Vec<String>,
}

/// How much of the last steps was done while the host was still in reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    Nothing,
    /// Its place before the OOM killer.
    Score,
    /// All that [`settle`] does.
    Settled,
}

/// Becomes the program; returns only why it could not.
pub(crate) fn run(
    process: &Process,
    mut context: Context<'_>,
    io: Io<'_>,
    terminal: Option<Terminal>,
    channel: &ChildEnd,
) -> Result<Infallible, StartError> {
    if context.done != Done::Settled {
        limit(process)?;
    }
    if context.done == Done::Nothing {
        adjust_oom_score(process, context.procfs, &mut context.warnings)?;
    }
    let identity = identify(&process.user, context.tree)?;
    enter_directory(process, &context)?;
    connect(io, terminal.as_ref(), identity.uid)?;
    join_keyring(&mut context)?;
    label(process, &context)?;
    umask(Mode::from_raw_mode(process.umask.unwrap_or(0o022)));
    let environment = environment(process, &identity, context.tree);
    give_up_identity(process, &identity)?;
    capability::set_effective(process.capabilities.effective).map_err(|e| failed("capset", e))?;
    let program = find(&process.args, &environment)?;
    let arguments = Strings::new(process.args.iter().map(|arg| c_string(arg)).collect::<Result<_, _>>()?);
    let variables = Strings::new(environment.iter().map(|var| c_string(var)).collect::<Result<_, _>>()?);
    let path =
        CString::new(program.as_bytes()).map_err(|_| StartError::other("exec: name with a null byte"))?;
    sys::signal::reset_all();
    sys::fd::close_on_exec_from(3).map_err(|e| StartError::other(e.to_string()))?;
    let warnings = std::mem::take(&mut context.warnings);
    let prepared = FromChild::Prepared { warnings };
    let console = terminal.as_ref().map(|terminal| terminal.master.as_fd());
    let hooks = context.hooks.filter(|hooks| hooks.has(Point::StartContainer));
    let Some(listener) = context.start else {
        if let Some(hooks) = hooks {
            // Before the filter, which is the program's and not theirs.
            channel.tell(&prepared, console);
            drop(terminal);
            let started = channel.wait_for_execute().and_then(|()| hooks.run_inside(Point::StartContainer));
            started.and_then(|()| confine(process, &context))?;
            give_up(&program, execve(&path, &arguments, &variables));
        }
        confine(process, &context)?;
        channel.tell(&prepared, console);
        // Its only other holder is the engine from here on, or a hang-up would never be seen.
        drop(terminal);
        channel.wait_for_execute()?;
        give_up(&program, execve(&path, &arguments, &variables));
    };
    // Before the filter, which need not allow `accept`.
    channel.tell(&prepared, console);
    drop(terminal);
    let channel = ChildEnd::accept(listener)?;
    let run_hooks = || hooks.map_or(Ok(()), |hooks| hooks.run_inside(Point::StartContainer));
    let ready = channel.wait_for_execute().and_then(|()| run_hooks());
    if let Err(error) = ready.and_then(|()| confine(process, &context)) {
        channel.tell(&FromChild::Failed(error), None);
        sys::fork::exit_now(1);
    }
    give_up(&program, execve(&path, &arguments, &variables))
}

/// Does for a process that is going to enter a user namespace what takes the host's rights: its limits, its place before
/// the OOM killer, and streams that its new root (`owner`) may pass on. Returns what was left out.
pub(crate) fn settle(
    process: &Process,
    io: Io<'_>,
    procfs: Option<BorrowedFd<'_>>,
    owner: (u32, u32),
) -> Result<Vec<String>, StartError> {
    let mut warnings = Vec::new();
    limit(process)?;
    adjust_oom_score(process, procfs, &mut warnings)?;
    if let Io::Streams { stdin, stdout, stderr } = io {
        for fd in [stdin, stdout, stderr] {
            own(fd, owner.0, Some(owner.1))?;
        }
    }
    Ok(warnings)
}

/// What `execve` itself refused, although the file looked executable (a wrong format, a missing interpreter). The
/// container has started by now, for everyone who looks: so it is said where a program would say it, and by the exit
/// code Docker's runtime has for it.
fn give_up(path: &str, errno: Errno) -> ! {
    const EXIT_CODE: i32 = 255;
    let text = format!("exec {path}: {}\n", words(errno));
    let _ = rustix::io::write(rustix::stdio::stderr(), text.as_bytes());
    sys::fork::exit_now(EXIT_CODE)
}

fn c_string(text: &str) -> Result<CString, StartError> {
    CString::new(text).map_err(|_| StartError::other(format!("null byte in {text:?}")))
}

fn limit(process: &Process) -> Result<(), StartError> {
    for &(number, soft, hard) in &process.rlimits {
        let resource =
            resource(number).ok_or_else(|| StartError::other(format!("unknown rlimit type {number}")))?;
        let value = |limit: u64| (limit != u64::MAX).then_some(limit);
        setrlimit(resource, Rlimit { current: value(soft), maximum: value(hard) }).map_err(|errno| {
            failed(
                format_args!("error setting rlimits for ready process: error setting rlimit type {number}"),
                errno,
            )
        })?;
    }
    Ok(())
}

/// The resource by the kernel's number (`asm-generic/resource.h`).
fn resource(number: u32) -> Option<Resource> {
    use Resource::{
        As, Core, Cpu, Data, Fsize, Locks, Memlock, Msgqueue, Nice, Nofile, Nproc, Rss, Rtprio, Rttime,
        Sigpending, Stack,
    };
    const ALL: [Resource; 16] = [
        Cpu, Fsize, Data, Stack, Core, Rss, Nproc, Nofile, Memlock, As, Locks, Sigpending, Msgqueue, Nice,
        Rtprio, Rttime,
    ];
    ALL.get(number as usize).copied()
}

/// Lowering needs `CAP_SYS_RESOURCE`, which an engine inside a container may lack. It does not decide whether the
/// program can run, so it is left out with a word, where runc fails with "can't get final child's PID".
pub(crate) fn adjust_oom_score(
    process: &Process,
    procfs: Option<BorrowedFd<'_>>,
    warnings: &mut Vec<String>,
) -> Result<(), StartError> {
    let Some(score) = process.oom_score_adj else { return Ok(()) };
    match write_proc(procfs, "self/oom_score_adj", &score.to_string()) {
        Err(Errno::ACCESS | Errno::PERM) => {
            warnings.push(format!("oom_score_adj {score}: not permitted to this engine, left as it is"));
            Ok(())
        }
        other => other.map_err(|errno| failed(format_args!("set oom_score_adj {score}"), errno)),
    }
}

/// Writes a file of a procfs that is certain to be one: made for the purpose, if not for the container.
fn write_proc(procfs: Option<BorrowedFd<'_>>, name: &str, value: &str) -> Result<(), Errno> {
    let own;
    let procfs = if let Some(fd) = procfs {
        fd
    } else {
        own = crate::rootfs::new_procfs()?;
        own.as_fd()
    };
    let file = crate::rootfs::open_in_procfs(procfs, name)?;
    rustix::io::write(&file, value.as_bytes()).map(drop)
}

fn identify(user: &User, tree: &Tree) -> Result<Identity, StartError> {
    match user {
        User::Ids { uid, gid, groups } => {
            Ok(Identity { uid: *uid, gid: *gid, groups: groups.clone(), home: None })
        }
        User::Named { user, groups } => Ok(user::look_up_in(tree, user, groups)?),
    }
}

/// Changes to the working directory, and proves that it is inside: a descriptor leaked from the host would be a way out.
fn enter_directory(process: &Process, context: &Context<'_>) -> Result<(), StartError> {
    let cwd = if process.cwd.as_os_str().is_empty() { Path::new("/") } else { &process.cwd };
    let refused = |errno| {
        let name = cwd.display();
        if errno == Errno::NOTDIR && context.make_cwd {
            // What Docker's daemon says, who makes the directory there.
            return StartError::new(format!("Cannot mkdir: {name} is not a directory"));
        }
        failed(format_args!("chdir to cwd ({:?}) set in config.json failed", name.to_string()), errno)
    };
    let opened = if context.make_cwd {
        context.tree.ensure(cwd, crate::tree::Make::Directory)
    } else {
        context.tree.open(cwd, OFlags::PATH)
    };
    let dir = opened.map_err(refused)?;
    rustix::process::fchdir(&dir).map_err(refused)?;
    let real = rustix::process::getcwd(Vec::new()).map_err(refused)?;
    if real.as_bytes().first() != Some(&b'/') {
        return Err(StartError::other(
            "current working directory is outside of container mount namespace root -- possible container breakout detected",
        ));
    }
    Ok(())
}

/// Gives the process its standard streams, as their owner.
fn connect(io: Io<'_>, terminal: Option<&Terminal>, uid: u32) -> Result<(), StartError> {
    let place = |fd: BorrowedFd<'_>, target| {
        sys::fd::place(fd, target).map_err(|error| StartError::other(error.to_string()))
    };
    match (terminal, io) {
        (Some(terminal), _) => {
            rustix::process::ioctl_tiocsctty(&terminal.peer).map_err(|errno| failed("TIOCSCTTY", errno))?;
            for target in 0..3 {
                place(terminal.peer.as_fd(), target)?;
            }
        }
        (None, Io::Streams { stdin, stdout, stderr }) => {
            // Copies above 2 first, so that none is overwritten before its turn.
            let copies: Vec<OwnedFd> = [stdin, stdout, stderr]
                .into_iter()
                .map(|fd| rustix::io::fcntl_dupfd_cloexec(fd, 3))
                .collect::<Result<_, _>>()
                .map_err(|errno| failed("dup", errno))?;
            for (target, fd) in copies.iter().enumerate() {
                place(fd.as_fd(), target as i32)?;
            }
        }
        (None, Io::Inherit | Io::Terminal) => {}
    }
    for fd in [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()] {
        own(fd, uid, None)?;
    }
    Ok(())
}

/// The stream belongs to the user, so that it can be reopened by `/dev/stdout`. Never `/dev/null`, which is everyone's.
fn own(fd: BorrowedFd<'_>, uid: u32, gid: Option<u32>) -> Result<(), StartError> {
    let Ok(stat) = fstat(fd) else { return Ok(()) };
    let is_null = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
        && (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)) == (1, 3);
    if is_null || stat.st_uid == uid {
        return Ok(());
    }
    match fchown(fd, Some(Uid::from_raw(uid)), gid.map(Gid::from_raw)) {
        // A read-only file system, or somebody else's file: then it stays theirs.
        Ok(()) | Err(Errno::INVAL | Errno::PERM | Errno::ROFS) => Ok(()),
        Err(errno) => Err(failed("fchown of a standard stream", errno)),
    }
}

/// Leaves the engine's session keyring for the container's own.
fn join_keyring(context: &mut Context<'_>) -> Result<(), StartError> {
    let name = c_string(&format!("_ses.{}", context.id))?;
    match sys::keyring::join_session(&name).map_err(|error| error.errno()) {
        // A kernel without keys has none to share; and what a filter around the engine forbids, it forbids inside too.
        Ok(()) | Err(Errno::NOSYS | Errno::PERM) => Ok(()),
        Err(Errno::DQUOT) => {
            context.warnings.push("too many session keyrings: the container shares the engine's".to_owned());
            Ok(())
        }
        Err(errno) => Err(failed("join the session keyring", errno)),
    }
}

/// Asks for the security modules' labels at `execve`.
fn label(process: &Process, context: &Context<'_>) -> Result<(), StartError> {
    if let Some(profile) = &process.apparmor_profile {
        let value = format!("exec {profile}");
        // `attr/apparmor` since Linux 5.8; the old name is whichever module came first.
        let result = match write_proc(context.procfs, "self/attr/apparmor/exec", &value) {
            Err(Errno::NOENT) => write_proc(context.procfs, "self/attr/exec", &value),
            other => other,
        };
        result.map_err(|errno| failed(format_args!("unable to apply apparmor profile: {profile}"), errno))?;
    }
    if let Some(label) = &process.selinux_label {
        write_proc(context.procfs, "self/attr/exec", label)
            .map_err(|errno| failed("set the SELinux label", errno))?;
    }
    Ok(())
}

/// The environment with `HOME`, which is the one variable the runtime knows and the engine does not. Of a variable given
/// twice the last value holds, as programs see it.
fn environment(process: &Process, identity: &Identity, tree: &Tree) -> Vec<String> {
    let mut variables = process.env.clone();
    if !variables.iter().any(|variable| variable.strip_prefix("HOME=").is_some_and(|home| !home.is_empty())) {
        variables.retain(|variable| !variable.starts_with("HOME="));
        let home = identity.home.clone().or_else(|| user::home(tree, identity.uid));
        // A line break would make a second variable of it for programs that print it.
        let home = home.filter(|home| !home.is_empty() && !home.contains(['\n', '\0']));
        variables.push(format!("HOME={}", home.unwrap_or_else(|| "/".to_owned())));
    }
    variables
}

/// Becomes the user. All capabilities stay permitted for the steps that follow.
fn give_up_identity(process: &Process, identity: &Identity) -> Result<(), StartError> {
    capability::bound(process.capabilities.bounding).map_err(|e| failed("drop bounding capabilities", e))?;
    set_keep_capabilities(true).map_err(|e| failed("keep capabilities", e))?;
    let groups: Vec<Gid> = identity.groups.iter().map(|&gid| Gid::from_raw(gid)).collect();
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    set_thread_groups(&groups).map_err(|e| failed("setgroups", e))?;
    let unmapped = |what: &str, errno: Errno| match errno {
        // The one reason: numbers are checked long before.
        Errno::INVAL => StartError::other(format!(
            "unable to setup user: cannot set {what} to unmapped user in user namespace"
        )),
        errno => failed(format_args!("set{what}"), errno),
    };
    set_thread_res_gid(gid, gid, gid).map_err(|e| unmapped("gid", e))?;
    set_thread_res_uid(uid, uid, uid).map_err(|e| unmapped("uid", e))?;
    set_keep_capabilities(false).map_err(|e| failed("keep capabilities", e))
}

/// Loads the filter and gives up the rest. Without no-new-privileges loading needs `CAP_SYS_ADMIN`, so it comes before;
/// with it, the filter need not even allow `capset`.
fn confine(process: &Process, context: &Context<'_>) -> Result<(), StartError> {
    const SYS_ADMIN: u64 = 1 << 21;
    let load = || match context.seccomp {
        Some(filter) => sys::seccomp::load(&seccomp::instructions(filter), filter.flags)
            .map_err(|error| failed("error loading seccomp filter", error.errno())),
        None => Ok(()),
    };
    let set = || capability::apply(&process.capabilities).map_err(|e| failed("apply caps", e));
    let die = || match context.die_with_parent {
        // After the last change of identity, which would undo it.
        true => rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
            .map_err(|e| failed("PR_SET_PDEATHSIG", e)),
        false => Ok(()),
    };
    if process.no_new_privileges {
        set()?;
        die()?;
        set_no_new_privs(true).map_err(|e| failed("set no_new_privs", e))?;
        return load();
    }
    die()?;
    capability::set_effective(process.capabilities.effective | SYS_ADMIN).map_err(|e| failed("capset", e))?;
    load()?;
    set()
}

/// The program's path, looked up as a shell would and with the rights the process will have.
fn find(args: &[String], environment: &[String]) -> Result<String, StartError> {
    let name = args.first().ok_or_else(|| StartError::other("args must not be empty"))?;
    if name.contains('/') {
        return match executable(name) {
            Ok(()) => Ok(name.clone()),
            Err(why) => Err(why.into_error(name)),
        };
    }
    let path = environment.iter().rev().find_map(|variable| variable.strip_prefix("PATH=")).unwrap_or("");
    for dir in path.split(':') {
        let dir = if dir.is_empty() { "." } else { dir };
        let candidate = format!("{}/{name}", dir.trim_end_matches('/'));
        match executable(&candidate) {
            Ok(()) if !name.is_empty() => return Ok(candidate),
            // As Go's LookPath: something there that cannot be executed is as good as nothing.
            _ => {}
        }
    }
    Err(StartError::new(format!("exec: {name:?}: executable file not found in $PATH")))
}

/// Why a file cannot be executed.
enum Unusable {
    Directory,
    Denied,
    Missing(Errno),
}

fn executable(path: &str) -> Result<(), Unusable> {
    let stat = rustix::fs::stat(path).map_err(|errno| match errno {
        Errno::ACCESS => Unusable::Denied,
        other => Unusable::Missing(other),
    })?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        return Err(Unusable::Directory);
    }
    // With the effective identity and capabilities, which are the final ones by now.
    rustix::fs::accessat(rustix::fs::CWD, path, rustix::fs::Access::EXEC_OK, AtFlags::EACCESS)
        .map_err(|_| Unusable::Denied)
}

impl Unusable {
    fn into_error(self, name: &str) -> StartError {
        let message = match self {
            Self::Directory => "is a directory: permission denied".to_owned(),
            Self::Denied => "permission denied".to_owned(),
            Self::Missing(errno) => format!("stat {name}: {}", words(errno)),
        };
        StartError::new(format!("exec: {name:?}: {message}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::StartErrorKind;

    #[test]
    fn lookup_texts_are_dockers() {
        let args = |name: &str| vec![name.to_owned()];
        let env = vec!["PATH=/nonexistent:/etc".to_owned()];
        for (name, kind, text) in [
            ("foo", StartErrorKind::NotFound, "exec: \"foo\": executable file not found in $PATH"),
            ("", StartErrorKind::NotFound, "exec: \"\": executable file not found in $PATH"),
            ("passwd", StartErrorKind::NotFound, "exec: \"passwd\": executable file not found in $PATH"),
            (
                "/nonexistent",
                StartErrorKind::NotFound,
                "exec: \"/nonexistent\": stat /nonexistent: no such file or directory",
            ),
            ("/", StartErrorKind::PermissionDenied, "exec: \"/\": is a directory: permission denied"),
            ("/etc/passwd", StartErrorKind::PermissionDenied, "exec: \"/etc/passwd\": permission denied"),
            (
                "/etc/passwd/x",
                StartErrorKind::NotFound,
                "exec: \"/etc/passwd/x\": stat /etc/passwd/x: not a directory",
            ),
        ] {
            let error = find(&args(name), &env).unwrap_err();
            assert_eq!((error.kind, error.message.as_str()), (kind, text));
        }
    }

    #[test]
    fn the_first_executable_in_path_is_taken() {
        let found = find(&["sh".to_owned()], &["PATH=/nonexistent:/bin/:/usr/bin".to_owned()]);
        assert_eq!(found.unwrap(), "/bin/sh");
    }
}
