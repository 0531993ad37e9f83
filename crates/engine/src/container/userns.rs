//! User namespaces: which ids a container has (`--userns-remap`, `--userns=host`), what it cannot share then, and its
//! files as it sees them.
//!
//! Layers and writable layers have the container's own ids on disk, whatever it runs with. What is not the container's
//! alone (volumes, the files about its network) has the host's.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use api::container::HostConfig;
use errdefs::{Result, invalid, system};
use idmap::{IdMap, Mapped, Namespaces};
use snapshot::{MountOptions, Writable};

use super::names;
use super::networking::{self, Mode};
use super::record::Record;
use super::shared::{Config, Shared};
use super::spec::Space;

/// Checks what containers with ids of their own cannot have.
///
/// # Errors
/// InvalidParameter, in Docker's words.
pub(crate) fn check(host: &HostConfig, config: &Config) -> Result<()> {
    if config.userns.is_none() || host.userns_mode == "host" {
        return Ok(());
    }
    let refused = [
        (
            host.privileged,
            "privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when \
             running privileged mode",
        ),
        (
            host.network_mode == "host",
            "cannot share the host's network namespace when user namespaces are enabled",
        ),
        (host.pid_mode == "host", "cannot share the host PID namespace when user namespaces are enabled"),
    ];
    match refused.iter().find(|(wrong, _)| *wrong) {
        Some((_, text)) => Err(invalid(*text)),
        None => Ok(()),
    }
}

/// The namespaces of a run that belong to its user namespace, and it.
#[derive(Default)]
pub(super) struct Made {
    pub(super) user: Option<OwnedFd>,
    pub(super) network: Option<OwnedFd>,
}

impl Shared {
    /// The ids that a container with these settings gets in its next run.
    pub(crate) fn wanted_ids(&self, host: &HostConfig) -> Option<IdMap> {
        let mapped = self.config.userns.as_ref().filter(|_| host.userns_mode != "host");
        mapped.map(|mapped| mapped.ids().clone())
    }

    /// The user namespace of a run: of its own, or that of the container whose other namespaces it shares, because only
    /// there its root has a say in them. `None`: the host's.
    ///
    /// # Errors
    /// If it would share with a container that has other ids.
    pub(super) fn user_space(&self, record: &Record) -> Result<Option<Space>> {
        let Some(ids) = &record.ids else { return Ok(None) };
        let network = match networking::mode(record) {
            Mode::Container(id) => Some(id),
            Mode::Own | Mode::Host => None,
        };
        let shared =
            [&record.host.pid_mode, &record.host.ipc_mode].map(|mode| mode.strip_prefix("container:"));
        let Some(id) = network.as_deref().or(shared[0]).or(shared[1]) else { return Ok(Some(Space::New)) };
        let owner = self.registry.find(id)?;
        if owner.record().ids.as_ref() != Some(ids) {
            return Err(system(format!(
                "cannot share namespaces of container {} when user namespaces are enabled: it has other user IDs",
                names::short(&owner.id)
            )));
        }
        let pid = owner.handle()?.pid();
        Ok(Some(Space::Join(format!("/proc/{}/ns/user", pid.unwrap_or(0)))))
    }

    /// Makes the user namespace of a run, with its network namespace if it has one of its own.
    pub(super) fn make_userns(&self, record: &Record) -> Result<Made> {
        match (&record.ids, self.user_space(record)?) {
            (Some(ids), Some(Space::New)) => {
                let made = Namespaces::make(ids, networking::mode(record) == Mode::Own)?;
                Ok(Made { user: Some(made.user), network: made.network })
            }
            _ => Ok(Made::default()),
        }
    }

    /// The mapping of a container's files.
    fn mapped(&self, record: &Record) -> Result<Option<Arc<Mapped>>> {
        match (&record.ids, &self.config.userns) {
            (None, _) => Ok(None),
            (Some(ids), Some(mapped)) if mapped.ids() == ids => Ok(Some(Arc::clone(mapped))),
            // An earlier daemon's.
            (Some(ids), _) => Ok(Some(Arc::new(Mapped::new(ids.clone())?))),
        }
    }

    /// Mounts layers of a container, and its writable one, as it sees them, by the host's numbers.
    pub(super) fn mount(
        &self,
        record: &Record,
        lowers: &[PathBuf],
        writable: Option<&Writable>,
        options: MountOptions,
    ) -> Result<OwnedFd> {
        let snapshots = &self.parts.snapshots;
        match self.mapped(record)? {
            Some(mapped) => snapshots.mount_mapped(lowers, writable, options, &mapped),
            None => snapshots.mount_detached(lowers, writable, options),
        }
    }
}

/// What root of a container is on the host.
pub(crate) fn root_of(record: &Record) -> (u32, u32) {
    record.ids.as_ref().map_or((0, 0), IdMap::root)
}

#[cfg(test)]
mod tests {
    use idmap::Range;

    use super::*;

    #[test]
    fn what_is_refused_is_refused_in_dockers_words() {
        let ids = |size| vec![Range { container: 0, host: 100_000, size }];
        let mapped = Mapped::new(IdMap::new(ids(10), ids(10)).unwrap()).unwrap();
        let remapped = Config { userns: Some(Arc::new(mapped)), ..Config::default() };
        let host = |change: fn(&mut HostConfig)| {
            let mut host = HostConfig::default();
            change(&mut host);
            host
        };
        for (change, text) in [
            (
                (|host: &mut HostConfig| host.privileged = true) as fn(&mut HostConfig),
                "privileged mode is incompatible with user namespaces.  You must run the container in the host namespace \
                 when running privileged mode",
            ),
            (
                |host| host.network_mode = "host".into(),
                "cannot share the host's network namespace when user namespaces are enabled",
            ),
            (
                |host| host.pid_mode = "host".into(),
                "cannot share the host PID namespace when user namespaces are enabled",
            ),
        ] {
            let mut wanted = host(change);
            assert_eq!(check(&wanted, &remapped).unwrap_err().to_string(), text);
            assert!(check(&wanted, &Config::default()).is_ok());
            wanted.userns_mode = "host".into();
            assert!(check(&wanted, &remapped).is_ok());
        }
        let fine = host(|host| (host.ipc_mode, host.uts_mode) = ("host".into(), "host".into()));
        assert!(check(&fine, &remapped).is_ok());
    }
}
