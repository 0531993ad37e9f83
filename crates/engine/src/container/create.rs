//! Making a container: everything is checked and resolved before the first effect, and all effects carry its ID.
//!
//! Order: name taken, volumes made, writable layer and directory made, record written, shown. A crash in between leaves
//! directories with the ID but no record, which `restore` removes. Anonymous volumes do not carry the ID: a container
//! that has some is recorded before them, as one that is being removed, so that `restore` removes them too.

use std::fs::DirBuilder;
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use api::container::{Config, CreateResponse, HostConfig};
use errdefs::{Class, Collected, Context, Result};
use oci::digest::Digest;
use rustix::fs::{OFlags, ResolveFlags};
use rustix::io::Errno;
use snapshot::MountOptions;

use super::mountpoint::{Kind, MountPoint, clean};
use super::record::{CONTAINERS, Record};
use super::shared::{Container, Shared};
use super::state::{Phase, State};
use super::{Containers, CreateOptions, merge, names, networking, spec, validate};

/// What a container takes from its image.
struct Base {
    id: Option<Digest>,
    layers: Vec<Digest>,
    platform: String,
    config: Config,
    /// Keeps the image from being collected until the record names it.
    _lease: Option<image::Lease>,
}

impl Containers {
    /// Makes a container.
    ///
    /// # Errors
    /// InvalidParameter for settings that make no sense; NotFound `No such image: x`; Conflict for a taken name.
    pub fn create(&self, options: CreateOptions) -> Result<CreateResponse> {
        let _timing = crate::metrics::COUNTERS.create.time();
        let shared = &self.shared;
        let CreateOptions { name, platform, request } = options;
        let (mut config, mut host) = (request.config, request.host_config.unwrap_or_default());
        let id = names::new_id();
        let mut warnings = Vec::new();
        validate::config(&config)?;
        validate::host(&host, &config)?;
        let now = shared.defaults.read().clone();
        validate::runtime(&host, &now)?;
        super::userns::check(&host, &shared.config)?;
        warnings.extend(spec::resources::check(&mut host.resources, &shared.abilities, false)?);
        let base = shared.base(&config.image, &platform, &mut warnings)?;
        merge::image_defaults(&mut config, &base.config);
        let (path, args) = merge::command(&mut config)?;
        validate::config(&config)?;
        if !config.working_dir.is_empty() {
            config.working_dir = clean(&config.working_dir);
        }
        validate::defaults(&id, &mut config, &mut host, &shared.config, &now);
        shared.resolve_shared(&mut host)?;
        host.links = host.links.map(|links| shared.resolve_links(&links)).transpose()?;
        super::log::check(&host)?;
        let networks = networking::wanted(
            &host.network_mode,
            request.networking_config.as_ref(),
            &config.mac_address,
            &shared.parts.networks,
        )?;
        let networks = if config.network_disabled { Default::default() } else { networks };
        if config.mac_address.is_empty()
            && let Some(main) = networks.get(&host.network_mode)
        {
            config.mac_address.clone_from(&main.mac_address);
        }
        if host.network_mode == "host" && host.port_bindings.as_ref().is_some_and(|map| !map.is_empty()) {
            warnings.push("Published ports are discarded when using host network mode".into());
        }
        let mut record = Record {
            id: id.clone(),
            name: String::new(),
            created: jiff::Timestamp::now(),
            image: base.id,
            layers: base.layers.clone(),
            platform: base.platform.clone(),
            path,
            args,
            auto_remove: host.auto_remove,
            remove_volumes: false,
            ids: shared.wanted_ids(&host),
            cgroup_parent: shared.config.cgroup_parent.clone(),
            config,
            host,
            networks,
            mounts: Vec::new(),
            state: State::created(),
        };
        networking::ports(&record)?;
        record.mounts = shared.mount_points(&record)?;
        if record.mounts.iter().any(|point| point.kind == Kind::Image) {
            warnings.push("Image mount is an experimental feature".into());
        }
        record.name = shared.take_name(&name, &id)?;
        let anonymous = record.clone();
        let made = shared.make(record, &base);
        if made.is_err() {
            shared.unmake(&anonymous);
        }
        made.map(|()| CreateResponse { id, warnings })
    }
}

impl Shared {
    fn base(&self, reference: &str, platform: &str, warnings: &mut Vec<String>) -> Result<Base> {
        if reference.is_empty() {
            let platform = "linux".to_owned();
            return Ok(Base {
                id: None,
                layers: Vec::new(),
                platform,
                config: Config::default(),
                _lease: None,
            });
        }
        let image = self.parts.images.get(reference)?;
        let (have, host) = (image.config.platform(), oci::platform::Platform::host());
        if platform.is_empty() {
            if !have.architecture.is_empty() && have.architecture != host.architecture {
                warnings.push(format!(
                    "The requested image's platform ({have}) does not match the detected host platform ({host}) and no \
                     specific platform was requested"
                ));
            }
        } else {
            let wanted: oci::platform::Platform = platform.parse()?;
            if wanted.os != have.os || wanted.architecture != have.architecture {
                return Err(errdefs::not_found(format!(
                    "image with reference {reference} was found but its platform ({have}) does not match the specified \
                     platform ({wanted})"
                )));
            }
        }
        let lease = self.parts.images.lease(&image.id)?;
        Ok(Base {
            id: Some(image.id),
            layers: image.layers().to_vec(),
            platform: if have.os.is_empty() { "linux".into() } else { have.os },
            config: merge::from_image(&image.config.config),
            _lease: Some(lease),
        })
    }

    /// Turns the names of containers whose namespaces are shared into IDs, which a rename cannot change.
    fn resolve_shared(&self, host: &mut HostConfig) -> Result<()> {
        let resolve = |mode: &mut String| -> Result<()> {
            if let Some(name) = mode.strip_prefix("container:") {
                *mode = format!("container:{}", self.registry.find(name)?.id);
            }
            Ok(())
        };
        // Not "not found": clients would take it for the image and pull that.
        let refused = |error: errdefs::Error| errdefs::invalid(error.message());
        resolve(&mut host.pid_mode).map_err(refused)?;
        resolve(&mut host.ipc_mode).map_err(refused)?;
        // As in Docker, a network may be named that is not there yet; the start tells, which knows it by name then.
        match resolve(&mut host.network_mode) {
            Err(error) if error.class() != Class::NotFound => {
                return Err(error.context("joining network namespace of container"));
            }
            _ => {}
        }
        if host.cgroupns_mode.is_empty() {
            let private = self.layout.version() == cgroups::Version::V2 && !host.privileged;
            let own = self.defaults.read().cgroupns_mode.clone();
            host.cgroupns_mode = match own.as_str() {
                "" => if private { "private" } else { "host" }.into(),
                // Privileged containers on older hierarchies see the host's, as they have the whole of it.
                _ if host.privileged && !private => "host".into(),
                _ => own,
            };
        }
        Ok(())
    }

    /// Takes the wanted name, or makes one up.
    fn take_name(&self, wanted: &str, id: &str) -> Result<String> {
        if !wanted.is_empty() {
            let name = names::check(wanted)?;
            self.registry.reserve(name, id)?;
            return Ok(name.to_owned());
        }
        names::choose(id, |name| self.registry.reserve(name, id))
    }

    /// The effects, from the first to the last.
    fn make(&self, mut record: Record, base: &Base) -> Result<()> {
        let lowers = self.parts.snapshots.container_lowers(&record.layers)?;
        let image_lowers = || self.parts.snapshots.lower_dirs(&base.layers);
        if record.mounts.iter().any(MountPoint::is_anonymous) {
            let mut intent = record.clone();
            (intent.state.phase, intent.remove_volumes) = (Phase::Removing, true);
            self.parts.store.put(&CONTAINERS, &record.id, &intent)?;
        }
        // Until the record is shown, only these keep others from removing the volumes.
        let mut claims = Vec::new();
        for point in &mut record.mounts {
            claims.extend(self.make_mount(point, &record.id)?);
        }
        self.copy_up(&record, image_lowers)?;
        let size = self.storage_size(&record.host.storage_opt)?;
        self.parts.snapshots.create_sized_writable(&record.id, &lowers, size)?;
        self.make_working_dir(&record, &lowers)?;
        let dir = self.data_dir(&record.id);
        DirBuilder::new().mode(0o710).create(&dir).context(|| format!("make {}", dir.display()))?;
        self.parts.store.put(&CONTAINERS, &record.id, &record)?;
        let layers = self.parts.images.lease_layers(&record.held_layers());
        let container = Container::new(record, layers);
        let record = container.record();
        self.registry.insert(&record.id, Arc::clone(&container));
        drop(claims);
        self.tell(&record, "create", &[]);
        Ok(())
    }

    /// Takes back what a failed [`Shared::make`] has made; what fails here is found again by `restore`.
    fn unmake(self: &Arc<Self>, record: &Record) {
        let id = &record.id;
        self.registry.remove(id);
        let mut steps = Collected::new();
        steps.step(self.parts.snapshots.remove_writable(id));
        let dir = self.data_dir(id);
        steps.step(std::fs::remove_dir_all(&dir).or_else(not_found_is_fine).context(|| "remove directory"));
        self.remove_anonymous_volumes(record);
        steps.step(self.parts.store.delete(&CONTAINERS, id));
        if let Err(error) = steps.finish() {
            tracing::warn!(container = names::short(id), %error, "cannot undo a failed create");
        }
        self.empty_trash_later();
    }

    /// Makes the volume of a mount point for the container `id`, or checks the source of a bind.
    fn make_mount(&self, point: &mut MountPoint, id: &str) -> Result<Option<volume::Claim>> {
        match point.kind {
            Kind::Volume => {
                let options = point.volume.driver_config.clone().unwrap_or_default().options;
                let mut labels = point.volume.labels.clone();
                if point.anonymous {
                    labels.insert(volume::ANONYMOUS_LABEL.to_owned(), String::new());
                }
                let spec = volume::VolumeSpec {
                    name: point.name.clone(),
                    driver: point.driver.clone(),
                    options: (!options.is_empty()).then_some(options),
                    labels: (!labels.is_empty()).then_some(labels),
                };
                let known = !point.name.is_empty() && self.parts.volumes.get(&point.name).is_ok();
                let (made, claim) = self.parts.volumes.claim(&spec, id)?;
                point.name.clone_from(&made.name);
                point.driver.clone_from(&made.driver);
                point.source = made.mountpoint.to_string_lossy().into_owned();
                if !known {
                    let attributes = [("driver".to_owned(), made.driver.clone())].into();
                    self.parts.events.publish(crate::event::Kind::Volume, "create", &made.name, attributes);
                }
                return Ok(Some(claim));
            }
            Kind::Image => {
                let image = self.parts.images.get(&point.name)?;
                point.layers = image.layers().to_vec();
                point.image = Some(image.id);
                let lowers = self.parts.snapshots.lower_dirs(&point.layers)?;
                point.source =
                    lowers.first().map(|dir| dir.to_string_lossy().into_owned()).unwrap_or_default();
            }
            Kind::Bind if !point.make_source && rustix::fs::stat(&*point.source).is_err() => {
                return Err(errdefs::invalid(format!(
                    "invalid mount config for type \"bind\": bind source path does not exist: {}",
                    point.source
                )));
            }
            Kind::Bind | Kind::Tmpfs => {}
        }
        Ok(None)
    }

    /// Fills new volumes with what the image has at their mount points (semantics 85).
    fn copy_up(&self, record: &Record, lowers: impl Fn() -> Result<Vec<std::path::PathBuf>>) -> Result<()> {
        let wanted =
            |point: &&MountPoint| point.kind == Kind::Volume && point.copy_up && point.subpath.is_empty();
        let mut root = None;
        for point in record.mounts.iter().filter(wanted) {
            if root.is_none() {
                let options = MountOptions { read_only: true, volatile: false };
                root = Some(self.mount(record, &lowers()?, None, options)?);
            }
            let Some(root) = &root else { continue };
            let path = Path::new(&point.destination);
            let flags = OFlags::PATH | OFlags::DIRECTORY;
            let source = match sys::inside::open(root, path, flags, ResolveFlags::empty()) {
                Ok(source) => source,
                // Missing in the image, or no directory there: the volume stays empty.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                Err(errno) => {
                    return Err(errno).context(|| format!("open {} in the image", point.destination));
                }
            };
            self.parts.volumes.copy_up(&point.name, source.as_fd())?;
        }
        Ok(())
    }
}

/// For removals: what is not there need not be removed.
pub(crate) fn not_found_is_fine(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
