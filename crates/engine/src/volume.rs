//! Volumes in Docker's words: filters, references by containers, events.

use std::sync::Arc;

use api::StringMap;
use api::filters::{Filters, parse_bool};
use api::volume::{CreateRequest, ListResponse, PruneReport, UsageData, Volume};
use errdefs::{Class, Result, invalid};

use crate::event::Kind;
use crate::{Containers, Events};

/// All volumes of this daemon. Clones share everything.
#[derive(Clone)]
pub struct Volumes {
    volumes: ::volume::Volumes,
    containers: Containers,
    events: Events,
}

impl Volumes {
    /// Over the mechanism, with the containers that may use them.
    pub fn new(volumes: ::volume::Volumes, containers: Containers, events: Events) -> Self {
        Self { volumes, containers, events }
    }

    /// Makes one, or gives the one that has this name.
    ///
    /// # Errors
    /// InvalidParameter for a wrong name or options, Conflict for other options under the same name.
    pub fn create(&self, request: CreateRequest) -> Result<Volume> {
        if request.cluster_volume_spec.is_some() {
            return Err(errdefs::unavailable(crate::NO_SWARM));
        }
        let known = !request.name.is_empty() && self.volumes.get(&request.name).is_ok();
        let mut labels = request.labels;
        if request.name.is_empty() {
            labels.get_or_insert_default().insert(::volume::ANONYMOUS_LABEL.to_owned(), String::new());
        }
        let volume = self.volumes.create(&::volume::VolumeSpec {
            name: request.name,
            driver: request.driver,
            options: request.driver_opts,
            labels,
        })?;
        if !known {
            self.publish("create", &volume);
        }
        Ok(wire(&volume))
    }

    /// One, by its exact name.
    ///
    /// # Errors
    /// NotFound `get x: no such volume`.
    pub fn inspect(&self, name: &str) -> Result<Volume> {
        self.volumes.get(name).map(|volume| wire(&volume))
    }

    /// Those that match, ordered by name.
    ///
    /// # Errors
    /// InvalidParameter for unknown filters.
    pub fn list(&self, filters: &Filters) -> Result<ListResponse> {
        filters.validate(&["dangling", "driver", "label", "name"])?;
        let dangling = filters.boolean("dangling")?;
        let wanted = |volume: &Arc<::volume::Volume>| {
            filters.matches("name", &volume.name)
                && filters.exact("driver", &volume.driver)
                && filters.labels("label", &volume.labels)
                && dangling
                    .is_none_or(|wanted| self.containers.volume_users(&volume.name).is_empty() == wanted)
        };
        let volumes = self.volumes.list().iter().filter(|v| wanted(v)).map(|v| wire(v)).collect();
        Ok(ListResponse { volumes, warnings: None })
    }

    /// Removes one with its data; `force` makes a missing one no failure.
    ///
    /// # Errors
    /// NotFound; Conflict `remove x: volume is in use - [id]`.
    pub fn remove(&self, name: &str, force: bool) -> Result<()> {
        let volume = match self.volumes.get(name) {
            Err(error) if force && error.class() == Class::NotFound => return Ok(()),
            found => found?,
        };
        self.volumes.remove(name, || self.containers.volume_users(name))?;
        self.publish("destroy", &volume);
        Ok(())
    }

    /// Removes those that nobody uses: anonymous ones only, unless the filter `all` says otherwise or, before API 1.42,
    /// always (`everything`).
    ///
    /// # Errors
    /// InvalidParameter for unknown filters.
    pub fn prune(&self, filters: &Filters, everything: bool) -> Result<PruneReport> {
        filters.validate(&["all", "label", "label!"])?;
        let all = match filters.get("all").next() {
            Some(text) => parse_bool(text).ok_or_else(|| {
                invalid(format!("invalid filter 'all': strconv.ParseBool: parsing {text:?}: invalid syntax"))
            })?,
            None => false,
        };
        let all = everything || all;
        let mut report = PruneReport::default();
        for volume in self.volumes.list() {
            let wanted = (all || volume.is_anonymous())
                && filters.labels("label", &volume.labels)
                && (!filters.contains("label!") || !filters.labels("label!", &volume.labels));
            let users = || self.containers.volume_users(&volume.name);
            if !wanted || !users().is_empty() {
                continue;
            }
            let size = self.volumes.size(&volume.name).unwrap_or(0);
            match self.volumes.remove(&volume.name, users) {
                Ok(()) => {
                    self.publish("destroy", &volume);
                    report.volumes_deleted.push(volume.name.clone());
                    report.space_reclaimed += size;
                }
                // A container has taken it in the meantime, or somebody else has removed it.
                Err(error) if matches!(error.class(), Class::Conflict | Class::NotFound) => {}
                Err(error) => tracing::warn!(volume = volume.name, %error, "prune"),
            }
        }
        let reclaimed = StringMap::from([("reclaimed".to_owned(), report.space_reclaimed.to_string())]);
        self.events.publish(Kind::Volume, "prune", "", reclaimed);
        Ok(report)
    }

    /// All of them with their sizes and users, for `system df`.
    pub(crate) fn usage(&self) -> Vec<Volume> {
        let one = |volume: &Arc<::volume::Volume>| {
            let size = self.volumes.size(&volume.name).ok().and_then(|size| i64::try_from(size).ok());
            let users = self.containers.volume_users(&volume.name).len();
            let usage = UsageData { ref_count: i64::try_from(users).unwrap_or(-1), size: size.unwrap_or(-1) };
            Volume { usage_data: Some(usage), ..wire(volume) }
        };
        self.volumes.list().iter().map(one).collect()
    }

    fn publish(&self, action: &str, volume: &::volume::Volume) {
        let attributes = StringMap::from([("driver".to_owned(), volume.driver.clone())]);
        self.events.publish(Kind::Volume, action, &volume.name, attributes);
    }
}

fn wire(volume: &::volume::Volume) -> Volume {
    let optional = |map: &StringMap, named| (named || !map.is_empty()).then(|| map.clone());
    Volume {
        created_at: volume.created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        driver: volume.driver.clone(),
        labels: optional(&volume.labels, volume.named.labels),
        mountpoint: volume.mountpoint.display().to_string(),
        name: volume.name.clone(),
        options: optional(&volume.options, volume.named.options),
        scope: "local".to_owned(),
        status: None,
        usage_data: None,
    }
}
