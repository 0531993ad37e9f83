//! The daemon's configuration: flags and `daemon.json` merged, checked and typed.
//!
//! A setting stands in one of the two places, never in both, as with dockerd: whoever reads either must be able to trust
//! it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use errdefs::{Result, invalid};
use ipnet::Ipv4Net;

use crate::flags::{self, Use, Values};

mod checks;
mod file;
mod runtimes;

/// Where `daemon.json` is, unless said otherwise.
pub(crate) const FILE: &str = "/etc/hythe/daemon.json";

/// Everything the daemon can be told, with defaults filled in.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) hosts: Vec<String>,
    pub(crate) docker_socket: bool,
    pub(crate) group: String,
    pub(crate) data_root: PathBuf,
    pub(crate) exec_root: PathBuf,
    pub(crate) pidfile: Option<PathBuf>,
    pub(crate) shim: Option<PathBuf>,
    pub(crate) ready_fd: Option<i32>,
    pub(crate) log_level: String,
    pub(crate) log_json: bool,
    pub(crate) debug: bool,
    pub(crate) tls: Tls,
    pub(crate) network: network::Config,
    pub(crate) address_pools: Vec<(String, u8)>,
    pub(crate) registry: distribution::Config,
    pub(crate) insecure_registries: Vec<String>,
    pub(crate) containers: engine::container::Config,
    /// Whose ids containers have, as it was said.
    pub(crate) userns_remap: Option<String>,
    pub(crate) labels: Vec<String>,
    /// Where metrics are served.
    pub(crate) metrics_addr: Option<String>,
    /// The attributes of the event that tells of a reload.
    pub(crate) shown: api::StringMap,
    /// Flags that are known and do nothing here.
    pub(crate) ignored: Vec<&'static str>,
}

/// `--tls` and its files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tls {
    pub(crate) enabled: bool,
    /// Clients must have a certificate of the authority.
    pub(crate) verify: bool,
    pub(crate) ca: PathBuf,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// To run.
    Run(Box<Config>),
    /// Only to check the configuration.
    Validate,
    /// To take links and firewall rules away and to end: the engine is being uninstalled.
    CleanUp(Box<Config>),
    /// To print the version.
    Version,
    /// To print the flags.
    Help,
}

/// Reads a command line (without the program's name) and the file it names.
///
/// # Errors
/// InvalidParameter in dockerd's words for anything wrong in either.
pub(crate) fn read(args: impl IntoIterator<Item = String>) -> Result<Asked> {
    let given = flags::parse(args)?;
    let on = |name: &str| given.get(name).is_some_and(|values| values == &["true"]);
    if on("help") {
        return Ok(Asked::Help);
    }
    if on("version") {
        return Ok(Asked::Version);
    }
    let (validate, cleanup) = (on("validate"), on("cleanup"));
    let merged = file::merge(given)?;
    let config = typed(merged.values).map_err(|error| match (&merged.path, error) {
        (Some(path), Wrong::Setting(error)) => file::failed(
            path,
            &format!("merged configuration validation from file and command line flags failed: {error}"),
        ),
        (_, Wrong::Setting(error) | Wrong::Otherwise(error)) => error,
    })?;
    Ok(match (validate, cleanup) {
        (true, _) => Asked::Validate,
        (_, true) => Asked::CleanUp(Box::new(config)),
        _ => Asked::Run(Box::new(config)),
    })
}

/// What is wrong with the settings; dockerd says where it found the one kind and not the other.
enum Wrong {
    Setting(errdefs::Error),
    Otherwise(errdefs::Error),
}

impl From<errdefs::Error> for Wrong {
    fn from(error: errdefs::Error) -> Self {
        Self::Setting(error)
    }
}

/// Reads merged values one by one.
struct Reader(Values);

impl Reader {
    fn one(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .and_then(|values| values.last())
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str, default: &str) -> String {
        self.one(name).unwrap_or(default).to_owned()
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.one(name).map(PathBuf::from)
    }

    fn many(&self, name: &str) -> Vec<String> {
        self.0.get(name).cloned().unwrap_or_default()
    }

    fn bool(&self, name: &str, default: bool) -> Result<bool> {
        match self.one(name) {
            None => Ok(default),
            Some(text) => flags::boolean(text).ok_or_else(|| bad(name, text)),
        }
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>> {
        self.one(name).map(|text| text.parse().map_err(|_| bad(name, text))).transpose()
    }

    fn all_parsed<T: std::str::FromStr>(&self, name: &str) -> Result<Vec<T>> {
        self.many(name).iter().map(|text| text.parse().map_err(|_| bad(name, text))).collect()
    }
}

fn bad(name: &str, value: &str) -> errdefs::Error {
    invalid(format!("invalid argument {value:?} for \"--{name}\""))
}

fn typed(values: Values) -> Result<Config, Wrong> {
    let mut ignored = Vec::new();
    for flag in flags::TABLE.iter().filter(|flag| values.contains_key(flag.long)) {
        let off = values[flag.long] == ["false"];
        match flag.purpose {
            Use::Meant => {}
            Use::Ignored => ignored.push(flag.long),
            Use::Refused if off => {}
            Use::Refused => {
                let name = flag.long;
                return Err(Wrong::Otherwise(errdefs::not_implemented(format!(
                    "--{name} is not supported by this engine"
                ))));
            }
        }
    }
    let values = Reader(values);
    checks::settings(&values)?;
    let exec_root = values.path("exec-root").unwrap_or_else(|| "/run/hythe".into());
    let data_root = values.path("data-root").unwrap_or_else(|| "/var/lib/hythe".into());
    let debug = values.bool("debug", false)?;
    let log_level = if debug { "debug".to_owned() } else { values.text("log-level", "info") };
    if crate::log::level(&log_level).is_none() {
        return Err(invalid(format!("invalid logging level: {log_level}")).into());
    }
    let log_json = match values.text("log-format", "text").as_str() {
        "text" => false,
        "json" => true,
        other => return Err(invalid(format!("invalid log format: {other}")).into()),
    };
    let address_pools =
        values.many("default-address-pool").iter().map(|text| pool(text)).collect::<Result<Vec<_>>>()?;
    let containers = containers(&values, &data_root, &exec_root)?;
    let shown = checks::shown(&values, &containers)?;
    Ok(Config {
        hosts: values.many("host"),
        docker_socket: values.bool("docker-socket", false)?,
        group: values.text("group", "hythe"),
        userns_remap: values.one("userns-remap").map(str::to_owned),
        pidfile: values.path("pidfile"),
        shim: values.path("shim"),
        ready_fd: values.parsed("ready-fd")?,
        log_level,
        log_json,
        debug,
        tls: tls(&values)?,
        network: network_config(&values, &address_pools)?,
        registry: registry(&values)?,
        insecure_registries: values.many("insecure-registry"),
        containers,
        labels: labels(&values)?,
        metrics_addr: values.one("metrics-addr").map(str::to_owned),
        shown,
        address_pools,
        data_root,
        exec_root,
        ignored,
    })
}

/// `base=10.10.0.0/16,size=24`.
fn pool(text: &str) -> Result<(String, u8)> {
    let field =
        |name: &str| text.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let wrong = || invalid(format!("invalid default address pool: {text}"));
    let base = field("base").ok_or_else(wrong)?;
    let size = field("size").and_then(|size| size.parse().ok()).ok_or_else(wrong)?;
    let net: ipnet::IpNet = base.parse().map_err(|_| wrong())?;
    if size < net.prefix_len() || size > net.max_prefix_len() {
        return Err(wrong());
    }
    Ok((base.to_owned(), size))
}

/// `--tlsverify` implies `--tls`; files lie in `~/.docker` unless named.
fn tls(values: &Reader) -> Result<Tls> {
    let verify = values.bool("tlsverify", false)?;
    let enabled = verify || values.bool("tls", false)?;
    let dir = crate::environment("DOCKER_CERT_PATH").map_or_else(
        || PathBuf::from(crate::environment("HOME").unwrap_or_else(|| "/root".to_owned())).join(".docker"),
        PathBuf::from,
    );
    let file = |name: &str, default: &str| values.path(name).unwrap_or_else(|| dir.join(default));
    Ok(Tls {
        enabled,
        verify,
        ca: file("tlscacert", "ca.pem"),
        cert: file("tlscert", "cert.pem"),
        key: file("tlskey", "key.pem"),
    })
}

fn network_config(values: &Reader, pools: &[(String, u8)]) -> Result<network::Config> {
    let default = network::Config::default();
    let address_pools = pools
        .iter()
        .map(|(base, size)| {
            let base = base.parse().map_err(|_| bad("default-address-pool", base))?;
            Ok(network::AddressPool { base, size: *size })
        })
        .collect::<Result<_>>()?;
    Ok(network::Config {
        bridge: values.text("bridge", &default.bridge),
        bip: values.parsed::<Ipv4Net>("bip")?,
        fixed_cidr: values.parsed::<Ipv4Net>("fixed-cidr")?,
        address_pools,
        icc: values.bool("icc", default.icc)?,
        ip_masq: values.bool("ip-masq", default.ip_masq)?,
        ip_forward: values.bool("ip-forward", default.ip_forward)?,
        ip_forward_no_drop: values.bool("ip-forward-no-drop", default.ip_forward_no_drop)?,
        host_ip: values.parsed("ip")?.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        mtu: values.parsed("mtu")?.unwrap_or(default.mtu),
        host_gateway_ips: values.all_parsed("host-gateway-ip")?,
        dns: values.all_parsed("dns")?,
        dns_search: values.many("dns-search"),
        dns_options: values.many("dns-opt"),
        ..default
    })
}

fn registry(values: &Reader) -> Result<distribution::Config> {
    let default = distribution::Config::default();
    let proxy = |name: &str, upper: &str| {
        let environment = || crate::environment(upper).or_else(|| crate::environment(&upper.to_lowercase()));
        values.one(name).map(str::to_owned).or_else(environment)
    };
    let mut retry = default.retry;
    retry.attempts = values.parsed("max-download-attempts")?.unwrap_or(retry.attempts);
    Ok(distribution::Config {
        insecure: values.many("insecure-registry").iter().map(|text| text.parse()).collect::<Result<_>>()?,
        mirrors: values.many("registry-mirror"),
        proxy: distribution::config::ProxyConfig {
            http: proxy("http-proxy", "HTTP_PROXY"),
            https: proxy("https-proxy", "HTTPS_PROXY"),
            no_proxy: proxy("no-proxy", "NO_PROXY").unwrap_or_default(),
        },
        downloads: values.parsed("max-concurrent-downloads")?.unwrap_or(default.downloads),
        uploads: values.parsed("max-concurrent-uploads")?.unwrap_or(default.uploads),
        retry,
        ..default
    })
}

fn containers(
    values: &Reader,
    data: &std::path::Path,
    state: &std::path::Path,
) -> Result<engine::container::Config> {
    let default = engine::container::Config::default();
    let pair = |text: &String| {
        let (key, value) = text.split_once('=').ok_or_else(|| bad("log-opt", text))?;
        Ok((key.to_owned(), value.to_owned()))
    };
    let seccomp_profile = match values.one("seccomp-profile") {
        None | Some("builtin") => None,
        Some("unconfined") => Some("unconfined".to_owned()),
        Some(path) => Some(
            std::fs::read_to_string(path)
                .map_err(|error| invalid(format!("opening seccomp profile ({path}) failed: {error}")))?,
        ),
    };
    Ok(engine::container::Config {
        data: data.join("containers"),
        state: state.join("containers"),
        log_driver: values.text("log-driver", &default.log_driver),
        log_options: values.many("log-opt").iter().map(pair).collect::<Result<_>>()?,
        ulimits: values.many("default-ulimit").iter().map(|text| ulimit(text)).collect::<Result<_>>()?,
        shm_size: values.one("default-shm-size").map_or(Ok(default.shm_size), bytes)?,
        ipc_mode: values.text("default-ipc-mode", &default.ipc_mode),
        cgroupns_mode: values.text("default-cgroupns-mode", ""),
        storage_size: storage_size(values)?,
        cgroup_parent: values.text("cgroup-parent", ""),
        init: values.bool("init", false)?,
        init_path: values.path("init-path").unwrap_or_default(),
        seccomp_profile,
        no_new_privileges: values.bool("no-new-privileges", false)?,
        cdi_spec_dirs: match values.many("cdi-spec-dir") {
            none if none.is_empty() => default.cdi_spec_dirs.clone(),
            // An empty name switches CDI off.
            given => given.into_iter().filter(|dir| !dir.is_empty()).map(PathBuf::from).collect(),
        },
        runtimes: runtimes::read(
            &values.many("add-runtime"),
            &values.text("default-runtime", &default.default_runtime),
        )?,
        default_runtime: values.text("default-runtime", &default.default_runtime),
        ..default
    })
}

/// `nofile=1024:2048` or `nofile=1024`.
fn ulimit(text: &str) -> Result<api::container::Ulimit> {
    let wrong = || invalid(format!("invalid ulimit argument: {text}"));
    let (name, limits) = text.split_once('=').ok_or_else(wrong)?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let number = |text: &str| text.parse().map_err(|_| wrong());
    let (soft, hard) = (number(soft)?, number(hard)?);
    if hard != -1 && soft > hard {
        return Err(invalid(format!(
            "ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
        )));
    }
    Ok(api::container::Ulimit { name: name.to_owned(), hard, soft })
}

/// A size that is a signed number on the wire.
fn bytes(text: &str) -> Result<i64> {
    i64::try_from(engine::container::bytes(text)?).map_err(|_| invalid(format!("invalid size: '{text}'")))
}

/// The size of `overlay2.size`, the only one of the storage driver's options that means something here.
fn storage_size(values: &Reader) -> Result<Option<u64>> {
    let mut size = None;
    for option in values.many("storage-opt") {
        let (key, value) = option
            .split_once('=')
            .ok_or_else(|| invalid(format!("unable to parse storage-opt key/value: {option}")))?;
        match key.to_ascii_lowercase().as_str() {
            "overlay2.size" => size = Some(engine::container::bytes(value)?).filter(|size| *size > 0),
            // For kernels of long ago; checked and without an effect in dockerd too.
            "overlay2.override_kernel_check" => {
                flags::boolean(value).ok_or_else(|| bad("storage-opt", &option))?;
            }
            other => return Err(invalid(format!("overlay2: unknown option {other}"))),
        }
    }
    Ok(size)
}

fn labels(values: &Reader) -> Result<Vec<String>, Wrong> {
    let labels = values.many("label");
    let mut known: std::collections::BTreeMap<&str, &String> = std::collections::BTreeMap::new();
    for label in &labels {
        let Some((key, _)) = label.split_once('=') else {
            return Err(invalid(format!("bad attribute format: {label}")).into());
        };
        if let Some(other) = known.insert(key, label)
            && other != label
        {
            return Err(Wrong::Otherwise(invalid(format!("conflict labels for {label} and {other}"))));
        }
    }
    Ok(labels)
}

#[cfg(test)]
mod tests;
