//! A container's log: which driver with which limits, and the attributes its lines carry.

use std::collections::BTreeMap;
use std::path::PathBuf;

use api::container::HostConfig;
use errdefs::Result;
use logs::WriterConfig;

use super::names;
use super::record::Record;
use super::shared::Shared;

/// Docker's drivers; the log crate says which of them exist here.
const KNOWN: [&str; 11] = [
    "json-file",
    "local",
    "none",
    "syslog",
    "journald",
    "gelf",
    "fluentd",
    "awslogs",
    "splunk",
    "etwlogs",
    "gcplogs",
];

/// The log of the container `id`, without attributes.
///
/// # Errors
/// In Docker's words, for drivers and options that do not exist.
pub(crate) fn config(shared: &Shared, id: &str, host: &HostConfig) -> Result<WriterConfig> {
    let log = &host.log_config;
    if !KNOWN.contains(&log.r#type.as_str()) {
        return Err(errdefs::invalid(format!(
            "error looking up logging plugin {0}: plugin \"{0}\" not found",
            log.r#type
        )));
    }
    WriterConfig::from_options(&log.r#type, &log.config, path(shared, id, &log.r#type))
}

/// Where it is: Docker's places, so that tools which look there find it.
pub(crate) fn path(shared: &Shared, id: &str, driver: &str) -> PathBuf {
    let dir = shared.data_dir(id);
    match driver {
        "local" => dir.join("local-logs").join("container.log"),
        _ => dir.join(format!("{id}-json.log")),
    }
}

/// The log of a run, with the attributes that `labels`, `env` and `tag` ask for.
///
/// # Errors
/// As [`config`]; also if the log's directory cannot be made.
pub(crate) fn of_run(shared: &Shared, record: &Record) -> Result<WriterConfig> {
    let mut made = config(shared, &record.id, &record.host)?;
    if let Some(dir) = made.path.parent().filter(|_| record.host.log_config.r#type == "local") {
        std::fs::create_dir_all(dir)?;
    }
    made.attrs = attributes(record, &record.host.log_config.config);
    Ok(made)
}

fn attributes(record: &Record, options: &api::StringMap) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let wanted = |key: &str| options.get(key).map(|list| list.split(',').map(str::trim).collect::<Vec<_>>());
    for label in wanted("labels").unwrap_or_default() {
        if let Some(value) = record.config.labels.get(label) {
            all.insert(label.to_owned(), value.clone());
        }
    }
    for key in wanted("env").unwrap_or_default() {
        let entries = record.config.env.iter().flatten();
        if let Some((_, value)) =
            entries.filter_map(|entry| entry.split_once('=')).find(|(have, _)| *have == key)
        {
            all.insert(key.to_owned(), value.to_owned());
        }
    }
    if let Some(tag) = options.get("tag").filter(|tag| !tag.is_empty()) {
        let tag = tag
            .replace("{{.ID}}", names::short(&record.id))
            .replace("{{.FullID}}", &record.id)
            .replace("{{.Name}}", &record.name)
            .replace("{{.ImageName}}", &record.config.image);
        all.insert("tag".into(), tag);
    }
    all
}
