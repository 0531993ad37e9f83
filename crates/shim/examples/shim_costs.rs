//! What a shim costs: memory, time of a start and of an exec, and speed of logging.
//!
//! `cargo run --release -p shim --example shim_costs -- PATH/hythe-shim [CONTAINERS]`

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use runtime::{CompileOptions, Plan};
use shim::{ContainerId, Event, ExecRequest, Handle, LaunchRequest, Launcher, Stdio};

fn plan(dir: &Path, id: &str, args: &[&str]) -> Plan {
    let spec = serde_json::json!({
        "ociVersion": "1.2.0",
        "root": { "path": dir.join("root") },
        "process": { "args": args, "env": ["PATH=/bin"], "cwd": "/", "user": { "uid": 0, "gid": 0 } },
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" },
        ],
        "linux": {
            "namespaces": [{ "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "uts" }],
            "cgroupsPath": format!("/hythe-measure/{id}"),
        },
    });
    let spec = serde_json::from_value(spec).expect("spec");
    let options = CompileOptions { id: id.to_owned(), die_with_parent: true, ..CompileOptions::default() };
    runtime::compile(&spec, &options).expect("plan")
}

fn launch(launcher: &Launcher, dir: &Path, id: &str, args: &[&str]) -> Handle {
    let state_dir = dir.join(id);
    std::fs::create_dir(&state_dir).expect("state directory");
    let request = LaunchRequest {
        id: id.into(),
        plan: plan(dir, id, args),
        foreign: None,
        netns: None,
        userns: None,
        stdio: Stdio::default(),
        log: logs::WriterConfig::json_file(state_dir.join("log")),
        state_dir,
        held: Vec::new(),
        forwards: Vec::new(),
        attaches: Vec::new(),
    };
    let handle = launcher.launch(request).expect("launch");
    handle.wait_created().expect("created");
    handle.start().expect("started");
    handle
}

fn ended(events: &Receiver<(ContainerId, Event)>) {
    while !matches!(events.recv().expect("event").1, Event::Exited(_)) {}
}

fn pss(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("smaps");
    let line = text.lines().find(|line| line.starts_with("Pss:")).expect("Pss");
    line.split_whitespace().nth(1).expect("number").parse().expect("number")
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Processor time of all ended shims and what they waited for: user and system, in hundredths of a second.
fn ended_time() -> (u64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("stat");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    (fields[13].parse().expect("cutime"), fields[14].parse().expect("cstime"))
}

fn main() {
    let mut args = std::env::args().skip(1);
    let exe = PathBuf::from(args.next().expect("the program"));
    let count: usize = args.next().map_or(20, |count| count.parse().expect("a number"));
    let dir = tempfile::tempdir().expect("directory");
    for path in ["root/bin", "root/proc", "root/dev"] {
        std::fs::create_dir_all(dir.path().join(path)).expect("root");
    }
    std::fs::copy("/bin/busybox", dir.path().join("root/bin/busybox")).expect("busybox");
    let (sender, events) = channel();
    let launcher = Launcher::new(&exe, sender).expect("launcher");

    let (mut starts, mut runs) = (Vec::new(), Vec::new());
    for n in 0..50 {
        let begin = Instant::now();
        launch(&launcher, dir.path(), &format!("run{n}"), &["/bin/busybox", "true"]);
        starts.push(begin.elapsed());
        ended(&events);
        runs.push(begin.elapsed());
    }
    println!("start {:?}, start to end told {:?}", median(starts), median(runs));

    let sleepers: Vec<Handle> = (0..count)
        .map(|n| launch(&launcher, dir.path(), &format!("sleep{n}"), &["/bin/busybox", "sleep", "1000"]))
        .collect();
    let memory: Vec<u64> = sleepers.iter().map(|handle| pss(handle.shim_pid())).collect();
    println!("{count} shims: {} kB PSS each", memory.iter().sum::<u64>() / memory.len() as u64);

    let template = plan(dir.path(), "sleep0", &["/bin/busybox", "true"]);
    let (mut began, mut over) = (Vec::new(), Vec::new());
    for n in 0..100 {
        let begin = Instant::now();
        let plan = template.exec(template.process.clone());
        let request = ExecRequest { exec_id: n.to_string(), plan, open_stdin: false, attach: None };
        sleepers[0].exec(request).expect("exec");
        began.push(begin.elapsed());
        while !matches!(events.recv().expect("event").1, Event::ExecExited { .. }) {}
        over.push(begin.elapsed());
    }
    println!("exec {:?}, exec to end told {:?}", median(began), median(over));
    println!("PSS of the one with 100 execs behind it: {} kB", pss(sleepers[0].shim_pid()));
    for handle in &sleepers {
        handle.signal(9).expect("kill");
    }
    for _ in &sleepers {
        ended(&events);
    }

    std::fs::write(dir.path().join("root/lines"), [&[b'x'; 71][..], b"\n"].concat().repeat(100_000_000 / 72))
        .expect("lines");
    for n in 0..5 {
        let (user, system) = ended_time();
        let begin = Instant::now();
        let handle = launch(&launcher, dir.path(), &format!("log{n}"), &["/bin/busybox", "cat", "/lines"]);
        ended(&events);
        let wall = begin.elapsed();
        let shim = format!("/proc/{}", handle.shim_pid());
        while Path::new(&shim).exists() {
            std::thread::yield_now();
        }
        let (user, system) = (ended_time().0 - user, ended_time().1 - system);
        println!("100 MB of lines logged: {wall:?}; processor: {user}0 ms user, {system}0 ms system");
    }
}
