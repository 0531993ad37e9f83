//! Namespaces for one test: a network and a mount namespace that nothing else shares, held by a process of their own.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::Output;

/// A network and a mount namespace of the test's own. Loopback is up; there is no way out.
pub struct Sandbox {
    holder: Child,
}

/// Another host: a namespace joined to a sandbox by a cable of its own.
pub struct Outside {
    namespace: Sandbox,
}

impl Outside {
    /// The sandbox's address on the cable.
    pub const SANDBOX: &str = "10.99.0.1";
    /// The other host's address on the cable.
    pub const HOST: &str = "10.99.0.2";

    /// The other host's namespaces.
    pub fn sandbox(&self) -> &Sandbox {
        &self.namespace
    }
}

impl Sandbox {
    /// Makes the namespaces.
    ///
    /// # Panics
    /// Without root, or without util-linux and iproute2.
    #[expect(clippy::new_without_default, reason = "making namespaces is not a default value")]
    pub fn new() -> Self {
        let mut holder = Command::new("unshare")
            .args(["--net", "--mount", "--propagation", "private", "sh", "-c"])
            // `ready` says that the namespaces stand; `cat` holds them until its standard input closes, which happens by
            // itself when the test's process ends, in whatever way.
            .arg("ip link set lo up && echo ready && exec cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start unshare (util-linux)");
        let mut line = String::new();
        BufReader::new(holder.stdout.as_mut().expect("piped"))
            .read_line(&mut line)
            .expect("read from the holder");
        assert_eq!(line, "ready\n", "namespaces for a test need root and iproute2");
        Self { holder }
    }

    /// Joins the sandbox to a new host outside, by a cable with an address at either end.
    pub fn outside(&self) -> Outside {
        let other = Self::new();
        let pid = other.holder.id().to_string();
        let script = format!(
            "ip link add cable type veth peer name cable netns {pid} && ip addr add {}/24 dev cable && ip link set cable up",
            Outside::SANDBOX
        );
        Output::of(&mut self.command("sh", ["-c", &script])).ok();
        let script = format!("ip addr add {}/24 dev cable && ip link set cable up", Outside::HOST);
        Output::of(&mut other.command("sh", ["-c", &script])).ok();
        Outside { namespace: other }
    }

    /// A command that runs `program` inside, with no standard input.
    pub fn command<A: AsRef<std::ffi::OsStr>>(
        &self,
        program: impl AsRef<Path>,
        args: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--mount", "--target", &self.holder.id().to_string(), "--"]);
        command.arg(program.as_ref()).args(args).stdin(Stdio::null());
        command
    }

    /// Runs `work` on a thread whose sockets belong to the sandbox's network.
    pub fn on_network<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace =
            File::open(format!("/proc/{}/ns/net", self.holder.id())).expect("the holder's namespace");
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("setns");
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The process that holds the namespaces.
    pub(crate) fn pid(&self) -> u32 {
        self.holder.id()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Closing its standard input would end it too; the kill makes the wait certain.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
