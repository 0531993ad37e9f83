//! `inspect`: everything about one container, from memory.

use api::Time;
use api::container::{
    DriverData, Health, HostConfig, InspectResponse, MountPoint as WireMount, NetworkSettings,
    State as WireState,
};
use errdefs::Result;
use network::Endpoint;

use super::apparmor;
use super::mountpoint::{Kind, MountPoint};
use super::networking::{self, Mode};
use super::record::Record;
use super::shared::{Container, Shared};
use super::spec::security::Options;
use super::state::{Phase, State};
use super::{Containers, log};

/// The name of the storage driver, Docker's for what we do too.
const DRIVER: &str = "overlay2";

impl Containers {
    /// Everything about one container. From memory.
    ///
    /// # Errors
    /// NotFound.
    pub fn inspect(&self, reference: &str, size: bool) -> Result<InspectResponse> {
        let shared = &self.shared;
        let container = shared.registry.find(reference)?;
        let record = container.record();
        let files = shared.network_files(&record);
        // Docker shows these paths once a start was tried.
        let tried = record.state.started_at.is_some() || !record.state.error.is_empty();
        let file = |at: usize| match tried {
            true => files[at].1.to_string_lossy().into_owned(),
            false => String::new(),
        };
        let (size_rw, size_root_fs) = if size { shared.sizes(&record) } else { (None, None) };
        let driver = record.host.log_config.r#type.as_str();
        let log_path = match driver {
            "json-file" if tried => log::path(shared, &record.id, driver).to_string_lossy().into_owned(),
            _ => String::new(),
        };
        // Bound first: a lock taken inside the literal would be held until its end.
        let health = container.live.lock().health.wire();
        Ok(InspectResponse {
            id: record.id.clone(),
            created: record.created.into(),
            path: record.path.clone(),
            args: record.args.clone(),
            state: state(&record.state, health),
            image: record.image.as_ref().map(ToString::to_string).unwrap_or_default(),
            resolv_conf_path: file(0),
            hostname_path: file(1),
            hosts_path: file(2),
            log_path,
            name: format!("/{}", record.name),
            restart_count: record.state.restarts.into(),
            driver: DRIVER.into(),
            platform: record.platform.clone(),
            exec_ids: shared.exec_ids(&container),
            host_config: HostConfig { links: shared.links_shown(&record), ..record.host.clone() },
            graph_driver: shared.graph_driver(&record),
            size_rw,
            size_root_fs,
            mounts: record.mounts.iter().map(mount).collect(),
            app_armor_profile: {
                let security = Options::parse(record.host.security_opt.as_deref().unwrap_or_default())?;
                match security.apparmor {
                    // What was asked for is shown whether it can be had here or not.
                    Some(asked) => asked,
                    None if shared.apparmor && record.state.started_at.is_some() => {
                        apparmor::name(None, record.host.privileged).to_owned()
                    }
                    None => String::new(),
                }
            },
            config: record.config.clone(),
            network_settings: shared.network_settings(&container, &record),
            ..InspectResponse::default()
        })
    }
}

impl Shared {
    /// Bytes of the writable layer, and of it and the image together.
    pub(crate) fn sizes(&self, record: &Record) -> (Option<i64>, Option<i64>) {
        let own = self.parts.snapshots.writable_size(&record.id).unwrap_or(0);
        let layers = record.layers.iter().map(|layer| self.parts.snapshots.layer_size(layer).unwrap_or(0));
        let all = layers.sum::<u64>() + own;
        (i64::try_from(own).ok(), i64::try_from(all).ok())
    }

    fn graph_driver(&self, record: &Record) -> DriverData {
        let data = self.parts.snapshots.writable(&record.id).ok().map(|writable| {
            let lowers = self.parts.snapshots.container_lowers(&record.layers).unwrap_or_default();
            let lowers: Vec<_> = lowers.iter().map(|path| path.to_string_lossy()).collect();
            api::StringMap::from([
                ("ID".into(), record.id.clone()),
                ("LowerDir".into(), lowers.join(":")),
                ("UpperDir".into(), writable.upper.to_string_lossy().into_owned()),
                ("WorkDir".into(), writable.work.to_string_lossy().into_owned()),
                // The root is mounted inside the container's namespace only; there is no such directory on the host.
                ("MergedDir".into(), String::new()),
            ])
        });
        DriverData { data, name: DRIVER.into() }
    }

    fn network_settings(&self, container: &Container, record: &Record) -> NetworkSettings {
        let endpoints = self.parts.networks.endpoints_of(&record.id);
        let mut settings = NetworkSettings {
            ports: networking::port_map(record, &endpoints),
            networks: self.networks_of(record, &endpoints).collect(),
            ..NetworkSettings::default()
        };
        if record.state.phase.has_process() && !matches!(networking::mode(record), Mode::Container(_)) {
            // Docker's sandbox is a namespace with a file; ours has none, so its ID stands for both.
            settings.sandbox_id.clone_from(&record.id);
            if let Some(pid) = container.live.lock().handle.as_ref().and_then(shim::Handle::pid) {
                settings.sandbox_key = format!("/proc/{pid}/ns/net");
            }
        }
        if let Some(bridge) = settings.networks.get("bridge") {
            settings.endpoint_id.clone_from(&bridge.endpoint_id);
            settings.gateway.clone_from(&bridge.gateway);
            settings.ip_address.clone_from(&bridge.ip_address);
            settings.ip_prefix_len = bridge.ip_prefix_len;
            settings.global_ipv6_address.clone_from(&bridge.global_ipv6_address);
            settings.global_ipv6_prefix_len = bridge.global_ipv6_prefix_len;
            settings.ipv6_gateway.clone_from(&bridge.ipv6_gateway);
            settings.mac_address.clone_from(&bridge.mac_address);
        }
        settings
    }

    /// The networks of a container by name, with what it has got in them.
    pub(crate) fn networks_of(
        &self,
        record: &Record,
        endpoints: &[Endpoint],
    ) -> impl Iterator<Item = (String, api::network::EndpointSettings)> {
        let one = move |(name, wish): (&String, &api::network::EndpointSettings)| {
            let given = endpoints.iter().find(|endpoint| {
                endpoint.network_name == *name || endpoint.network_id.starts_with(name.as_str())
            });
            let mut settings = networking::settings(record, name, wish, given);
            if given.is_none() && record.state.started_at.is_some() {
                // What has ended has no endpoint, but Docker shows which network it was.
                settings.network_id =
                    self.parts.networks.get(name).map(|network| network.id.clone()).unwrap_or_default();
            }
            (name.clone(), settings)
        };
        record.networks.iter().map(one)
    }
}

fn state(state: &State, health: Option<Health>) -> WireState {
    WireState {
        status: state.phase.word().into(),
        running: state.phase.counts_as_running(),
        paused: state.phase == Phase::Paused,
        restarting: state.phase == Phase::Restarting,
        oom_killed: state.oom_killed,
        dead: state.phase == Phase::Dead,
        pid: state.pid.into(),
        exit_code: state.exit_code.into(),
        error: state.error.clone(),
        started_at: state.started_at.map(Time::from).unwrap_or_default(),
        finished_at: state.finished_at.map(Time::from).unwrap_or_default(),
        health,
    }
}

/// A mount as `inspect` and `ps` show it.
pub(crate) fn mount(point: &MountPoint) -> WireMount {
    let is_volume = point.kind == Kind::Volume;
    WireMount {
        r#type: point.kind.word().into(),
        name: if is_volume || point.kind == Kind::Image { point.name.clone() } else { String::new() },
        source: point.source.clone(),
        destination: point.destination.clone(),
        driver: if is_volume { point.driver.clone() } else { String::new() },
        mode: point.mode.clone(),
        rw: point.read_write,
        propagation: point.propagation.clone(),
    }
}
