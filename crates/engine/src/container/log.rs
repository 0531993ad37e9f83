//! A container's log: which driver with which limits, and what its lines carry.
//!
//! As with Docker, names of drivers and options are checked when a container is created, most values when it starts.

use std::path::PathBuf;

use api::container::{HostConfig, LogConfig};
use errdefs::{Result, invalid, not_implemented};
use logs::{Driver, Signal, WriterConfig};
use shipper::{Job, Subject};

use super::record::Record;
use super::shared::Shared;

mod attributes;

/// Of Docker's drivers, those that exist nowhere here; its own Debian package knows none of their kind either.
fn unknown(name: &str) -> errdefs::Error {
    invalid(format!("error looking up logging plugin {name}: plugin \"{name}\" not found"))
}

/// The file driver of this name.
fn file_driver(name: &str) -> Option<Driver> {
    match name {
        "json-file" => Some(Driver::JsonFile),
        "local" => Some(Driver::Local),
        "none" => Some(Driver::None),
        _ => None,
    }
}

/// Checks what can be checked when a container is created.
///
/// # Errors
/// InvalidParameter in Docker's words, for drivers and options that do not exist.
pub(crate) fn check(host: &HostConfig) -> Result<()> {
    check_options(&host.log_config.r#type, &host.log_config.config)
}

/// Checks a driver's name and options, also the daemon's own defaults.
///
/// # Errors
/// InvalidParameter in Docker's words, for drivers and options that do not exist.
pub fn check_options(name: &str, options: &api::StringMap) -> Result<()> {
    if shipper::DRIVERS.contains(&name) {
        return shipper::check(name, options);
    }
    let driver = file_driver(name).ok_or_else(|| unknown(name))?;
    logs::config::check(driver, options)
}

/// Where it is: Docker's places, so that tools which look there find it.
pub(crate) fn path(shared: &Shared, id: &str, driver: &str) -> PathBuf {
    let dir = shared.data_dir(id);
    match driver {
        "local" => dir.join("local-logs").join("container.log"),
        _ => dir.join(format!("{id}-json.log")),
    }
}

/// The log to be read.
///
/// # Errors
/// As Docker's, for malformed options: such a container has never started.
pub(crate) fn to_read(shared: &Shared, record: &Record) -> Result<WriterConfig> {
    let LogConfig { r#type: name, config: options } = &record.host.log_config;
    if shipper::DRIVERS.contains(&name.as_str()) {
        if logs::config::cache_disabled(options)? {
            return Err(not_implemented("configured logging driver does not support reading"));
        }
        return shared.parts.shippers.cache(&record.id, options);
    }
    let driver = file_driver(name).ok_or_else(|| unknown(name))?;
    WriterConfig::from_options(driver, options, path(shared, &record.id, name))
}

/// The log of a run that is about to begin, with the attributes that `labels`, `env` and `tag` ask for.
///
/// # Errors
/// In Docker's words for malformed options; also if the log's directory cannot be made.
pub(crate) fn of_run(shared: &Shared, record: &Record) -> Result<WriterConfig> {
    made(shared, record).map_err(|error| {
        error.context("failed to create task for container: failed to initialize logging driver")
    })
}

/// Sends the log of a run on, if its driver is a remote one; `ended` is to be set when it is complete.
pub(crate) fn send(shared: &Shared, record: &Record, ended: Option<&Signal>) {
    if let Some(ended) = ended.filter(|_| is_remote(record)) {
        shared.parts.shippers.start(&record.id, ended.clone());
    }
}

/// The container is gone; what of its log has not been sent yet is sent first.
pub(crate) fn removed(shared: &Shared, record: &Record) {
    if is_remote(record) {
        shared.parts.shippers.removed(&record.id);
    }
}

fn is_remote(record: &Record) -> bool {
    shipper::DRIVERS.contains(&record.host.log_config.r#type.as_str())
}

fn made(shared: &Shared, record: &Record) -> Result<WriterConfig> {
    if is_remote(record) {
        return shared.parts.shippers.prepare(&job(record)?);
    }
    let mut made = to_read(shared, record)?;
    let options = &record.host.log_config.config;
    match made.driver {
        Driver::Local => {
            if let Some(dir) = made.path.parent() {
                std::fs::create_dir_all(dir)?;
            }
        }
        Driver::JsonFile => {
            made.attrs = attributes::extra(record, options)?;
            // No tag unless one is asked for.
            if let Some(tag) = attributes::tag(record, options, "")?.filter(|tag| !tag.is_empty()) {
                made.attrs.insert("tag".into(), tag);
            }
        }
        Driver::None => {}
    }
    Ok(made)
}

/// What a remote driver has to know.
fn job(record: &Record) -> Result<Job> {
    let LogConfig { r#type: driver, config: options } = &record.host.log_config;
    let subject = Subject {
        container_id: record.id.clone(),
        container_name: record.name.clone(),
        image_id: record.image.as_ref().map(ToString::to_string).unwrap_or_default(),
        image_name: record.config.image.clone(),
        command: attributes::command(record),
        created: record.created.to_string(),
        tag: attributes::tag(record, options, "{{.ID}}")?.unwrap_or_default(),
        extra: attributes::extra(record, options)?,
        host: attributes::hostname(),
    };
    Ok(Job { driver: driver.clone(), options: options.clone(), subject })
}
