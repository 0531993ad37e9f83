//! The engines under comparison: how each one's own command line is called, and which processes are its.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use testkit::{Daemon, Options};

/// One engine, running, with `busybox` loaded.
pub(crate) struct Engine {
    /// The column's head.
    pub(crate) name: &'static str,
    program: Vec<String>,
    environment: Vec<(&'static str, String)>,
    /// Names of the processes that make up the engine while it is idle.
    pub(crate) idle_processes: &'static [&'static str],
    /// Names of the processes it adds for each container.
    pub(crate) container_processes: &'static [&'static str],
    /// What an installation puts on the disk.
    pub(crate) files: Vec<PathBuf>,
    /// A process in the network namespace that the engine pulls from.
    holder: Option<u32>,
    // Held for its life: dropping it stops the daemon and checks for leaks.
    daemon: Option<Daemon>,
}

/// The engines present on this machine, Hythe first. The peers are optional: their columns are missing without them.
pub(crate) fn present(dist: &Path) -> Result<Vec<Engine>, String> {
    let mut engines = vec![hythe(dist)];
    let share = testkit::env("PEERS_ROOT").unwrap_or_else(|| "/var/lib/peers".to_owned());
    let socket = format!("unix://{share}/share/docker.sock");
    let docker = Engine {
        name: "Docker",
        program: vec!["docker".to_owned()],
        environment: vec![("DOCKER_HOST", socket)],
        idle_processes: &["dockerd", "containerd"],
        container_processes: &["containerd-shim", "docker-proxy"],
        files: Vec::new(),
        holder: peers_holder(&share),
        daemon: None,
    };
    if docker.output(&["version"]).is_ok() {
        engines.push(docker);
    }
    if let Some(podman) = podman(&share) {
        engines.push(podman);
    }
    Ok(engines)
}

fn hythe(dist: &Path) -> Engine {
    // The kit finds the programs beside the running one unless it is told where they are; the bench has them in `dist`.
    let daemon = Daemon::with(Options {
        images: vec!["busybox"],
        programs: Some(dist.to_path_buf()),
        ..Options::default()
    });
    Engine {
        name: "Hythe",
        program: vec![dist.join("hythe").display().to_string()],
        environment: vec![("DOCKER_HOST", format!("unix://{}", daemon.socket().display()))],
        idle_processes: &["hythed"],
        container_processes: &["hythe-shim"],
        files: ["hythe", "hythed", "hythe-shim"].iter().map(|name| dist.join(name)).collect(),
        holder: Some(daemon.pid()),
        daemon: Some(daemon),
    }
}

/// The process that keeps the peers' namespaces.
fn peers_holder(share: &str) -> Option<u32> {
    std::fs::read_to_string(format!("{share}/state/pid")).ok()?.trim().parse().ok()
}

/// Podman has no daemon: its command has to run inside the peers' namespaces, which `nsenter` adds about 1 ms for.
fn podman(share: &str) -> Option<Engine> {
    let holder = peers_holder(share)?;
    let program =
        ["nsenter", "-t", &holder.to_string(), "-m", "-n", "--", "podman"].map(str::to_owned).to_vec();
    let engine = Engine {
        name: "Podman",
        program,
        environment: vec![("PODMAN_IGNORE_CGROUPSV1_WARNING", "1".to_owned())],
        idle_processes: &[],
        container_processes: &["conmon"],
        files: Vec::new(),
        holder: Some(holder),
        daemon: None,
    };
    engine.output(&["version"]).is_ok().then_some(engine)
}

impl Engine {
    /// The command line `ENGINE ARGS`, silent.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program[0]);
        command.args(&self.program[1..]);
        // Podman alone takes loopback for a place that has certificates.
        match args {
            ["pull", rest @ ..] if self.name == "Podman" => {
                command.args(["pull", "--tls-verify=false"]).args(rest)
            }
            args => command.args(args),
        };
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `ENGINE ARGS` and returns its wall time in milliseconds.
    pub(crate) fn time(&self, args: &[&str]) -> Result<f64, String> {
        let mut command = self.command(args);
        let start = Instant::now();
        let status = command.status().map_err(|error| format!("{}: {error}", self.name))?;
        let elapsed = start.elapsed().as_secs_f64() * 1000.0;
        if status.success() { Ok(elapsed) } else { Err(format!("{} failed", args.join(" "))) }
    }

    /// Runs `ENGINE ARGS` and returns what it printed.
    pub(crate) fn output(&self, args: &[&str]) -> Result<String, String> {
        let output = self
            .command(args)
            .stdout(Stdio::piped())
            .output()
            .map_err(|error| format!("{}: {error}", self.name))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(format!("{} failed", args.join(" ")))
        }
    }

    /// A process in the network namespace whose loopback the engine pulls from, where one is known.
    pub(crate) fn network_holder(&self) -> Option<u32> {
        self.holder
    }

    /// The one process of a private daemon, where there is one: other daemons of the same name are not counted.
    pub(crate) fn daemon_pid(&self) -> Option<u32> {
        self.daemon.as_ref().map(Daemon::pid)
    }
}
