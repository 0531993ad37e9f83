//! The verbs of the OCI command line, one function each.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use errdefs::{Class, Context, Result, invalid, not_found, not_implemented};
use oci::runtime::{Process as OciProcess, Spec, Status, VERSION};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::SocketType;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::record::{Dir, Record, started};
use super::{Call, Global, VERBS, console};
use crate::channel::{FromParent, ParentEnd};
use crate::compile::{CompileOptions, compile, compile_process};
use crate::hooks::Point;
use crate::launch::{Created, Given, Io, create as launch, exec as enter};
use crate::plan::ExecPlan;

/// Signals by name, from 1 on.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// Carries out one verb; returns the exit code.
pub(super) fn dispatch(global: &Global, call: &Call) -> Result<i32> {
    match call.verb.as_str() {
        "create" => create(global, call).map(|()| 0),
        "start" => start(global, call).map(|()| 0),
        "run" => run(global, call),
        "exec" => exec(global, call),
        "state" => state(global, call).map(|()| 0),
        "list" => list(global, call).map(|()| 0),
        "kill" => kill(global, call).map(|()| 0),
        "delete" => delete(global, call).map(|()| 0),
        "pause" => freeze(global, call, true).map(|()| 0),
        "resume" => freeze(global, call, false).map(|()| 0),
        "features" => print(&crate::features::features()).map(|()| 0),
        "--version" => {
            println!("hythe-shim version {}\nspec: {VERSION}", env!("CARGO_PKG_VERSION"));
            Ok(0)
        }
        other => Err(invalid(format!("unknown command {other:?}; there are: {}", VERBS.join(", ")))),
    }
}

fn print(value: &impl serde::Serialize) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(value).context(|| "encode the answer")?);
    Ok(())
}

fn found(global: &Global, call: &Call) -> Result<(Dir, Record)> {
    let dir = Dir::new(&global.root, call.id()?);
    let record = dir.read()?;
    Ok((dir, record))
}

fn create(global: &Global, call: &Call) -> Result<()> {
    let id = call.id()?;
    let dir = Dir::new(&global.root, id);
    dir.create()?;
    let made = create_in(&dir, id, call);
    if made.is_err() {
        // The failure that counts is the first one.
        let _ = dir.remove();
    }
    made
}

fn create_in(dir: &Dir, id: &str, call: &Call) -> Result<()> {
    let bundle = call.option(&["bundle", "b"]).unwrap_or(".");
    let bundle = fs::canonicalize(bundle).context(|| format!("bundle {bundle}"))?;
    let path = bundle.join("config.json");
    let text = fs::read(&path).context(|| format!("read {}", path.display()))?;
    let spec: Spec =
        serde_json::from_slice(&text).map_err(|error| invalid(format!("{}: {error}", path.display())))?;
    let options = CompileOptions { id: id.to_owned(), bundle: bundle.clone(), ..CompileOptions::default() };
    let plan = compile(&spec, &options)?;
    check_console(plan.process.terminal, call)?;
    let mut record = Record {
        id: id.to_owned(),
        bundle,
        pid: 0,
        started: 0,
        annotations: spec.annotations,
        hooks: plan.hooks.clone(),
        exec: postcard::to_stdvec(&plan.exec(plan.process.clone())).context(|| "encode the plan")?,
    };
    dir.write(&record)?;
    let listener = console::listen_at(&dir.start_socket())?;
    let given = Given { start: Some(listener.as_fd()), ..Given::default() };
    let created = launch(&plan, Io::Inherit, given)
        .and_then(crate::launch::Creating::wait)
        .map_err(|error| errdefs::system(format!("unable to start container process: {error}")))?;
    let pid = created.pid.as_raw_nonzero().get() as u32;
    record.pid = pid;
    record.started = started(pid).unwrap_or(0);
    let handed_over = dir.write(&record).and_then(|()| hand_over(&created, call));
    if handed_over.is_err() {
        abandon(created);
    }
    handed_over
}

/// A terminal needs somebody to give it to.
fn check_console(terminal: bool, call: &Call) -> Result<()> {
    match (terminal, call.has(&["console-socket"])) {
        (true, false) => {
            Err(invalid("cannot allocate tty if runc will detach without setting console socket"))
        }
        (false, true) => Err(invalid("cannot use console socket if runc will not detach or allocate tty")),
        _ => Ok(()),
    }
}

/// Gives the caller what it asked for: the terminal and the process's number.
fn hand_over(created: &Created, call: &Call) -> Result<()> {
    for warning in &created.warnings {
        eprintln!("warning: {warning}");
    }
    if let (Some(path), Some(console)) = (call.option(&["console-socket"]), &created.console) {
        console::send_console(path, console)?;
    }
    if let Some(path) = call.option(&["pid-file"]) {
        write_pid(Path::new(path), created.pid)?;
    }
    Ok(())
}

/// Written whole or not at all: the caller may be waiting for the file to appear.
fn write_pid(path: &Path, pid: Pid) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    fs::write(&temporary, pid.as_raw_nonzero().to_string())
        .context(|| format!("write {}", temporary.display()))?;
    fs::rename(&temporary, path).context(|| format!("write {}", path.display()))
}

/// Ends a process nobody will ever start.
fn abandon(created: Created) {
    let _ = sys::signal::send(&created.pidfd, 9);
    let _ = waitid(WaitId::PidFd(created.pidfd.as_fd()), WaitIdOptions::EXITED);
    if let Some(cgroup) = created.cgroup {
        let _ = cgroup.remove();
    }
}

fn start(global: &Global, call: &Call) -> Result<()> {
    let (dir, record) = found(global, call)?;
    let status = record.status(&dir);
    if status != Status::Created {
        return Err(errdefs::conflict(format!("cannot start a container in the {} state", word(status))));
    }
    let channel = ParentEnd::new(console::connect_to(&dir.start_socket(), SocketType::SEQPACKET)?);
    channel.tell(FromParent::Execute);
    let outcome = crate::launch::Starting::new(channel).wait();
    fs::remove_file(dir.start_socket()).context(|| format!("remove {}", dir.start_socket().display()))?;
    outcome.map_err(|error| errdefs::system(error.to_string()))?;
    let Some(hooks) = &record.hooks else { return Ok(()) };
    hooks.run(Point::Poststart, Pid::from_raw(record.pid as i32)).map_err(|error| {
        // A container whose environment is not what its spec asks for does not run on.
        if let Some(process) = record.process() {
            let _ = sys::signal::send(&process, 9);
        }
        errdefs::system(error.to_string())
    })
}

fn run(global: &Global, call: &Call) -> Result<i32> {
    let detach = call.has(&["detach", "d"]);
    create(global, call)?;
    let (dir, record) = found(global, call)?;
    let process = record.process();
    if let Err(error) = start(global, call) {
        remove(&dir, &record, true)?;
        return Err(error);
    }
    if detach {
        return Ok(0);
    }
    let pid = Pid::from_raw(record.pid as i32).ok_or_else(|| not_found("container does not exist"))?;
    let code = crate::init::wait_code(pid).unwrap_or(255);
    drop(process);
    if !call.has(&["keep"]) {
        remove(&dir, &record, true)?;
    }
    Ok(code)
}

fn exec(global: &Global, call: &Call) -> Result<i32> {
    let (dir, record) = found(global, call)?;
    let status = record.status(&dir);
    if !matches!(status, Status::Running | Status::Created) {
        return Err(errdefs::conflict(format!("cannot exec in a {} container", word(status))));
    }
    let init = record.process().ok_or_else(|| not_found("container does not exist"))?;
    let plan = exec_plan(&record, call)?;
    check_console(plan.process.terminal, call)?;
    let mut created =
        enter(&plan, init.as_fd(), Io::Inherit).and_then(crate::launch::Creating::wait).map_err(|error| {
            errdefs::system(format!("exec failed: unable to start container process: {error}"))
        })?;
    if let Err(error) = hand_over(&created, call) {
        abandon(created);
        return Err(error);
    }
    created.start().map_err(|error| {
        errdefs::system(format!("exec failed: unable to start container process: {error}"))
    })?;
    if call.has(&["detach", "d"]) {
        return Ok(0);
    }
    Ok(crate::init::wait_code(created.pid).unwrap_or(255))
}

/// The container's own process, with what the call changes of it.
fn exec_plan(record: &Record, call: &Call) -> Result<ExecPlan> {
    let mut plan = record.plan()?;
    if let Some(path) = call.option(&["process", "p"]) {
        let text = fs::read(path).context(|| format!("read {path}"))?;
        let process: OciProcess =
            serde_json::from_slice(&text).map_err(|error| invalid(format!("{path}: {error}")))?;
        plan.process = compile_process(&process, None)?;
        return Ok(plan);
    }
    let process = &mut plan.process;
    process.args = call.operands[1..].to_vec();
    if process.args.is_empty() {
        return Err(invalid("exec: no command given"));
    }
    process.terminal = call.has(&["tty", "t"]);
    process.env.extend(call.values(&["env", "e"]));
    if let Some(cwd) = call.option(&["cwd"]) {
        process.cwd = PathBuf::from(cwd);
    }
    if let Some(user) = call.option(&["user", "u"]) {
        process.user = crate::plan::User::Named { user: user.to_owned(), groups: Vec::new() };
    }
    Ok(plan)
}

fn word(status: Status) -> String {
    serde_json::to_value(status).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn state(global: &Global, call: &Call) -> Result<()> {
    let (dir, record) = found(global, call)?;
    print(&record.state(&dir))
}

fn list(global: &Global, call: &Call) -> Result<()> {
    let entries = fs::read_dir(&global.root).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut states: Vec<_> = names
        .filter_map(|id| {
            let dir = Dir::new(&global.root, &id);
            dir.read().ok().map(|record| record.state(&dir))
        })
        .collect();
    states.sort_by(|a, b| a.id.cmp(&b.id));
    if call.option(&["format", "f"]) == Some("json") {
        return print(&states);
    }
    for state in states {
        println!(
            "{}",
            if call.has(&["quiet", "q"]) {
                state.id
            } else {
                format!("{}\t{}\t{}\t{}", state.id, state.pid, word(state.status), state.bundle)
            }
        );
    }
    Ok(())
}

/// A signal by number or name, with or without `SIG`.
fn signal(text: &str) -> Result<i32> {
    let unknown = || invalid(format!("unknown signal {text:?}"));
    if let Ok(number) = text.parse::<i32>() {
        return if (0..=sys::signal::HIGHEST).contains(&number) { Ok(number) } else { Err(unknown()) };
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    SIGNALS.iter().position(|known| *known == name).map(|at| at as i32 + 1).ok_or_else(unknown)
}

fn kill(global: &Global, call: &Call) -> Result<()> {
    let (dir, record) = found(global, call)?;
    let signal = signal(call.operands.get(1).map_or("TERM", String::as_str))?;
    if call.has(&["all", "a"]) {
        let Some(cgroup) = record.cgroup()? else { return Ok(()) };
        if signal == 9 {
            return cgroup.kill();
        }
        for pid in cgroup.pids()? {
            // It may have exited meanwhile.
            let _ = sys::signal::send_to(pid, signal);
        }
        return Ok(());
    }
    let process = match (record.process(), record.status(&dir)) {
        (Some(process), _) => process,
        (None, _) => return Err(errdefs::conflict("container not running")),
    };
    sys::signal::send(&process, signal).context(|| "kill the container")
}

fn delete(global: &Global, call: &Call) -> Result<()> {
    let force = call.has(&["force", "f"]);
    let (dir, record) = match found(global, call) {
        Err(error) if force && error.class() == Class::NotFound => {
            return Dir::new(&global.root, call.id()?).remove();
        }
        other => other?,
    };
    let status = record.status(&dir);
    // A process that was never started is nobody's work.
    if status != Status::Stopped && status != Status::Created && !force {
        return Err(errdefs::conflict(format!(
            "cannot delete container {} that is not stopped: {}",
            record.id,
            word(status)
        )));
    }
    remove(&dir, &record, status == Status::Created || force)
}

/// Ends what is left of a container and removes it.
fn remove(dir: &Dir, record: &Record, end: bool) -> Result<()> {
    let process = record.process();
    let cgroup = record.cgroup()?;
    if let (Some(process), true) = (&process, end) {
        sys::signal::send(process, 9).context(|| "kill the container")?;
        wait_for_exit(process)?;
    }
    if let Some(cgroup) = cgroup {
        // Processes of a container without a PID namespace of its own may outlive the first one.
        cgroup.kill()?;
        for pid in cgroup.pids()? {
            if let Ok(left) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
                wait_for_exit(&left)?;
            }
        }
        cgroup.remove()?;
    }
    // It is gone, whatever they say.
    if let Some(hooks) = &record.hooks
        && let Err(error) = hooks.run(Point::Poststop, None)
    {
        eprintln!("warning: {error}");
    }
    dir.remove()
}

/// Waits until a process has exited, whoever reaps it.
fn wait_for_exit(process: &OwnedFd) -> Result<()> {
    let mut fds = [PollFd::new(process, PollFlags::IN)];
    rustix::io::retry_on_intr(|| poll(&mut fds, None)).map(drop).context(|| "poll")
}

fn freeze(global: &Global, call: &Call, frozen: bool) -> Result<()> {
    let (dir, record) = found(global, call)?;
    let status = record.status(&dir);
    let cgroup = record.cgroup()?.ok_or_else(|| not_implemented("the container has no control group"))?;
    match (frozen, status) {
        (true, Status::Running | Status::Created) => cgroup.freeze(),
        (false, Status::Paused) => cgroup.thaw(),
        (_, status) => Err(errdefs::conflict(format!("container is {}", word(status)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_by_name_and_number() {
        for (text, number) in [("9", 9), ("KILL", 9), ("SIGTERM", 15), ("sighup", 1), ("64", 64), ("SYS", 31)]
        {
            assert_eq!(signal(text).unwrap(), number, "{text}");
        }
        for bad in ["65", "-1", "NOPE", ""] {
            assert!(signal(bad).is_err(), "{bad}");
        }
    }
}
