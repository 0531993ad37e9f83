//! Figures about the engine in Prometheus' text format, under Docker's names where Docker has the thing.
//!
//! Counters are process-wide and start with the process, as such figures do; what is a state is read when it is asked
//! for.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::System;

/// Upper limits of the histograms' steps in milliseconds; Prometheus' usual ones, which Docker has too.
const STEPS: [u64; 11] = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

/// How long things took.
#[derive(Debug)]
pub(crate) struct Histogram {
    steps: [AtomicU64; STEPS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Histogram {
    const fn new() -> Self {
        Self {
            steps: [const { AtomicU64::new(0) }; STEPS.len()],
            count: AtomicU64::new(0),
            micros: AtomicU64::new(0),
        }
    }

    /// Counts the time until the value is dropped.
    pub(crate) fn time(&'static self) -> Timing {
        Timing { histogram: self, begin: Instant::now() }
    }

    fn observe(&self, micros: u64) {
        for (step, limit) in self.steps.iter().zip(STEPS) {
            if micros <= limit * 1000 {
                step.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    fn render(&self, out: &mut String, name: &str, label: &str) {
        let (open, comma) =
            if label.is_empty() { (String::new(), "") } else { (format!("{{{label}}}"), ",") };
        let number = |value: &AtomicU64| value.load(Ordering::Relaxed);
        for (step, limit) in self.steps.iter().zip(STEPS) {
            let limit = seconds(limit * 1000);
            let _ = writeln!(out, "{name}_bucket{{{label}{comma}le=\"{limit}\"}} {}", number(step));
        }
        let count = number(&self.count);
        let _ = writeln!(out, "{name}_bucket{{{label}{comma}le=\"+Inf\"}} {count}");
        let _ = writeln!(out, "{name}_sum{open} {}", seconds(number(&self.micros)));
        let _ = writeln!(out, "{name}_count{open} {count}");
    }
}

/// Microseconds as seconds, without trailing zeros.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A time being taken.
#[must_use]
pub(crate) struct Timing {
    histogram: &'static Histogram,
    begin: Instant,
}

impl Drop for Timing {
    fn drop(&mut self) {
        self.histogram.observe(u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
}

/// Everything that is counted.
pub(crate) struct Counters {
    pub(crate) changes: Histogram,
    pub(crate) commit: Histogram,
    pub(crate) create: Histogram,
    pub(crate) delete: Histogram,
    pub(crate) start: Histogram,
    pub(crate) allocate: Histogram,
    pub(crate) connect: Histogram,
    pub(crate) release: Histogram,
    pub(crate) image_delete: Histogram,
    pub(crate) image_export: Histogram,
    pub(crate) image_import: Histogram,
    pub(crate) image_load: Histogram,
    pub(crate) image_pull: Histogram,
    pub(crate) image_push: Histogram,
    pub(crate) info: Histogram,
    pub(crate) version: Histogram,
    pub(crate) probe_starts: Histogram,
    pub(crate) probes: AtomicU64,
    pub(crate) failed_probes: AtomicU64,
    pub(crate) events: AtomicU64,
}

/// The process's counters.
pub(crate) static COUNTERS: Counters = Counters {
    changes: Histogram::new(),
    commit: Histogram::new(),
    create: Histogram::new(),
    delete: Histogram::new(),
    start: Histogram::new(),
    allocate: Histogram::new(),
    connect: Histogram::new(),
    release: Histogram::new(),
    image_delete: Histogram::new(),
    image_export: Histogram::new(),
    image_import: Histogram::new(),
    image_load: Histogram::new(),
    image_pull: Histogram::new(),
    image_push: Histogram::new(),
    info: Histogram::new(),
    version: Histogram::new(),
    probe_starts: Histogram::new(),
    probes: AtomicU64::new(0),
    failed_probes: AtomicU64::new(0),
    events: AtomicU64::new(0),
};

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The head of a metric.
fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn single(out: &mut String, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
    head(out, name, kind, help);
    let _ = writeln!(out, "{name} {value}");
}

/// A label's value, as the format wants it.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

impl System {
    /// All figures, in Prometheus' text format.
    pub fn metrics(&self) -> String {
        let mut out = String::new();
        self.containers_figures(&mut out);
        actions_figures(&mut out);
        self.engine_figures(&mut out);
        process_figures(&mut out);
        out
    }

    fn containers_figures(&self, out: &mut String) {
        let counters = &COUNTERS;
        let name = "engine_daemon_container_actions_seconds";
        head(out, name, "histogram", "The number of seconds it takes to process each container action");
        for (action, histogram) in [
            ("changes", &counters.changes),
            ("commit", &counters.commit),
            ("create", &counters.create),
            ("delete", &counters.delete),
            ("start", &counters.start),
        ] {
            histogram.render(out, name, &format!("action=\"{action}\""));
        }
        let name = "engine_daemon_container_states_containers";
        head(out, name, "gauge", "The count of containers in various states");
        let counts = self.counts();
        for (state, count) in
            [("paused", counts.paused), ("running", counts.running), ("stopped", counts.stopped)]
        {
            let _ = writeln!(out, "{name}{{state=\"{state}\"}} {count}");
        }
        let name = "engine_daemon_health_check_start_duration_seconds";
        head(out, name, "histogram", "The number of seconds it takes to prepare to run health checks");
        counters.probe_starts.render(out, name, "");
        let number = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let name = "engine_daemon_health_checks_failed_total";
        single(
            out,
            name,
            "counter",
            "The total number of failed health checks",
            number(&counters.failed_probes),
        );
        let name = "engine_daemon_health_checks_total";
        single(out, name, "counter", "The total number of health checks", number(&counters.probes));
        let name = "engine_daemon_events_total";
        single(out, name, "counter", "The number of events logged", number(&counters.events));
    }

    fn engine_figures(&self, out: &mut String) {
        let (info, listeners) = (self.info(), self.listeners());
        let name = "engine_daemon_events_subscribers_total";
        single(out, name, "gauge", "The number of current subscribers to events", listeners);
        let name = "engine_daemon_engine_cpus_cpus";
        single(out, name, "gauge", "The number of cpus that the host system of the engine has", info.ncpu);
        let name = "engine_daemon_engine_memory_bytes";
        let help = "The number of bytes of memory that the host system of the engine has";
        single(out, name, "gauge", help, info.mem_total);
        let name = "engine_daemon_engine_info";
        head(out, name, "gauge", "The information related to the engine and the OS it is running on");
        let version = self.version();
        let labels = [
            ("architecture", &info.architecture),
            ("commit", &version.git_commit),
            ("daemon_id", &info.id),
            ("graphdriver", &info.driver),
            ("kernel", &info.kernel_version),
            ("os", &info.operating_system),
            ("os_type", &info.os_type),
            ("os_version", &info.os_version),
            ("version", &info.server_version),
        ];
        let labels: Vec<String> =
            labels.iter().map(|(key, text)| format!("{key}=\"{}\"", quoted(text))).collect();
        let _ = writeln!(out, "{name}{{{}}} 1", labels.join(","));
        let name = "engine_daemon_host_info_functions_seconds";
        head(
            out,
            name,
            "histogram",
            "The number of seconds it takes to call functions gathering info about the host",
        );
        COUNTERS.info.render(out, name, "function=\"system_info\"");
        COUNTERS.version.render(out, name, "function=\"system_version\"");
    }
}

/// How long what is done to networks and images takes.
fn actions_figures(out: &mut String) {
    let counters = &COUNTERS;
    let name = "engine_daemon_network_actions_seconds";
    head(out, name, "histogram", "The number of seconds it takes to process each network action");
    for (action, histogram) in
        [("allocate", &counters.allocate), ("connect", &counters.connect), ("release", &counters.release)]
    {
        histogram.render(out, name, &format!("action=\"{action}\""));
    }
    let name = "engine_daemon_image_actions_seconds";
    head(out, name, "histogram", "The number of seconds it takes to process each image action");
    for (action, histogram) in [
        ("delete", &counters.image_delete),
        ("export", &counters.image_export),
        ("import", &counters.image_import),
        ("load", &counters.image_load),
        ("pull", &counters.image_pull),
        ("push", &counters.image_push),
    ] {
        histogram.render(out, name, &format!("action=\"{action}\""));
    }
}

/// What every process tells, under the names of Prometheus' clients.
fn process_figures(out: &mut String) {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    let stat = read("stat");
    // The name in brackets may hold blanks; what is behind it does not.
    let fields: Vec<u64> = stat
        .rsplit_once(") ")
        .map(|(_, rest)| rest.split(' ').map(|field| field.trim().parse().unwrap_or(0)).collect())
        .unwrap_or_default();
    // proc_pid_stat(5), counted from the third field.
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0);
    // The kernel tells user space of hundredths of a second on every architecture that Docker runs on.
    let micros = |in_ticks: u64| in_ticks.saturating_mul(10_000);
    let status = read("status");
    let kilobytes = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    let boot = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let boot: u64 =
        boot.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok()).unwrap_or(0);
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(0);
    let started = seconds(boot.saturating_mul(1_000_000) + micros(field(22)));
    single(
        out,
        "process_cpu_seconds_total",
        "counter",
        "Total user and system CPU time spent in seconds.",
        seconds(micros(field(14) + field(15))),
    );
    single(out, "process_max_fds", "gauge", "Maximum number of open file descriptors.", limit);
    single(out, "process_open_fds", "gauge", "Number of open file descriptors.", open);
    let name = "process_resident_memory_bytes";
    single(out, name, "gauge", "Resident memory size in bytes.", kilobytes("VmRSS:") * 1024);
    let name = "process_start_time_seconds";
    single(out, name, "gauge", "Start time of the process since unix epoch in seconds.", started);
    single(out, "process_threads", "gauge", "Number of threads.", field(20));
    let name = "process_virtual_memory_bytes";
    single(out, name, "gauge", "Virtual memory size in bytes.", field(23));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_add_up() {
        static HISTOGRAM: Histogram = Histogram::new();
        for micros in [1000, 7000, 400_000, 20_000_000] {
            HISTOGRAM.observe(micros);
        }
        let mut out = String::new();
        HISTOGRAM.render(&mut out, "x_seconds", "action=\"a\"");
        for line in [
            "x_seconds_bucket{action=\"a\",le=\"0.005\"} 1",
            "x_seconds_bucket{action=\"a\",le=\"0.01\"} 2",
            "x_seconds_bucket{action=\"a\",le=\"0.5\"} 3",
            "x_seconds_bucket{action=\"a\",le=\"10\"} 3",
            "x_seconds_bucket{action=\"a\",le=\"+Inf\"} 4",
            "x_seconds_sum{action=\"a\"} 20.408",
            "x_seconds_count{action=\"a\"} 4",
        ] {
            assert!(out.lines().any(|have| have == line), "{line} in {out}");
        }
    }

    #[test]
    fn the_process_tells_of_itself() {
        let mut out = String::new();
        process_figures(&mut out);
        let value = |name: &str| -> f64 {
            let line = out.lines().find_map(|line| line.strip_prefix(&format!("{name} "))).unwrap();
            line.parse().unwrap()
        };
        assert!(value("process_resident_memory_bytes") > 1e5 && value("process_threads") >= 1.0);
        assert!(value("process_start_time_seconds") > 1.6e9 && value("process_open_fds") > 2.0);
    }
}
