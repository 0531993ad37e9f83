//! What this machine is: kernel, memory, control groups, security modules. Read anew for each `info`, from `/proc`.

use std::fs;
use std::path::Path;

/// A look at the machine.
pub(super) struct Host {
    pub(super) name: String,
    pub(super) kernel: String,
    pub(super) machine: String,
    pub(super) operating_system: String,
    pub(super) os_version: String,
    pub(super) cpus: i64,
    pub(super) memory: i64,
    pub(super) ipv4_forwarding: bool,
    pub(super) open_files: i64,
    pub(super) threads: i64,
    pub(super) security_options: Vec<String>,
    pub(super) controllers: Controllers,
}

/// Which limits the kernel can enforce.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Controllers {
    pub(super) unified: bool,
    pub(super) memory: bool,
    pub(super) swap: bool,
    pub(super) kernel_memory_tcp: bool,
    pub(super) oom_kill_disable: bool,
    pub(super) cpu: bool,
    pub(super) cpuset: bool,
    pub(super) pids: bool,
}

impl Host {
    pub(super) fn look(userns: bool) -> Self {
        let (kernel, machine) = kernel();
        let (operating_system, os_version) = os_release(&read("/etc/os-release"));
        let entries = |path| fs::read_dir(path).map_or(0, |dir| i64::try_from(dir.count()).unwrap_or(0));
        Self {
            name: read("/proc/sys/kernel/hostname").trim().to_owned(),
            kernel,
            machine,
            operating_system,
            os_version,
            cpus: std::thread::available_parallelism().map_or(1, |n| i64::try_from(n.get()).unwrap_or(1)),
            memory: memory(&read("/proc/meminfo")),
            ipv4_forwarding: read("/proc/sys/net/ipv4/ip_forward").trim() == "1",
            open_files: entries("/proc/self/fd"),
            threads: entries("/proc/self/task"),
            security_options: security_options(userns),
            controllers: Controllers::look(),
        }
    }
}

impl Controllers {
    fn look() -> Self {
        let root = Path::new("/sys/fs/cgroup");
        let has = |path: &str| root.join(path).exists();
        if let Ok(list) = fs::read_to_string(root.join("cgroup.controllers")) {
            let on = |name: &str| list.split_whitespace().any(|controller| controller == name);
            let (memory, cpu) = (on("memory"), on("cpu"));
            return Self {
                unified: true,
                memory,
                swap: memory,
                cpu,
                cpuset: on("cpuset"),
                pids: on("pids"),
                ..Self::default()
            };
        }
        Self {
            unified: false,
            memory: has("memory/memory.limit_in_bytes"),
            swap: has("memory/memory.memsw.limit_in_bytes"),
            kernel_memory_tcp: has("memory/memory.kmem.tcp.limit_in_bytes"),
            oom_kill_disable: has("memory/memory.oom_control"),
            cpu: has("cpu/cpu.shares"),
            cpuset: has("cpuset/cpuset.cpus"),
            pids: has("pids/cgroup.procs"),
        }
    }
}

/// The kernel's release and the machine's name.
pub(super) fn kernel() -> (String, String) {
    let uname = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    (text(uname.release()), text(uname.machine()))
}

/// The architecture by its name in image platforms.
pub(super) fn go_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The name Docker has for the file system under a path.
pub(super) fn file_system(path: &Path) -> &'static str {
    let Ok(stat) = rustix::fs::statfs(path) else { return "<unknown>" };
    match stat.f_type {
        0xef53 => "extfs",
        0x5846_5342 => "xfs",
        0x9123_683e => "btrfs",
        0x0102_1994 => "tmpfs",
        0x794c_7630 => "overlayfs",
        0x2fc1_2fc1 => "zfs",
        0xf2f5_2010 => "f2fs",
        _ => "<unknown>",
    }
}

fn security_options(userns: bool) -> Vec<String> {
    let mut options = Vec::new();
    if read("/sys/module/apparmor/parameters/enabled").trim() == "Y" {
        options.push("name=apparmor".to_owned());
    }
    options.push("name=seccomp,profile=builtin".to_owned());
    if userns {
        options.push("name=userns".to_owned());
    }
    if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        options.push("name=cgroupns".to_owned());
    }
    options
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn memory(meminfo: &str) -> i64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<i64>().ok());
    kibibytes.map_or(0, |n| n * 1024)
}

fn os_release(text: &str) -> (String, String) {
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(|value| value.trim_matches('"').to_owned())
    };
    (value("PRETTY_NAME").unwrap_or_else(|| "Linux".to_owned()), value("VERSION_ID").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_read() {
        assert_eq!(memory("MemTotal:       24683656 kB\nMemFree: 1 kB\n"), 24_683_656 * 1024);
        assert_eq!(memory(""), 0);
        let release = "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12\"\nVERSION_ID=\"12\"\n";
        assert_eq!(os_release(release), ("Debian GNU/Linux 12".to_owned(), "12".to_owned()));
        assert_eq!(os_release(""), ("Linux".to_owned(), String::new()));
    }

    #[test]
    fn this_machine_has_a_kernel_and_memory() {
        let host = Host::look(false);
        assert!(!host.kernel.is_empty() && !host.machine.is_empty() && host.memory > 0 && host.cpus > 0);
    }
}
