//! The rows about large things: a large layer pulled, a large log, many containers.

use std::cell::OnceCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::engine::Engine;

/// Where the registry listens, on the loopback of each engine's own network namespace.
const REGISTRY: &str = "127.0.0.1:5900";
/// Half of the layer is random, half of it text that deflates to little: 1.3 GB that come as some 0.6 GB of gzip.
const LAYER_FILES: usize = 100;
const LAYER_FILE: usize = 13_000_000;
const CONTAINERS: usize = 1000;

thread_local! {
    /// The registry's directory with the layer in it, made once by the first engine that has to pull.
    static STORAGE: OnceCell<Result<tempfile::TempDir, String>> = const { OnceCell::new() };
}

/// Pulls the large layer from a registry on loopback; milliseconds.
pub(crate) fn pull(engine: &Engine) -> Result<f64, String> {
    STORAGE.with(|storage| {
        let dir = storage.get_or_init(|| fill(engine)).as_ref().map_err(Clone::clone)?;
        let _registry = Registry::start(engine, dir.path())?;
        let image = format!("{REGISTRY}/large:latest");
        let time = engine.time(&["pull", &image])?;
        engine.time(&["rmi", "-f", &image])?;
        Ok(time)
    })
}

/// `ps -a` of [`CONTAINERS`] containers that were made and never started; milliseconds.
pub(crate) fn list(engine: &Engine) -> Result<f64, String> {
    if engine.output(&["ps", "-aq"])?.lines().count() < CONTAINERS {
        for n in 0..CONTAINERS {
            engine.time(&["create", "--name", &format!("bench-many-{n}"), super::rows::IMAGE, "true"])?;
        }
    }
    engine.time(&["ps", "-a"])
}

/// Removes what [`list`] made.
pub(crate) fn forget_list(engine: &Engine) -> Result<(), String> {
    let names: Vec<String> = (0..CONTAINERS).map(|n| format!("bench-many-{n}")).collect();
    let args: Vec<&str> = ["rm", "-f"].into_iter().chain(names.iter().map(String::as_str)).collect();
    engine.time(&args).map(drop)
}

/// `logs --tail 100` of a log of 1 GB; milliseconds.
pub(crate) fn tail(engine: &Engine) -> Result<f64, String> {
    if engine.output(&["inspect", "bench-large-log"]).is_err() {
        let program =
            "yes 0123456789012345678901234567890123456789012345678901234567890123456789 | head -c 1000000000";
        let options = ["run", "-d", "--name", "bench-large-log", "--log-opt", "max-size=9g"];
        let args: Vec<&str> = options.into_iter().chain([super::rows::IMAGE, "sh", "-c", program]).collect();
        engine.time(&args)?;
        engine.time(&["wait", "bench-large-log"])?;
    }
    engine.time(&["logs", "--tail", "100", "bench-large-log"])
}

/// Removes what [`tail`] made.
pub(crate) fn forget_tail(engine: &Engine) -> Result<(), String> {
    engine.time(&["rm", "-f", "bench-large-log"]).map(drop)
}

/// A registry in an engine's network namespace; it ends with the value.
struct Registry(Child);

impl Registry {
    fn start(engine: &Engine, storage: &Path) -> Result<Self, String> {
        let config = storage.join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{REGISTRY}\"}}\n",
            storage.join("data").display()
        );
        std::fs::write(&config, text).map_err(|error| format!("write {}: {error}", config.display()))?;
        let holder = engine.network_holder().ok_or("no network namespace is known")?.to_string();
        let mut server = Command::new("nsenter")
            .args(["-t", &holder, "-n", "docker-registry", "serve"])
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("start docker-registry: {error}"))?;
        let said = server.stderr.take().ok_or("docker-registry has no standard error")?;
        let registry = Self(server);
        let mut lines = BufReader::new(said).lines();
        if !lines.by_ref().map_while(Result::ok).any(|line| line.contains("listening on")) {
            return Err("docker-registry did not start".to_owned());
        }
        // It goes on to print a line a request: somebody has to read them.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Makes the large image with this engine and pushes it into a registry's directory.
fn fill(engine: &Engine) -> Result<tempfile::TempDir, String> {
    let failed = |error: std::io::Error| format!("make the large layer: {error}");
    let dir = tempfile::tempdir().map_err(failed)?;
    let root = dir.path().join("root");
    std::fs::create_dir(&root).map_err(failed)?;
    let mut random = std::fs::File::open("/dev/urandom").map_err(failed)?;
    let text = b"the quick brown fox jumps over the lazy dog and comes back by another way\n";
    for n in 0..LAYER_FILES {
        let mut file = std::fs::File::create(root.join(format!("file-{n}"))).map_err(failed)?;
        if n % 2 == 0 {
            let mut source = std::io::Read::take(&mut random, LAYER_FILE as u64);
            std::io::copy(&mut source, &mut file).map_err(failed)?;
        } else {
            let bytes: Vec<u8> = text.iter().copied().cycle().take(LAYER_FILE).collect();
            file.write_all(&bytes).map_err(failed)?;
        }
    }
    let image = format!("{REGISTRY}/large:latest");
    let archive = dir.path().join("root.tar");
    let packed = Command::new("tar")
        .arg("-cf")
        .arg(&archive)
        .arg("-C")
        .arg(&root)
        .arg(".")
        .status()
        .map_err(failed)?;
    if !packed.success() {
        return Err("tar failed".to_owned());
    }
    engine.time(&["import", &archive.display().to_string(), &image])?;
    std::fs::remove_dir_all(&root).and_then(|()| std::fs::remove_file(&archive)).map_err(failed)?;
    let registry = Registry::start(engine, dir.path())?;
    engine.time(&["push", &image])?;
    drop(registry);
    engine.time(&["rmi", "-f", &image])?;
    Ok(dir)
}
