//! Health checks: when the next probe is due, what a result means, and running one (semantics 58 and 59).
//!
//! A probe is an exec whose output goes to a socket of ours. Each probe has a thread for as long as it runs; between
//! probes there is only a timer. Results change [`Health`] under the container's `live` lock; the rules in it are pure.

use std::collections::VecDeque;
use std::io::Read;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::Time;
use api::container::{HealthConfig, HealthcheckResult};

use super::record::Record;
use super::shared::{Container, Shared};
use super::signal;
use super::state::Phase;
use crate::exec::Exec;
use crate::metrics;
use crate::timers::{Timer, Timers};

/// How many results are kept.
const RESULTS: usize = 5;
/// How many bytes of a probe's output are kept.
const OUTPUT: usize = 4096;
/// How long a killed probe may take to be gone.
const KILL_PATIENCE: Duration = Duration::from_secs(5);

/// What Docker calls a container's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Status {
    /// There is no health check.
    #[default]
    None,
    Starting,
    Healthy,
    Unhealthy,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// The health of one container.
#[derive(Default)]
pub(crate) struct Health {
    status: Status,
    streak: i64,
    results: VecDeque<HealthcheckResult>,
    timer: Option<Timer>,
    since: Option<Instant>,
    /// Grows with each run, so that a late result of an earlier one is recognised.
    run: u64,
}

/// The probe with its defaults filled in.
#[derive(Debug, Clone, PartialEq)]
struct Check {
    line: Vec<String>,
    interval: Duration,
    timeout: Duration,
    start_period: Duration,
    start_interval: Duration,
    retries: i64,
}

impl Check {
    /// `None` without a health check.
    fn of(record: &Record) -> Option<Self> {
        let health = record.config.healthcheck.as_ref()?;
        let line = line(health, record)?;
        let or = |nanoseconds: i64, default: u64| match u64::try_from(nanoseconds) {
            Ok(nanoseconds) if nanoseconds > 0 => Duration::from_nanos(nanoseconds),
            _ => Duration::from_secs(default),
        };
        Some(Self {
            line,
            interval: or(health.interval, 30),
            timeout: or(health.timeout, 30),
            start_period: or(health.start_period, 0),
            start_interval: or(health.start_interval, 5),
            retries: if health.retries > 0 { health.retries } else { 3 },
        })
    }
}

fn line(health: &HealthConfig, record: &Record) -> Option<Vec<String>> {
    let test = health.test.as_deref().unwrap_or_default();
    let (kind, rest) = test.split_first()?;
    match kind.as_str() {
        "CMD" if !rest.is_empty() => Some(rest.to_vec()),
        "CMD-SHELL" => {
            let shell =
                record.config.shell.as_ref().map(|words| words.0.clone()).filter(|words| !words.is_empty());
            let mut line = shell.unwrap_or_else(|| vec!["/bin/sh".into(), "-c".into()]);
            line.push(rest.first()?.clone());
            Some(line)
        }
        _ => None,
    }
}

impl Health {
    /// For the status column and the `health` filter.
    pub(crate) fn word(&self) -> &'static str {
        self.status.word()
    }

    /// For `inspect`; `None` without a health check.
    pub(crate) fn wire(&self) -> Option<api::container::Health> {
        (self.status != Status::None).then(|| api::container::Health {
            status: self.word().into(),
            failing_streak: self.streak,
            log: Some(self.results.iter().cloned().collect()),
        })
    }

    /// The run is over: no more probes.
    pub(crate) fn stop(&mut self, timers: &Timers) {
        self.run += 1;
        if let Some(timer) = self.timer.take() {
            timers.cancel(timer);
        }
        if self.status != Status::None {
            self.status = Status::Unhealthy;
        }
    }

    /// The daemon goes: no more probes from this one; the container's health is not known to change.
    pub(crate) fn pause(&mut self, timers: &Timers) {
        self.run += 1;
        if let Some(timer) = self.timer.take() {
            timers.cancel(timer);
        }
    }

    /// Whether `run` is the present one.
    pub(crate) fn is_run(&self, run: u64) -> bool {
        self.run == run
    }

    fn starting(&self, check: &Check, now: Instant) -> bool {
        self.status == Status::Starting
            && self.since.is_some_and(|since| now.duration_since(since) < check.start_period)
    }

    fn delay(&self, check: &Check, now: Instant) -> Duration {
        if self.starting(check, now) { check.start_interval } else { check.interval }
    }

    /// Takes a result in; the new status, if it has changed.
    fn result(&mut self, result: HealthcheckResult, check: &Check, now: Instant) -> Option<Status> {
        let before = self.status;
        if result.exit_code == 0 {
            self.streak = 0;
            self.status = Status::Healthy;
        } else if !self.starting(check, now) {
            self.streak += 1;
            if self.streak >= check.retries {
                self.status = Status::Unhealthy;
            }
        }
        if self.results.len() == RESULTS {
            self.results.pop_front();
        }
        self.results.push_back(result);
        (self.status != before).then_some(self.status)
    }
}

impl Shared {
    /// A run has begun, at `since`: its first probe is due after one interval. As in Docker that is the start's interval
    /// only if the start period is not over by now.
    pub(crate) fn start_health(self: &Arc<Self>, container: &Arc<Container>, since: Instant) {
        let Some(check) = Check::of(&container.record()) else { return };
        {
            let mut live = container.live.lock();
            let run = live.health.run + 1;
            live.health = Health { status: Status::Starting, since: Some(since), run, ..Health::default() };
        }
        self.schedule(container, &check);
    }

    fn schedule(self: &Arc<Self>, container: &Arc<Container>, check: &Check) {
        let mut live = container.live.lock();
        let delay = live.health.delay(check, Instant::now());
        let run = live.health.run;
        let (shared, again, check) = (Arc::clone(self), Arc::clone(container), check.clone());
        let timer = self.timers.after_on_thread(delay, move || shared.probe(&again, &check, run));
        live.health.timer = Some(timer);
    }

    fn probe(self: &Arc<Self>, container: &Arc<Container>, check: &Check, run: u64) {
        if container.record().state.phase == Phase::Running {
            let result = self.run_probe(container, check);
            let mut live = container.live.lock();
            if live.health.run != run {
                return;
            }
            let changed = live.health.result(result, check, Instant::now());
            drop(live);
            if let Some(status) = changed {
                let record = container.record();
                self.tell(&record, &format!("health_status: {}", status.word()), &[]);
                if status == Status::Unhealthy && record.restarts_unhealthy() {
                    return self.end_unhealthy(container, run);
                }
            }
        }
        if container.live.lock().health.run == run {
            self.schedule(container, check);
        }
    }

    fn run_probe(self: &Arc<Self>, container: &Arc<Container>, check: &Check) -> HealthcheckResult {
        let start = Time::now();
        let (exit_code, output) = match self.probe_output(container, check) {
            Ok(done) => done,
            Err(text) => (-1, text),
        };
        metrics::count(&metrics::COUNTERS.probes);
        if exit_code != 0 {
            metrics::count(&metrics::COUNTERS.failed_probes);
        }
        HealthcheckResult { start, end: Time::now(), exit_code: exit_code.into(), output }
    }

    /// Exit code and output of one probe; the error is the text of the result.
    fn probe_output(
        self: &Arc<Self>,
        container: &Arc<Container>,
        check: &Check,
    ) -> Result<(i32, String), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let (ours, theirs) = UnixStream::pair().map_err(|error| text(&error))?;
        let end = ours.try_clone().map_err(|error| text(&error))?;
        let reader = std::thread::Builder::new().name("probe".into()).spawn(move || read_output(ours));
        let reader = reader.map_err(|error| text(&error))?;
        let request = api::exec::CreateRequest {
            cmd: Some(check.line.clone()),
            attach_stdout: true,
            attach_stderr: true,
            ..api::exec::CreateRequest::default()
        };
        let exec = Exec::new(Arc::clone(container), request, true);
        self.tell_exec(&exec, "exec_create", true, &[]);
        self.execs.lock().insert(exec.id.clone(), Arc::clone(&exec));
        let deadline = Instant::now() + check.timeout;
        let starting = metrics::COUNTERS.probe_starts.time();
        let started = self.run_exec(&exec, Some((theirs.into(), Vec::new())), None, false);
        drop(starting);
        let result = match started {
            Err(error) => Err(text(&error)),
            Ok(()) => match exec.wait(deadline) {
                Some(code) => Ok(code),
                None => {
                    if let Ok(handle) = container.handle() {
                        let _ = handle.exec_signal(&exec.id, signal::KILL);
                    }
                    exec.wait(Instant::now() + KILL_PATIENCE);
                    Err(format!("Health check exceeded timeout ({})", go_duration(check.timeout)))
                }
            },
        };
        self.execs.lock().remove(&exec.id);
        if result.is_err() {
            // What can still come from a probe that cannot even be killed is not waited for.
            let _ = end.shutdown(Shutdown::Both);
        }
        // The shim closes its end when the probe has ended, so this ends too.
        let output = reader.join().unwrap_or_default();
        match result {
            Ok(code) => Ok((code, output)),
            Err(text) if output.is_empty() => Err(text),
            Err(text) => Err(format!("{text}: {output}")),
        }
    }
}

/// The first [`OUTPUT`] bytes, and whether there were more in Docker's way; all is read, so that the probe never waits for
/// us.
fn read_output(mut stream: UnixStream) -> String {
    let (mut kept, mut all) = (Vec::new(), 0);
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(count) => {
                let room = OUTPUT.saturating_sub(kept.len());
                kept.extend_from_slice(&piece[..count.min(room)]);
                all += count;
            }
        }
    }
    let mut text = String::from_utf8_lossy(&kept).into_owned();
    if all > OUTPUT {
        text.push_str("...");
    }
    text
}

/// A duration as Go prints it, for whole seconds and milliseconds.
fn go_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    match (millis / 60_000, millis % 60_000) {
        (0, rest) if rest < 1000 => format!("{rest}ms"),
        (0, rest) => format!("{}s", rest as f64 / 1000.0),
        (minutes, rest) => format!("{minutes}m{}s", rest as f64 / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::spec::tests::record;

    fn check() -> Check {
        let mut record = record();
        record.config.healthcheck = Some(HealthConfig {
            test: Some(vec!["CMD-SHELL".into(), "true".into()]),
            start_period: 10_000_000_000,
            retries: 2,
            ..HealthConfig::default()
        });
        Check::of(&record).unwrap()
    }

    fn result(exit_code: i64) -> HealthcheckResult {
        HealthcheckResult { exit_code, ..HealthcheckResult::default() }
    }

    #[test]
    fn defaults_are_dockers() {
        let check = check();
        assert_eq!(check.line, ["/bin/sh", "-c", "true"]);
        assert_eq!((check.interval.as_secs(), check.timeout.as_secs()), (30, 30));
        assert_eq!((check.start_interval.as_secs(), check.retries), (5, 2));
        let mut none = record();
        for test in [&["NONE"][..], &["FOO"], &[], &["CMD"]] {
            let test = Some(test.iter().map(|word| (*word).to_owned()).collect());
            none.config.healthcheck = Some(HealthConfig { test, ..HealthConfig::default() });
            assert_eq!(Check::of(&none), None);
        }
    }

    #[test]
    fn failures_count_only_after_the_start_period_or_the_first_success() {
        let (check, now) = (check(), Instant::now());
        let mut health = Health { status: Status::Starting, since: Some(now), ..Health::default() };
        assert_eq!(health.delay(&check, now), Duration::from_secs(5));
        assert_eq!(health.result(result(1), &check, now), None);
        assert_eq!(health.streak, 0);
        assert_eq!(health.result(result(0), &check, now), Some(Status::Healthy));
        assert_eq!(health.delay(&check, now), Duration::from_secs(30));
        assert_eq!(health.result(result(1), &check, now), None);
        assert_eq!(health.result(result(-1), &check, now), Some(Status::Unhealthy));
        assert_eq!(health.streak, 2);
        assert_eq!(health.result(result(0), &check, now), Some(Status::Healthy));
        let late = now + Duration::from_secs(11);
        let mut health = Health { status: Status::Starting, since: Some(now), ..Health::default() };
        assert_eq!(health.result(result(1), &check, late), None);
        assert_eq!(health.result(result(1), &check, late), Some(Status::Unhealthy));
    }

    #[test]
    fn only_the_last_results_are_kept() {
        let (check, now) = (check(), Instant::now());
        let mut health = Health::default();
        for code in 0..9 {
            health.result(result(code), &check, now);
        }
        let codes: Vec<i64> =
            health.wire().unwrap().log.unwrap().iter().map(|result| result.exit_code).collect();
        assert_eq!(codes, [4, 5, 6, 7, 8]);
    }

    #[test]
    fn output_is_cut_and_says_so() {
        use std::io::Write as _;
        for (bytes, shown) in [(0, 0), (4096, 4096), (4097, 4099), (100_000, 4099)] {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            let writer = std::thread::spawn(move || theirs.write_all(&vec![b'x'; bytes]));
            let text = read_output(ours);
            writer.join().unwrap().unwrap();
            assert_eq!((text.len(), text.ends_with("...")), (shown, shown > 4096));
        }
    }

    #[test]
    fn durations_print_as_gos() {
        let table = [(30_000, "30s"), (1500, "1.5s"), (200, "200ms"), (90_000, "1m30s")];
        for (millis, text) in table {
            assert_eq!(go_duration(Duration::from_millis(millis)), text);
        }
    }
}
