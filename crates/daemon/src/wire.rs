//! Which part knows which: the one place where the engine is put together.

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use content::Content;
use engine::container::Parts;
use engine::{Containers, Events, Execs, Images, Networks, System, Volumes, system};
use errdefs::{Context as _, Result};
use idmap::{Mapped, remap};
use server::Handles;
use shim::Launcher;
use snapshot::Snapshots;
use store::Store;

use crate::config::Config;

/// The program that watches containers, beside this one or in the usual places.
const SHIM: &str = "hythe-shim";

/// The engine, and what of it a reload has to reach besides.
pub(crate) struct Wired {
    pub(crate) handles: Arc<Handles>,
    client: Arc<distribution::Client>,
}

impl Wired {
    /// Takes over what can be changed while running, as dockerd does on SIGHUP, and tells so.
    pub(crate) fn reconfigure(&self, config: &Config) {
        self.client.reconfigure(|client| {
            client.insecure.clone_from(&config.registry.insecure);
            client.mirrors.clone_from(&config.registry.mirrors);
            client.downloads = config.registry.downloads;
            client.uploads = config.registry.uploads;
            client.retry = config.registry.retry;
        });
        self.handles.containers.reconfigure((&config.containers).into());
        let change = |about: &mut system::Config| {
            about.debug = config.debug;
            about.labels.clone_from(&config.labels);
            about.mirrors.clone_from(&config.registry.mirrors);
            about.insecure_registries.clone_from(&config.insecure_registries);
            about.runtimes.clone_from(&config.containers.runtimes);
            about.default_runtime.clone_from(&config.containers.default_runtime);
        };
        self.handles.system.reconfigure(change, config.shown.clone());
    }
}

/// Opens everything below the data root, takes back what lives, and gives the handles for the server.
///
/// # Errors
/// What cannot be opened.
pub(crate) fn build(config: &Config) -> Result<Wired> {
    let data = &config.data_root;
    let about_logs = &config.containers;
    if !about_logs.log_options.is_empty() {
        engine::container::check_log_options(&about_logs.log_driver, &about_logs.log_options)
            .map_err(|error| error.context("failed to set log opts"))?;
    }
    let store = Arc::new(Store::open(&data.join("hythe.db"))?);
    // Never closed: the end of the process leaves its log in place, with the disk space that is reserved for it.
    std::mem::forget(Arc::clone(&store));
    let content = Content::open(&data.join("content"))?;
    let snapshots = Snapshots::open(&data.join("snapshots"))?;
    if config.containers.storage_size.is_some() {
        snapshots.check_limits().map_err(|error| {
            let text =
                "Storage option overlay2.size not supported. Filesystem does not support Project Quota";
            error.context(format!("error initializing graphdriver: {text}"))
        })?;
    }
    let client = Arc::new(distribution::Client::new(config.registry.clone()));
    let images = image::Images::open(Arc::clone(&store), content, snapshots.clone(), Arc::clone(&client))?;
    let images = Arc::new(images);
    let networks = network::Networks::open(config.network.clone(), Arc::clone(&store))?;
    let userns = userns(config, &snapshots)?;
    let owner = userns.as_ref().map_or((0, 0), |mapped| mapped.ids().root());
    let volumes = volume::Volumes::open(&data.join("volumes"), Arc::clone(&store), owner)?;
    let (told, shim_events) = mpsc::channel();
    let events = Events::new();
    let shim = shim(config)?;
    let parts = Parts {
        store: Arc::clone(&store),
        images: Arc::clone(&images),
        snapshots: snapshots.clone(),
        networks: networks.clone(),
        volumes: volumes.clone(),
        launcher: Arc::new(Launcher::new(&shim, told)?),
        shippers: shipper::Shippers::new(data.join("log-spool")),
        events: events.clone(),
    };
    let mut about_containers = config.containers.clone();
    if about_containers.init_path.as_os_str().is_empty() {
        // The shim's program is also the init process of containers that want one.
        about_containers.init_path = shim;
    }
    let remapped = userns.is_some();
    about_containers.userns = userns;
    let containers = Containers::open(parts, about_containers, shim_events)?;
    containers.restore()?;
    // Only now is it known which layers are needed.
    images.collect()?;
    let mut about = about(config)?;
    about.userns = remapped;
    about.warnings.extend(networks.warnings()?);
    let images = Images::new(images, snapshots, Arc::clone(&client), containers.clone(), events.clone());
    let volumes = Volumes::new(volumes, containers.clone(), events.clone());
    let handles = Arc::new(Handles {
        execs: Execs::new(&containers),
        system: System::new(about, containers.clone(), images.clone(), volumes.clone(), events.clone()),
        networks: Networks::new(networks, containers.clone(), events.clone()),
        images,
        volumes,
        containers,
        events,
    });
    Ok(Wired { handles, client })
}

/// The ids of containers, if they are not the host's.
fn userns(config: &Config, snapshots: &Snapshots) -> Result<Option<Arc<Mapped>>> {
    let Some(words) = &config.userns_remap else { return Ok(None) };
    let owner = remap::owner(words)?;
    if owner.user == "root" {
        tracing::warn!("User namespaces: root cannot be remapped with itself; user namespaces are OFF");
        return Ok(None);
    }
    tracing::info!("User namespaces: ID ranges will be mapped to subuid/subgid ranges of: {}", owner.user);
    let mapped = Mapped::new(remap::mapping(&owner)?)?;
    snapshots.check_mapped(&mapped).context(|| "userns-remap")?;
    Ok(Some(Arc::new(mapped)))
}

fn about(config: &Config) -> Result<system::Config> {
    let open_tcp = config.hosts.iter().any(|host| host.starts_with("tcp://")) && !config.tls.verify;
    let warning = "WARNING: API is accessible over TCP without client certificates. Access to the remote API is \
                   equivalent to root access on the host.";
    let proxy = &config.registry.proxy;
    Ok(system::Config {
        id: identity(&config.data_root)?,
        data_root: config.data_root.clone(),
        log_driver: config.containers.log_driver.clone(),
        debug: config.debug,
        labels: config.labels.clone(),
        mirrors: config.registry.mirrors.clone(),
        insecure_registries: config.insecure_registries.clone(),
        address_pools: config.address_pools.clone(),
        http_proxy: proxy.http.clone().unwrap_or_default(),
        https_proxy: proxy.https.clone().unwrap_or_default(),
        no_proxy: proxy.no_proxy.clone(),
        cdi_spec_dirs: (config.containers.cdi_spec_dirs.iter())
            .map(|dir| dir.to_string_lossy().into_owned())
            .collect(),
        runtimes: config.containers.runtimes.clone(),
        default_runtime: config.containers.default_runtime.clone(),
        warnings: if open_tcp { vec![warning.to_owned()] } else { Vec::new() },
        userns: false,
    })
}

/// The engine's ID: made with the data root, kept with it.
fn identity(data_root: &Path) -> Result<String> {
    let path = data_root.join("engine-id");
    if let Ok(id) = std::fs::read_to_string(&path) {
        return Ok(id.trim().to_owned());
    }
    let id = std::fs::read_to_string("/proc/sys/kernel/random/uuid").context(|| "make the engine's ID")?;
    // Whole or not at all: it is made once.
    let staged = data_root.join("engine-id.new");
    std::fs::write(&staged, &id)
        .and_then(|()| std::fs::rename(&staged, &path))
        .context(|| format!("write {}", path.display()))?;
    Ok(id.trim().to_owned())
}

/// Finds the shim's program.
fn shim(config: &Config) -> Result<PathBuf> {
    if let Some(path) = &config.shim {
        return Ok(path.clone());
    }
    let own = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(SHIM)));
    let path = crate::environment("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin".to_owned());
    let candidates = own.into_iter().chain(path.split(':').map(|dir| Path::new(dir).join(SHIM)));
    candidates.into_iter().find(|candidate| candidate.is_file()).ok_or_else(|| {
        errdefs::not_found(format!("{SHIM} is neither beside hythed nor in PATH: name it with --shim"))
    })
}
