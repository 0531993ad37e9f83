//! What a start costs here, without a shim and a daemon: `start_costs ROOTFS [N] [exec]` makes N containers with Docker's
//! defaults on an overlay of ROOTFS, one after the other, and prints the median of each part in microseconds.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Instant;

use rustix::process::{WaitId, WaitIdOptions, waitid};

fn main() {
    let mut args = std::env::args().skip(1);
    let root = PathBuf::from(args.next().expect("a root file system"));
    let rounds: usize = args.next().map_or(100, |text| text.parse().expect("a number"));
    let exec = args.next().is_some();
    let dir = tempfile::tempdir().expect("a directory");
    let (upper, work) = (dir.path().join("upper"), dir.path().join("work"));
    std::fs::create_dir(&upper).expect("mkdir");
    std::fs::create_dir(&work).expect("mkdir");
    let mut spec: oci::runtime::Spec =
        serde_json::from_str(include_str!("../tests/oci/docker.json")).expect("the spec");
    let linux = spec.linux.as_mut().expect("linux");
    linux.seccomp =
        Some(runtime::seccomp::Profile::docker_default().resolve(0xa804_25fb).expect("the profile"));
    linux.cgroups_path = "/hythe-measure/one".to_owned();
    let process = spec.process.as_mut().expect("process");
    process.args = if exec { vec!["sleep".to_owned(), "1000".to_owned()] } else { vec!["true".to_owned()] };
    let options = runtime::CompileOptions {
        id: "measure".to_owned(),
        root: Some(runtime::plan::RootSource::Overlay {
            lowers: vec![root],
            upper: Some(upper),
            work: Some(work),
            volatile: true,
        }),
        ..runtime::CompileOptions::default()
    };
    let plan = runtime::compile(&spec, &options).expect("compile");
    let layout = cgroups::Layout::detect().expect("cgroups");
    if exec {
        measure_exec(&plan, rounds);
    } else {
        measure_start(&plan, &layout, rounds);
    }
}

fn measure_start(plan: &runtime::Plan, layout: &cgroups::Layout, rounds: usize) {
    let mut parts: [Vec<u128>; 4] = Default::default();
    for _ in 0..rounds {
        let mut clock = Instant::now();
        let mut lap = |slot: usize, parts: &mut [Vec<u128>; 4]| {
            parts[slot].push(clock.elapsed().as_micros());
            clock = Instant::now();
        };
        let given = runtime::Given { layout: Some(layout), ..runtime::Given::default() };
        let creating = runtime::create(plan, runtime::Io::Inherit, given).expect("create");
        let mut created = creating.wait().expect("create");
        lap(0, &mut parts);
        created.start().expect("start");
        lap(1, &mut parts);
        waitid(WaitId::PidFd(created.pidfd.as_fd()), WaitIdOptions::EXITED).expect("wait");
        lap(2, &mut parts);
        created.cgroup.take().expect("a group").remove().expect("remove");
        lap(3, &mut parts);
    }
    for (name, times) in ["create", "start", "exit", "remove"].iter().zip(&mut parts) {
        times.sort_unstable();
        println!("{name:8} median {:6} least {:6}", times[times.len() / 2], times[0]);
    }
}

fn measure_exec(plan: &runtime::Plan, rounds: usize) {
    let mut container = runtime::create(plan, runtime::Io::Inherit, runtime::Given::default())
        .and_then(runtime::Creating::wait)
        .expect("create");
    container.start().expect("start");
    let mut process = plan.process.clone();
    process.args = vec!["true".to_owned()];
    let plan = plan.exec(process);
    let mut times = Vec::new();
    for _ in 0..rounds {
        let clock = Instant::now();
        let mut created = runtime::exec(&plan, container.pidfd.as_fd(), runtime::Io::Inherit)
            .and_then(runtime::Creating::wait)
            .expect("exec");
        created.start().expect("start");
        waitid(WaitId::PidFd(created.pidfd.as_fd()), WaitIdOptions::EXITED).expect("wait");
        times.push(clock.elapsed().as_micros());
    }
    times.sort_unstable();
    println!("exec     median {:6} least {:6}", times[times.len() / 2], times[0]);
    let group = container.cgroup.take().expect("a group");
    group.kill().expect("kill");
    waitid(WaitId::PidFd(container.pidfd.as_fd()), WaitIdOptions::EXITED).expect("wait");
    group.remove().expect("remove");
}
