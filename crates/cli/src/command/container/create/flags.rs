//! The flags of `run` and `create`, which differ in a few.

use crate::command::container::limits;
use crate::flag::{Flag, NONE, boolean, many, single, text};
use crate::opts::{
    attach, device, duration, env, gpus, host, label, link, mount, network, number, size, throttle, ulimit,
};

/// Flags of `create`.
pub(crate) static CREATE_FLAGS: &[Flag] = &joined::<104>(OF_CREATE);

/// Flags of `run`.
pub(crate) static RUN_FLAGS: &[Flag] = &joined::<107>(OF_RUN);

const fn joined<const COUNT: usize>(more: &[Flag]) -> [Flag; COUNT] {
    assert!(COUNT == COMMON.len() + more.len(), "the count is that of both tables together");
    let mut flags = [COMMON[0]; COUNT];
    let mut at = 0;
    while at < COUNT {
        flags[at] = if at < COMMON.len() { COMMON[at] } else { more[at - COMMON.len()] };
        at += 1;
    }
    flags
}

const OF_CREATE: &[Flag] = &[text(
    "pull",
    NONE,
    "Pull image before creating (\"always\", \"|missing\", \"never\") (default \"missing\")",
)
.default("missing")];

const OF_RUN: &[Flag] = &[
    boolean("detach", 'd', "Run container in background and print container ID"),
    text("detach-keys", NONE, "Override the key sequence for detaching a container"),
    text(
        "pull",
        NONE,
        "Pull image before running (\"always\", \"missing\", \"never\") (default \"missing\")",
    )
    .default("missing"),
    boolean("sig-proxy", NONE, "Proxy received signals to the process (default true)").default("true"),
];

const COMMON: &[Flag] = &[
    boolean("help", NONE, "Print usage"),
    many("add-host", NONE, "list", Some(host::check), "Add a custom host-to-IP mapping (host:ip)"),
    many(
        "annotation",
        NONE,
        "map",
        None,
        "Add an annotation to the container (passed through to the OCI runtime) (default map[])",
    ),
    many("attach", 'a', "list", Some(attach::check), "Attach to STDIN, STDOUT or STDERR"),
    limits::BLKIO_WEIGHT,
    many(
        "blkio-weight-device",
        NONE,
        "list",
        Some(throttle::check_weight),
        "Block IO weight (relative device weight) (default [])",
    ),
    many("cap-add", NONE, "list", None, "Add Linux capabilities"),
    many("cap-drop", NONE, "list", None, "Drop Linux capabilities"),
    text("cgroup-parent", NONE, "Optional parent cgroup for the container"),
    text(
        "cgroupns",
        NONE,
        "Cgroup namespace to use (host|private)\n'host':    Run the container in the Docker host's cgroup namespace\n'private': Run the container in its own private cgroup namespace\n'':        Use the cgroup namespace as configured by the\n           default-cgroupns-mode option on the daemon (default)",
    ),
    text("cidfile", NONE, "Write the container ID to the file"),
    limits::CPU_PERIOD,
    limits::CPU_QUOTA,
    single(
        "cpu-rt-period",
        NONE,
        "int",
        Some(number::check_int),
        "Limit CPU real-time period in microseconds",
    ),
    single(
        "cpu-rt-runtime",
        NONE,
        "int",
        Some(number::check_int),
        "Limit CPU real-time runtime in microseconds",
    ),
    limits::CPU_SHARES,
    limits::CPUS,
    limits::CPUSET_CPUS,
    limits::CPUSET_MEMS,
    many("device", NONE, "list", None, "Add a host device to the container"),
    many(
        "device-cgroup-rule",
        NONE,
        "list",
        Some(device::check_rule),
        "Add a rule to the cgroup allowed devices list",
    ),
    many(
        "device-read-bps",
        NONE,
        "list",
        Some(throttle::check_bps),
        "Limit read rate (bytes per second) from a device (default [])",
    ),
    many(
        "device-read-iops",
        NONE,
        "list",
        Some(throttle::check_iops),
        "Limit read rate (IO per second) from a device (default [])",
    ),
    many(
        "device-write-bps",
        NONE,
        "list",
        Some(throttle::check_bps),
        "Limit write rate (bytes per second) to a device (default [])",
    ),
    many(
        "device-write-iops",
        NONE,
        "list",
        Some(throttle::check_iops),
        "Limit write rate (IO per second) to a device (default [])",
    ),
    boolean("disable-content-trust", NONE, "Skip image verification (default true)").default("true"),
    many("dns", NONE, "list", Some(host::check_ip), "Set custom DNS servers"),
    many("dns-option", NONE, "list", None, "Set DNS options"),
    many("dns-search", NONE, "list", Some(host::check_domain), "Set custom DNS search domains"),
    text("domainname", NONE, "Container NIS domain name"),
    text("entrypoint", NONE, "Overwrite the default ENTRYPOINT of the image"),
    many("env", 'e', "list", Some(env::check), "Set environment variables"),
    many("env-file", NONE, "list", None, "Read in a file of environment variables"),
    many("expose", NONE, "list", None, "Expose a port or a range of ports"),
    single(
        "gpus",
        NONE,
        "gpu-request",
        Some(gpus::check),
        "GPU devices to add to the container ('all' to pass all GPUs)",
    ),
    many("group-add", NONE, "list", None, "Add additional groups to join"),
    text("health-cmd", NONE, "Command to run to check health"),
    single(
        "health-interval",
        NONE,
        "duration",
        Some(duration::check),
        "Time between running the check (ms|s|m|h) (default 0s)",
    ),
    single(
        "health-retries",
        NONE,
        "int",
        Some(number::check_int),
        "Consecutive failures needed to report unhealthy",
    ),
    single(
        "health-start-interval",
        NONE,
        "duration",
        Some(duration::check),
        "Time between running the check during the start period (ms|s|m|h) (default 0s)",
    ),
    single(
        "health-start-period",
        NONE,
        "duration",
        Some(duration::check),
        "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)",
    ),
    single(
        "health-timeout",
        NONE,
        "duration",
        Some(duration::check),
        "Maximum time to allow one check to run (ms|s|m|h) (default 0s)",
    ),
    text("hostname", 'h', "Container host name"),
    boolean("init", NONE, "Run an init inside the container that forwards signals and reaps processes"),
    boolean("interactive", 'i', "Keep STDIN open even if not attached"),
    text("ip", NONE, "IPv4 address (e.g., 172.30.100.104)"),
    text("ip6", NONE, "IPv6 address (e.g., 2001:db8::33)"),
    text("ipc", NONE, "IPC mode to use"),
    text("isolation", NONE, "Container isolation technology"),
    single("kernel-memory", NONE, "bytes", Some(size::check), "Kernel memory limit"),
    many("label", 'l', "list", Some(label::check), "Set meta data on a container"),
    many("label-file", NONE, "list", None, "Read in a line delimited file of labels"),
    many("link", NONE, "list", Some(link::check), "Add link to another container"),
    many("link-local-ip", NONE, "list", None, "Container IPv4/IPv6 link-local addresses"),
    text("log-driver", NONE, "Logging driver for the container"),
    many("log-opt", NONE, "list", None, "Log driver options"),
    text("mac-address", NONE, "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
    limits::MEMORY,
    limits::MEMORY_RESERVATION,
    single(
        "memory-swap",
        NONE,
        "bytes",
        Some(size::check_swap),
        "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
    ),
    single(
        "memory-swappiness",
        NONE,
        "int",
        Some(number::check_int),
        "Tune container memory swappiness (0 to 100) (default -1)",
    )
    .default("-1"),
    many("mount", NONE, "mount", Some(mount::check), "Attach a filesystem mount to the container"),
    text("name", NONE, "Assign a name to the container"),
    many("network", NONE, "network", Some(network::check), "Connect a container to a network"),
    many("network-alias", NONE, "list", None, "Add network-scoped alias for the container"),
    boolean("no-healthcheck", NONE, "Disable any container-specified HEALTHCHECK"),
    boolean("oom-kill-disable", NONE, "Disable OOM Killer"),
    single(
        "oom-score-adj",
        NONE,
        "int",
        Some(number::check_int),
        "Tune host's OOM preferences (-1000 to 1000)",
    ),
    text("pid", NONE, "PID namespace to use"),
    limits::PIDS_LIMIT,
    text("platform", NONE, "Set platform if server is multi-platform capable"),
    boolean("privileged", NONE, "Give extended privileges to this container"),
    many("publish", 'p', "list", None, "Publish a container's port(s) to the host"),
    boolean("publish-all", 'P', "Publish all exposed ports to random ports"),
    boolean("quiet", 'q', "Suppress the pull output"),
    boolean("read-only", NONE, "Mount the container's root filesystem as read only"),
    text("restart", NONE, "Restart policy to apply when a container exits (default \"no\")").default("no"),
    boolean(
        "rm",
        NONE,
        "Automatically remove the container and its associated anonymous volumes when it exits",
    ),
    text("runtime", NONE, "Runtime to use for this container"),
    many("security-opt", NONE, "list", None, "Security Options"),
    single("shm-size", NONE, "bytes", Some(size::check), "Size of /dev/shm"),
    text("stop-signal", NONE, "Signal to stop the container"),
    single("stop-timeout", NONE, "int", Some(number::check_int), "Timeout (in seconds) to stop a container"),
    many("storage-opt", NONE, "list", None, "Storage driver options for the container"),
    many("sysctl", NONE, "map", Some(label::check_sysctl), "Sysctl options (default map[])"),
    many("tmpfs", NONE, "list", None, "Mount a tmpfs directory"),
    boolean("tty", 't', "Allocate a pseudo-TTY"),
    many("ulimit", NONE, "ulimit", Some(ulimit::check), "Ulimit options (default [])"),
    boolean("use-api-socket", NONE, "Bind mount Docker API socket and required auth"),
    text("user", 'u', "Username or UID (format: <name|uid>[:<group|gid>])"),
    text("userns", NONE, "User namespace to use"),
    text("uts", NONE, "UTS namespace to use"),
    many("volume", 'v', "list", None, "Bind mount a volume"),
    text("volume-driver", NONE, "Optional volume driver for the container"),
    many("volumes-from", NONE, "list", None, "Mount volumes from the specified container(s)"),
    text("workdir", 'w', "Working directory inside the container"),
    many("dns-opt", NONE, "list", None, "").hide(),
    many("net", NONE, "network", Some(network::check), "").hide(),
    many("net-alias", NONE, "list", None, "").hide(),
    single("cpu-count", NONE, "int", Some(number::check_int), "CPU count (Windows only)").hide(),
    single("cpu-percent", NONE, "int", Some(number::check_int), "CPU percent (Windows only)").hide(),
    single(
        "io-maxbandwidth",
        NONE,
        "bytes",
        Some(size::check),
        "Maximum IO bandwidth limit for the system drive (Windows only)",
    )
    .hide(),
    single(
        "io-maxiops",
        NONE,
        "uint",
        Some(number::check_uint64),
        "Maximum IOps limit for the system drive (Windows only)",
    )
    .hide(),
];
