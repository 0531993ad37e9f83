//! The rows: one piece of work each, timed through the engine's own command line. Milliseconds unless a row says else.

use std::time::Instant;

use super::bulk;
use super::engine::Engine;
use super::memory;

/// One row of the table.
pub(crate) struct Row {
    /// What is done.
    pub(crate) name: &'static str,
    /// The goal for Hythe (docs/benchmarks.md tells where it comes from).
    pub(crate) goal: &'static str,
    /// Does it once and returns the figure.
    pub(crate) work: fn(&Engine) -> Result<f64, String>,
    /// Only with `--full`.
    pub(crate) long: bool,
    /// Slow or steady enough that a fifth of the runs will do.
    pub(crate) once: bool,
    /// Takes away what the runs of this row share.
    pub(crate) cleanup: Option<Cleanup>,
    /// Why it cannot be measured yet.
    pub(crate) missing: Option<&'static str>,
}

/// Takes away what the runs of a row share.
type Cleanup = fn(&Engine) -> Result<(), String>;

pub(crate) const IMAGE: &str = "busybox:latest";
const MANY: usize = 40;
const CLIENTS: usize = 8;
/// The first start makes 100 MB of lines, 72 bytes each with the newline, every later one prints them: what is measured
/// is to be the engine's work, not that of the program that thinks up the lines.
const LOG_LINES: &str = "[ -e /lines ] && exec cat /lines; \
    yes 01234567890123456789012345678901234567890123456789012345678901234567890 | head -c 100000000 >/lines";

const fn row(name: &'static str, goal: &'static str, work: fn(&Engine) -> Result<f64, String>) -> Row {
    Row { name, goal, work, long: false, once: false, cleanup: None, missing: None }
}

const fn slow(name: &'static str, goal: &'static str, work: fn(&Engine) -> Result<f64, String>) -> Row {
    Row { name, goal, work, long: false, once: true, cleanup: None, missing: None }
}

const fn missing(name: &'static str, goal: &'static str, reason: &'static str) -> Row {
    Row {
        name,
        goal,
        work: |_| Err(String::new()),
        long: false,
        once: true,
        cleanup: None,
        missing: Some(reason),
    }
}

/// All rows in the order they are printed.
pub(crate) fn all() -> Vec<Row> {
    vec![
        // First: what the engine holds that has nothing to do yet.
        slow("engine processes, idle, PSS (MB)", "≤ 15 MB", idle_memory),
        row("`run --rm` busybox true, bridge", "≤ 12 ms, ≥ 20×", |e| {
            e.time(&["run", "--rm", IMAGE, "true"])
        }),
        row("the same, `--network none`", "≤ 9 ms, ≥ 20×", |e| {
            e.time(&["run", "--rm", "--network", "none", IMAGE, "true"])
        }),
        row("the same, `--network host`", "≤ 9 ms, ≥ 20×", |e| {
            e.time(&["run", "--rm", "--network", "host", IMAGE, "true"])
        }),
        row("`run -d -p 127.0.0.1::80`", "≤ 12 ms, ≥ 15×", run_published),
        row("`exec C true`", "≤ 5 ms, ≥ 20×", exec),
        row("client start (`version`)", "≤ 3 ms, ≥ 15×", |e| e.time(&["version"])),
        slow("40 detached starts by 8 clients, each", "≤ 5 ms, ≥ 18×", burst),
        slow("`rm -f` of 40 running, each", "≤ 2.5 ms, ≥ 30×", remove_many),
        slow("`ps`, 40 running", "≤ 3 ms, ≥ 15×", list_many),
        slow("100 MB of 72-byte lines to stdout, logged", "≤ 350 ms, ≥ 15×", write_logs),
        slow("`logs` of those 100 MB", "≤ 250 ms, ≥ 40×", read_logs),
        missing("build, 12 steps, no cache", "≤ 250 ms, ≥ 10×", "no builder yet"),
        Row {
            long: true, ..slow("`run -d` with 1,000 published ports", "≤ 100 ms, ≥ 400×", thousand_ports)
        },
        Row { long: true, ..slow("pull one layer of 1.3 GB from loopback", "≤ 5 s, ≥ 3×", bulk::pull) },
        Row {
            long: true,
            cleanup: Some(bulk::forget_list),
            ..slow("`ps -a` of 1,000 containers", "≤ 4 ms", bulk::list)
        },
        Row {
            long: true,
            cleanup: Some(bulk::forget_tail),
            ..slow("`logs --tail 100` of 1 GB", "≤ 5 ms", bulk::tail)
        },
        slow("per running container, engine side, PSS (MB)", "≤ 0.5 MB", container_memory),
        slow("installed programs (MB)", "≤ 40 MB", installed_size),
    ]
}

/// Starts a container that sleeps, under a name of this bench; returns the time it took.
fn start(engine: &Engine, name: &str, extra: &[&str]) -> Result<f64, String> {
    let mut args = vec!["run", "-d", "--name", name];
    args.extend_from_slice(extra);
    args.extend([IMAGE, "sleep", "1000000"]);
    engine.time(&args)
}

fn remove(engine: &Engine, names: &[String]) -> Result<f64, String> {
    let args: Vec<&str> = ["rm", "-f"].into_iter().chain(names.iter().map(String::as_str)).collect();
    engine.time(&args)
}

fn run_published(engine: &Engine) -> Result<f64, String> {
    let time = start(engine, "bench-port", &["-p", "127.0.0.1::80"]);
    remove(engine, &["bench-port".to_owned()])?;
    time
}

fn exec(engine: &Engine) -> Result<f64, String> {
    // One container serves all the runs of this row; the next row's `rm` of everything takes it away.
    if engine.output(&["inspect", "bench-exec"]).is_err() {
        start(engine, "bench-exec", &[])?;
    }
    engine.time(&["exec", "bench-exec", "true"])
}

/// Starts [`MANY`] containers from [`CLIENTS`] clients at once; returns milliseconds a container.
fn start_many(engine: &Engine) -> Result<f64, String> {
    let begin = Instant::now();
    let results: Vec<Result<(), String>> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn(move || {
                    (client..MANY)
                        .step_by(CLIENTS)
                        .try_for_each(|n| start(engine, &format!("bench-{n}"), &[]).map(|_| ()))
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap_or_else(|_| Err("a client died".to_owned())))
            .collect()
    });
    let each = begin.elapsed().as_secs_f64() * 1000.0 / MANY as f64;
    results.into_iter().collect::<Result<(), String>>().map(|()| each)
}

fn many() -> Vec<String> {
    (0..MANY).map(|n| format!("bench-{n}")).collect()
}

fn burst(engine: &Engine) -> Result<f64, String> {
    let each = start_many(engine);
    remove(engine, &many())?;
    each
}

fn remove_many(engine: &Engine) -> Result<f64, String> {
    start_many(engine)?;
    remove(engine, &many()).map(|total| total / MANY as f64)
}

fn list_many(engine: &Engine) -> Result<f64, String> {
    start_many(engine)?;
    let time = engine.time(&["ps"]);
    remove(engine, &many())?;
    time
}

fn write_logs(engine: &Engine) -> Result<f64, String> {
    let time = logged(engine).map(|(write, _)| write);
    engine.time(&["rm", "-f", "bench-log"])?;
    time
}

fn read_logs(engine: &Engine) -> Result<f64, String> {
    let time = logged(engine).map(|(_, read)| read);
    engine.time(&["rm", "-f", "bench-log"])?;
    time
}

/// Has a container print [`LOG_LINES`] and reads them back; returns the two times.
fn logged(engine: &Engine) -> Result<(f64, f64), String> {
    // Docker keeps everything by default; Hythe is told to, so that both write and read the same 100 MB.
    let options = ["run", "-d", "--name", "bench-log", "--log-opt", "max-size=1g"];
    let args: Vec<&str> = options.into_iter().chain([IMAGE, "sh", "-c", LOG_LINES]).collect();
    engine.time(&args)?;
    engine.time(&["wait", "bench-log"])?;
    let write = engine.time(&["start", "bench-log"])? + engine.time(&["wait", "bench-log"])?;
    Ok((write, engine.time(&["logs", "bench-log"])?))
}

fn thousand_ports(engine: &Engine) -> Result<f64, String> {
    let time = start(engine, "bench-port", &["-p", "127.0.0.1:20000-20999:20000-20999"]);
    remove(engine, &["bench-port".to_owned()])?;
    time
}

fn idle_memory(engine: &Engine) -> Result<f64, String> {
    match engine.daemon_pid() {
        Some(pid) => Ok(memory::pss(pid)),
        None if engine.idle_processes.is_empty() => Ok(0.0),
        None => Ok(memory::pss_of(engine.idle_processes)),
    }
}

fn container_memory(engine: &Engine) -> Result<f64, String> {
    let all = || {
        engine.daemon_pid().map_or_else(|| memory::pss_of(engine.idle_processes), memory::pss)
            + memory::pss_of(engine.container_processes)
    };
    let before = all();
    start_many(engine)?;
    let after = all();
    remove(engine, &many())?;
    Ok((after - before) / MANY as f64)
}

fn installed_size(engine: &Engine) -> Result<f64, String> {
    if engine.files.is_empty() {
        return Err("see its package".to_owned());
    }
    let sizes = engine.files.iter().map(|file| std::fs::metadata(file).map(|data| data.len() as f64));
    sizes.sum::<Result<f64, _>>().map(|bytes| bytes / 1e6).map_err(|error| error.to_string())
}
