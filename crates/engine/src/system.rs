//! The engine about itself: info, version, disk usage.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use api::system::{
    AddressPool, BuildPruneReport, Component, DiskUsage, FirewallInfo, IndexInfo, Info, PlatformName,
    PluginsInfo, RegistryConfig, Runtime, SwarmInfo, Version,
};
use api::time::Time;
use api::{StringMap, version};
use errdefs::Result;
use parking_lot::RwLock;

use crate::container::ListOptions;
use crate::event::Kind;
use crate::metrics::COUNTERS;
use crate::{Containers, Events, Images, Volumes};

mod host;

/// The Docker version whose behaviour this is; tools compare it with what they need.
pub const DOCKER_VERSION: &str = "28.5.2";

/// The `Server` header of every answer: clients parse Docker's name and the operating system out of it.
pub const SERVER_HEADER: &str = "Docker/28.5.2 (linux)";

/// Docker Hub's name in credentials.
const INDEX_SERVER: &str = "https://index.docker.io/v1/";

/// What the daemon's configuration contributes.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Made once for each data root.
    pub id: String,
    /// Where the data is.
    pub data_root: PathBuf,
    /// Log driver of containers that name none.
    pub log_driver: String,
    /// Verbose logging is on.
    pub debug: bool,
    /// The daemon's labels, `key=value`.
    pub labels: Vec<String>,
    /// Mirrors of Docker Hub.
    pub mirrors: Vec<String>,
    /// Registries that need no TLS.
    pub insecure_registries: Vec<String>,
    /// Pools of subnets for new networks: base and prefix length.
    pub address_pools: Vec<(String, u8)>,
    /// Proxies of pulls.
    pub http_proxy: String,
    /// Proxies of pulls.
    pub https_proxy: String,
    /// Hosts reached without them.
    pub no_proxy: String,
    /// Warnings about this set-up, one sentence each.
    pub warnings: Vec<String>,
    /// Where descriptions of CDI devices are.
    pub cdi_spec_dirs: Vec<String>,
    /// Runtimes besides the built-in one.
    pub runtimes: BTreeMap<String, crate::container::Runtime>,
    /// What containers that name no runtime get.
    pub default_runtime: String,
    /// Containers have user namespaces of their own.
    pub userns: bool,
}

/// The handle; clones share everything.
#[derive(Clone)]
pub struct System {
    config: Arc<RwLock<Arc<Config>>>,
    containers: Containers,
    images: Images,
    volumes: Volumes,
    events: Events,
}

/// Which parts `system df` counts; all of them by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageOf {
    /// Containers.
    Containers,
    /// Images.
    Images,
    /// Volumes.
    Volumes,
    /// The builder's cache.
    BuildCache,
}

impl System {
    /// Over the other handles.
    pub fn new(
        config: Config,
        containers: Containers,
        images: Images,
        volumes: Volumes,
        events: Events,
    ) -> Self {
        Self { config: Arc::new(RwLock::new(Arc::new(config))), containers, images, volumes, events }
    }

    /// What the daemon's configuration says now.
    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read())
    }

    /// Takes a changed configuration and tells so, with the event's attributes.
    pub fn reconfigure(&self, change: impl FnOnce(&mut Config), attributes: StringMap) {
        let id = {
            let mut config = self.config.write();
            change(Arc::make_mut(&mut config));
            config.id.clone()
        };
        self.events.publish(Kind::Daemon, "reload", &id, attributes);
    }

    /// Containers by state.
    pub(crate) fn counts(&self) -> crate::container::Counts {
        self.containers.counts()
    }

    /// Removes what builds have left: nothing, and that is told.
    pub fn prune_builds(&self) -> BuildPruneReport {
        let reclaimed = StringMap::from([("reclaimed".to_owned(), "0".to_owned())]);
        self.events.publish(Kind::Builder, "prune", "", reclaimed);
        BuildPruneReport::default()
    }

    /// Clients that listen to events.
    pub(crate) fn listeners(&self) -> usize {
        self.events.listeners()
    }

    /// Answer of `GET /info`.
    pub fn info(&self) -> Info {
        let _timing = COUNTERS.info.time();
        let config = &*self.config();
        let counts = self.containers.counts();
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let host = host::Host::look(config.userns);
        let controllers = host.controllers;
        Info {
            id: config.id.clone(),
            containers: number(counts.all),
            containers_running: number(counts.running),
            containers_paused: number(counts.paused),
            containers_stopped: number(counts.stopped),
            images: number(self.images.count()),
            driver: "overlay2".to_owned(),
            driver_status: driver_status(&config.data_root),
            plugins: plugins(),
            memory_limit: controllers.memory,
            swap_limit: controllers.swap,
            kernel_memory_tcp: controllers.kernel_memory_tcp,
            cpu_cfs_period: controllers.cpu,
            cpu_cfs_quota: controllers.cpu,
            cpu_shares: controllers.cpu,
            cpu_set: controllers.cpuset,
            pids_limit: controllers.pids,
            ipv4_forwarding: host.ipv4_forwarding,
            debug: config.debug,
            n_fd: host.open_files,
            oom_kill_disable: controllers.oom_kill_disable,
            n_goroutines: host.threads,
            system_time: Time::now(),
            logging_driver: config.log_driver.clone(),
            cgroup_driver: "cgroupfs".to_owned(),
            cgroup_version: if controllers.unified { "2" } else { "1" }.to_owned(),
            n_events_listener: number(self.events.listeners()),
            kernel_version: host.kernel,
            operating_system: host.operating_system,
            os_version: host.os_version,
            os_type: "linux".to_owned(),
            architecture: host.machine,
            index_server_address: INDEX_SERVER.to_owned(),
            registry_config: Some(self.registries()),
            ncpu: host.cpus,
            mem_total: host.memory,
            docker_root_dir: config.data_root.display().to_string(),
            http_proxy: config.http_proxy.clone(),
            https_proxy: config.https_proxy.clone(),
            no_proxy: config.no_proxy.clone(),
            name: host.name,
            labels: config.labels.clone(),
            server_version: DOCKER_VERSION.to_owned(),
            runtimes: runtimes(&config.runtimes),
            default_runtime: config.default_runtime.clone(),
            swarm: SwarmInfo { local_node_state: "inactive".to_owned(), ..SwarmInfo::default() },
            live_restore_enabled: true,
            init_binary: "hythe-shim".to_owned(),
            security_options: host.security_options,
            default_address_pools: pools(&config.address_pools),
            firewall_backend: Some(FirewallInfo { driver: "nftables".to_owned(), info: None }),
            cdi_spec_dirs: Some(config.cdi_spec_dirs.clone()),
            warnings: (!config.warnings.is_empty()).then(|| config.warnings.clone()),
            ..Info::default()
        }
    }

    fn registries(&self) -> RegistryConfig {
        let config = self.config();
        let mirrors = config.mirrors.clone();
        let hub = IndexInfo {
            mirrors: mirrors.clone(),
            name: "docker.io".to_owned(),
            official: true,
            secure: true,
        };
        let mut answer = RegistryConfig {
            index_configs: BTreeMap::from([("docker.io".to_owned(), hub)]),
            insecure_registry_cidrs: vec!["::1/128".to_owned(), "127.0.0.0/8".to_owned()],
            mirrors: (!mirrors.is_empty()).then_some(mirrors),
        };
        for registry in &config.insecure_registries {
            if registry.contains('/') {
                answer.insecure_registry_cidrs.push(registry.clone());
            } else {
                let index = IndexInfo { name: registry.clone(), ..IndexInfo::default() };
                answer.index_configs.insert(registry.clone(), index);
            }
        }
        answer
    }

    /// Answer of `GET /version`. The version is Docker's, because that is what tools ask for; ours is the platform.
    pub fn version(&self) -> Version {
        let _timing = COUNTERS.version.time();
        let (kernel, _) = host::kernel();
        let own = env!("CARGO_PKG_VERSION");
        let build_time = option_env!("HYTHE_BUILD_TIME").unwrap_or_default();
        let commit = option_env!("HYTHE_COMMIT").unwrap_or_default();
        let details = [
            ("ApiVersion", version::MAX.to_string()),
            ("Arch", host::go_architecture().to_owned()),
            ("BuildTime", build_time.to_owned()),
            ("Experimental", "false".to_owned()),
            ("GitCommit", commit.to_owned()),
            ("GoVersion", String::new()),
            ("KernelVersion", kernel.clone()),
            ("MinAPIVersion", version::MIN.to_string()),
            ("Os", "linux".to_owned()),
        ];
        let engine = Component {
            name: "Engine".to_owned(),
            version: DOCKER_VERSION.to_owned(),
            details: details.map(|(key, value)| (key.to_owned(), value)).into(),
        };
        let hythe =
            Component { name: "hythe".to_owned(), version: own.to_owned(), details: StringMap::new() };
        Version {
            platform: PlatformName { name: format!("Hythe {own}") },
            components: vec![engine, hythe],
            version: DOCKER_VERSION.to_owned(),
            api_version: version::MAX.to_string(),
            min_api_version: version::MIN.to_string(),
            git_commit: commit.to_owned(),
            go_version: String::new(),
            os: "linux".to_owned(),
            arch: host::go_architecture().to_owned(),
            kernel_version: kernel,
            experimental: false,
            build_time: build_time.to_owned(),
        }
    }

    /// Answer of `GET /system/df`; what is not in `parts` stays `null`, an empty list means all.
    ///
    /// # Errors
    /// If files cannot be counted.
    pub fn disk_usage(&self, parts: &[UsageOf]) -> Result<DiskUsage> {
        let wanted = |part| parts.is_empty() || parts.contains(&part);
        let mut usage = DiskUsage::default();
        if wanted(UsageOf::Images) {
            let (images, layers) = self.images.usage()?;
            usage.images = Some(images);
            usage.layers_size = i64::try_from(layers).unwrap_or(i64::MAX);
        }
        if wanted(UsageOf::Containers) {
            let options = ListOptions { all: true, size: true, ..ListOptions::default() };
            usage.containers = Some(self.containers.list(&options)?);
        }
        if wanted(UsageOf::Volumes) {
            usage.volumes = Some(self.volumes.usage());
        }
        if wanted(UsageOf::BuildCache) {
            usage.build_cache = Some(Vec::new());
        }
        Ok(usage)
    }
}

/// The names that `--runtime` takes: those of the built-in one, and the configured ones.
fn runtimes(others: &BTreeMap<String, crate::container::Runtime>) -> BTreeMap<String, Runtime> {
    const OWN: &str = "hythe-shim";
    /// The name that Docker gives to a runtime's description of itself.
    const FEATURES: &str = "org.opencontainers.runtime-spec.features";
    let wire = |runtime: &crate::container::Runtime| Runtime {
        path: runtime.program.as_ref().map_or(OWN.to_owned(), |path| path.to_string_lossy().into_owned()),
        runtime_args: (!runtime.args.is_empty()).then(|| runtime.args.clone()),
        ..Runtime::default()
    };
    // Others are not asked: that would be to run them for each `info`.
    let features = StringMap::from([(FEATURES.to_owned(), runtime::features::features().to_string())]);
    let own = Runtime { status: features, ..wire(&Default::default()) };
    let own = crate::container::BUILT_IN.map(|name| (name.to_owned(), own.clone()));
    let others = others.iter().map(|(name, runtime)| (name.clone(), wire(runtime)));
    own.into_iter().chain(others).collect()
}

fn driver_status(data_root: &std::path::Path) -> Vec<[String; 2]> {
    let pair = |key: &str, value: &str| [key.to_owned(), value.to_owned()];
    vec![
        pair("Backing Filesystem", host::file_system(data_root)),
        pair("Supports d_type", "true"),
        pair("Using metacopy", "false"),
        pair("Native Overlay Diff", "true"),
        pair("userxattr", "false"),
    ]
}

fn plugins() -> PluginsInfo {
    let list = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    PluginsInfo {
        volume: list(&["local"]),
        network: list(&["bridge", "host", "null"]),
        authorization: None,
        log: list(&["fluentd", "gelf", "journald", "json-file", "local", "syslog"]),
    }
}

fn pools(pools: &[(String, u8)]) -> Option<Vec<AddressPool>> {
    let wire = |(base, size): &(String, u8)| AddressPool { base: base.clone(), size: i64::from(*size) };
    (!pools.is_empty()).then(|| pools.iter().map(wire).collect())
}
