//! `system df`: show docker disk usage.

use crate::command::{Args, Command};
use crate::flag::{LIST_FORMAT, NONE, boolean, text};
use std::sync::Arc;

use api::system::{BuildCache, DiskUsage};
use template::{Field, Struct, Template, Value};

use crate::cli::Cli;
use crate::command::{container, image, volume};
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::format::human;
use crate::format::rows::{self, Kind, Row, Wanted};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "Show docker disk usage",
    aliases: "",
    args: Args::None,
    interspersed: true,
    flags: &[
        text("format", NONE, LIST_FORMAT),
        boolean("verbose", 'v', "Show detailed information on space usage"),
    ],
    run,
};

static KIND: Kind = Kind {
    table: "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
    quiet: "",
    headers: &[
        ("Type", "TYPE"),
        ("TotalCount", "TOTAL"),
        ("Active", "ACTIVE"),
        ("Size", "SIZE"),
        ("Reclaimable", "RECLAIMABLE"),
    ],
    type_name: "formatter.diskUsageImagesContext",
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let format = parsed.text("format");
    let usage = cli.client()?.disk_usage(&[])?;
    if parsed.on("verbose") && format.is_empty() {
        return cli.write(verbose(&usage)?);
    }
    const RAW: &str = "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\n\
                       reclaimable: {{.Reclaimable}}\n";
    if parsed.on("verbose") && format != "table" {
        return cli.write(everything(&usage, format)?);
    }
    let format = rows::spelled_out(format.to_owned(), false, "", RAW);
    cli.write(rows::render(&KIND, &format, false, summary(&usage))?)
}

/// All objects by a template, which sees the four lists.
fn everything(usage: &DiskUsage, format: &str) -> Outcome<String> {
    let lists = Lists::of(usage, false);
    let list = |name: &str, type_name: &'static str, rows| Field {
        name: Arc::from(name),
        value: rows::list(&Kind { type_name, ..KIND }, rows),
        embedded: false,
    };
    let name: Arc<str> = Arc::from("formatter.diskUsageContext");
    let usage = Value::Struct(Arc::new(Struct {
        name: Arc::clone(&name),
        fields: vec![
            list("Images", "formatter.imageContext", lists.images),
            list("Containers", "formatter.ContainerContext", lists.containers),
            list("Volumes", "formatter.volumeContext", lists.volumes),
            list("BuildCache", "formatter.buildCacheContext", lists.records),
        ],
        ..Struct::default()
    }));
    if format == "json" || format == "{{json .}}" {
        return Ok(rows::html_escaped(&usage.json()));
    }
    let compiled = Template::parse("", &rows::written_out(format))
        .map_err(|error| Failure::new(format!("template parsing error: {error}")))?;
    compiled.execute(&Value::Pointer(Some(Arc::new(usage)), name)).map_err(Failure::new)
}

/// The rows of all objects.
struct Lists {
    images: Vec<Row>,
    containers: Vec<Row>,
    volumes: Vec<Row>,
    records: Vec<Row>,
}

fn summary(usage: &DiskUsage) -> Vec<Row> {
    let images = usage.images.as_deref().unwrap_or_default();
    let used: i64 = images
        .iter()
        .filter(|image| image.containers > 0 && image.size != -1 && image.shared_size != -1)
        .map(|image| image.size - image.shared_size)
        .sum();
    let containers = usage.containers.as_deref().unwrap_or_default();
    let lives = |state: &str| ["running", "paused", "restarting"].iter().any(|word| state.contains(word));
    let running = containers.iter().filter(|container| lives(&container.state));
    let volumes = usage.volumes.as_deref().unwrap_or_default();
    let volume_size = |only_unused: bool| -> i64 {
        volumes
            .iter()
            .filter_map(|volume| volume.usage_data.as_ref())
            .filter(|data| data.size > 0 && (!only_unused || data.ref_count == 0))
            .map(|data| data.size)
            .sum()
    };
    let cache = usage.build_cache.as_deref().unwrap_or_default();
    let cache_size = |only_unused: bool| -> i64 {
        cache
            .iter()
            .filter(|record| !(record.shared || only_unused && record.in_use))
            .map(|record| record.size)
            .sum()
    };
    let written: i64 = containers.iter().map(|container| container.size_rw).sum();
    vec![
        line(
            "Images",
            images.len(),
            images.iter().filter(|image| image.containers > 0).count(),
            usage.layers_size,
            usage.layers_size - used,
        ),
        line(
            "Containers",
            containers.len(),
            running.clone().count(),
            written,
            written - running.map(|container| container.size_rw).sum::<i64>(),
        ),
        line(
            "Local Volumes",
            volumes.len(),
            volumes
                .iter()
                .filter(|volume| volume.usage_data.as_ref().is_some_and(|data| data.ref_count > 0))
                .count(),
            volume_size(false),
            volume_size(true),
        ),
        line(
            "Build Cache",
            cache.len(),
            cache.iter().filter(|record| record.in_use).count(),
            cache_size(false),
            cache_size(true),
        )
        .with("Reclaimable", human::size(cache_size(true) as f64)),
    ]
}

fn line(kind: &str, total: usize, active: usize, size: i64, reclaimable: i64) -> Row {
    let share = if size > 0 { format!(" ({}%)", reclaimable * 100 / size) } else { String::new() };
    Row::new()
        .with("Type", kind)
        .with("TotalCount", total.to_string())
        .with("Active", active.to_string())
        .with("Size", human::size(size as f64))
        .with("Reclaimable", format!("{}{share}", human::size(reclaimable as f64)))
}

impl Lists {
    fn of(usage: &DiskUsage, truncate: bool) -> Self {
        let images = usage.images.as_deref().unwrap_or_default();
        let containers = usage.containers.as_deref().unwrap_or_default();
        let cache = usage.build_cache.as_deref().unwrap_or_default();
        Self {
            images: images
                .iter()
                .filter_map(|image| image::ls::rows_of(image, truncate, false, false).into_iter().next())
                .map(|row| if truncate { row } else { row.with("Digest", "") })
                .collect(),
            containers: containers
                .iter()
                .map(|container| {
                    let written = human::size_with_precision(container.size_rw as f64, 3);
                    container::ls::row(&container.into(), truncate, &Wanted::all()).with("Size", written)
                })
                .collect(),
            volumes: usage.volumes.as_deref().unwrap_or_default().iter().map(volume::ls::row).collect(),
            records: cache.iter().map(|record| record_row(record, truncate)).collect(),
        }
    }
}

fn record_row(record: &BuildCache, truncate: bool) -> Row {
    let used = record.last_used_at.map_or_else(String::new, |time| human::ago(time.unix()));
    Row::new()
        .with("ID", if truncate { human::short_id(&record.id) } else { &record.id })
        .with("CacheType", &record.r#type)
        .with("Size", human::size(record.size as f64))
        .with("CreatedSince", human::ago(record.created_at.unix()))
        .with("LastUsedSince", used)
        .with("UsageCount", record.usage_count.to_string())
        .with("Shared", record.shared.to_string())
}

fn verbose(usage: &DiskUsage) -> Outcome<String> {
    let table = |headers, table: &'static str, rows| {
        let kind = Kind { table, quiet: "", headers, type_name: "" };
        rows::render(&kind, "", false, rows)
    };
    let Lists { images, containers, volumes, records } = Lists::of(usage, true);
    let cache = usage.build_cache.as_deref().unwrap_or_default();
    let cached: i64 = cache.iter().filter(|record| !record.shared).map(|record| record.size).sum();
    Ok(format!(
        "Images space usage:\n\n{}\nContainers space usage:\n\n{}\nLocal Volumes space usage:\n\n{}\nBuild cache usage: {}\n\n{}",
        table(
            image::ls::HEADERS,
            "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}",
            images
        )?,
        table(
            container::ls::HEADERS,
            "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}",
            containers
        )?,
        table(volume::ls::HEADERS, "{{.Name}}\t{{.Links}}\t{{.Size}}", volumes)?,
        human::size(cached as f64),
        table(
            &[
                ("ID", "CACHE ID"),
                ("CacheType", "CACHE TYPE"),
                ("Size", "SIZE"),
                ("CreatedSince", "CREATED"),
                ("LastUsedSince", "LAST USED"),
                ("UsageCount", "USAGE"),
                ("Shared", "SHARED"),
            ],
            "{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}",
            records
        )?
    ))
}
