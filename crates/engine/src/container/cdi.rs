//! CDI: devices that a vendor describes in files, asked for by name (`--device vendor.com/class=name`, `--gpus`).
//!
//! A file says what a container needs for a device: variables, nodes, mounts, groups, hooks. The files are the operator's
//! (root's own directories); they are read at each start that asks for a device, so that a driver's update counts at once.
//! A later directory wins over an earlier one; two files of one directory with the same device make it unusable.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use api::container::DeviceRequest;
use errdefs::{Context as _, Result, system};
use oci::runtime::{DeviceNode, DeviceRule, Hook, Mount, Spec};
use rustix::fs::{FileType, major, minor};
use serde::Deserialize;

use super::env;

/// The kind of device that `--gpus` means.
const GPU: &str = "nvidia.com/gpu";
/// Against a file of any size; real ones have some kilobytes.
const FILE_MOST: u64 = 4 << 20;

/// One file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct File {
    kind: String,
    container_edits: Edits,
    devices: Vec<Device>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Device {
    name: String,
    container_edits: Edits,
}

/// What is to be changed in a container.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Edits {
    env: Vec<String>,
    device_nodes: Vec<Node>,
    mounts: Vec<EditMount>,
    hooks: Vec<EditHook>,
    #[serde(rename = "additionalGids")]
    additional_gids: Vec<u32>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Node {
    path: String,
    host_path: String,
    r#type: String,
    major: i64,
    minor: i64,
    file_mode: Option<u32>,
    permissions: String,
    uid: Option<u32>,
    gid: Option<u32>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct EditMount {
    host_path: String,
    container_path: String,
    r#type: String,
    options: Vec<String>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct EditHook {
    hook_name: String,
    path: String,
    args: Vec<String>,
    env: Vec<String>,
    timeout: Option<u32>,
}

/// The devices of all files, by their full names; `None` where two files claim one.
#[derive(Debug, Default)]
struct Registry {
    devices: BTreeMap<String, Option<Vec<Edits>>>,
}

impl Registry {
    /// Reads the directories; a file that cannot be read counts for nothing but a line in the log.
    fn read(dirs: &[PathBuf]) -> Self {
        let mut registry = Self::default();
        for dir in dirs {
            let mut found: BTreeMap<String, Option<Vec<Edits>>> = BTreeMap::new();
            for path in files(dir) {
                match parse(&path) {
                    Ok(file) => take(file, &mut found),
                    Err(error) => tracing::warn!(path = %path.display(), %error, "CDI file is left out"),
                }
            }
            registry.devices.extend(found);
        }
        registry
    }

    /// The names of one kind, without the kind.
    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        self.devices.keys().filter_map(move |name| name.strip_prefix(kind)?.strip_prefix('='))
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries
        .filter(|path| {
            path.extension().is_some_and(|end| matches!(end.to_str(), Some("json" | "yaml" | "yml")))
        })
        .collect();
    files.sort();
    files
}

fn parse(path: &Path) -> Result<File> {
    let size = std::fs::metadata(path).context(|| "stat")?.len();
    if size > FILE_MOST {
        return Err(system(format!("{size} bytes are too many")));
    }
    let text = std::fs::read_to_string(path).context(|| "read")?;
    let file: File = match path.extension().and_then(|end| end.to_str()) {
        Some("json") => serde_json::from_str(&text).context(|| "decode")?,
        _ => serde_saphyr::from_str(&text).context(|| "decode")?,
    };
    let good = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(&b))
    };
    let kind = file.kind.split_once('/').is_some_and(|(vendor, class)| good(vendor) && good(class));
    if !kind || file.devices.iter().any(|device| !good(&device.name)) {
        return Err(system(format!("invalid kind or device name in kind {:?}", file.kind)));
    }
    Ok(file)
}

fn take(file: File, found: &mut BTreeMap<String, Option<Vec<Edits>>>) {
    let File { kind, container_edits, devices } = file;
    for device in devices {
        let edits = vec![container_edits.clone(), device.container_edits];
        found
            .entry(format!("{kind}={}", device.name))
            .and_modify(|claimed| *claimed = None)
            .or_insert(Some(edits));
    }
}

/// The names of the devices that are asked for, each as `vendor.com/class=name`.
///
/// # Errors
/// In Docker's words, for requests that no driver here can answer.
pub(crate) fn wanted(requests: &[DeviceRequest], dirs: &[PathBuf]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for request in requests {
        if request.driver == "cdi" {
            names.extend(request.device_ids.iter().flatten().cloned());
            continue;
        }
        names.extend(gpus(request, dirs).ok_or_else(|| no_driver(request))?);
    }
    Ok(names)
}

fn no_driver(request: &DeviceRequest) -> errdefs::Error {
    let groups = request.capabilities.iter().flatten().map(|group| format!("[{}]", group.join(" ")));
    system(format!(
        "could not select device driver \"{}\" with capabilities: [{}]",
        request.driver,
        groups.collect::<Vec<_>>().join(" ")
    ))
}

/// What `--gpus` means in names of CDI; `None` if it means nothing here.
fn gpus(request: &DeviceRequest, dirs: &[PathBuf]) -> Option<Vec<String>> {
    let asks = request.capabilities.iter().flatten().flatten().any(|capability| capability == "gpu");
    if !asks || !matches!(request.driver.as_str(), "" | "nvidia") {
        return None;
    }
    let registry = Registry::read(dirs);
    let have: Vec<&str> = registry.of_kind(GPU).collect();
    if have.is_empty() {
        return None;
    }
    let named = |id: &str| format!("{GPU}={id}");
    let ids = request.device_ids.as_deref().unwrap_or_default();
    if !ids.is_empty() {
        return Some(ids.iter().map(|id| named(id)).collect());
    }
    Some(match usize::try_from(request.count) {
        Err(_) if have.contains(&"all") => vec![named("all")],
        Err(_) => have.into_iter().map(named).collect(),
        Ok(count) => (0..count).map(|index| named(&index.to_string())).collect(),
    })
}

/// Puts the devices into the spec.
///
/// # Errors
/// In Docker's words, for devices that no file describes.
pub(crate) fn inject(spec: &mut Spec, names: &[String], dirs: &[PathBuf]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let registry = Registry::read(dirs);
    let mut all: Vec<Edits> = Vec::new();
    let mut unresolvable = Vec::new();
    for name in names {
        match registry.devices.get(name) {
            Some(Some(edits)) => all.extend(edits.iter().cloned()),
            _ => unresolvable.push(name.as_str()),
        }
    }
    if !unresolvable.is_empty() {
        let names = unresolvable.join(", ");
        return Err(system(format!("CDI device injection failed: unresolvable CDI devices {names}")));
    }
    for edits in all {
        apply(spec, edits).map_err(|error| error.context("CDI device injection failed"))?;
    }
    Ok(())
}

fn apply(spec: &mut Spec, edits: Edits) -> Result<()> {
    if let Some(process) = &mut spec.process {
        process.env = env::replace(std::mem::take(&mut process.env), &edits.env);
        process.user.additional_gids.extend(&edits.additional_gids);
    }
    for mount in edits.mounts {
        let mut options = mount.options;
        let bind = matches!(mount.r#type.as_str(), "" | "none" | "bind");
        if bind && !options.iter().any(|option| option == "bind" || option == "rbind") {
            options.push("rbind".into());
        }
        spec.mounts.retain(|have| have.destination != mount.container_path);
        spec.mounts.push(Mount {
            destination: mount.container_path,
            kind: if bind { "bind".into() } else { mount.r#type },
            source: mount.host_path,
            options,
            ..Mount::default()
        });
    }
    let linux = spec.linux.get_or_insert_default();
    for node in edits.device_nodes {
        let (node, rule) = device(node)?;
        linux.devices.retain(|have| have.path != node.path);
        linux.devices.push(node);
        linux.resources.get_or_insert_default().devices.push(rule);
    }
    for hook in edits.hooks {
        let hooks = spec.hooks.get_or_insert_default();
        let list = match hook.hook_name.as_str() {
            "prestart" => &mut hooks.prestart,
            "createRuntime" => &mut hooks.create_runtime,
            "createContainer" => &mut hooks.create_container,
            "startContainer" => &mut hooks.start_container,
            "poststart" => &mut hooks.poststart,
            "poststop" => &mut hooks.poststop,
            other => return Err(errdefs::invalid(format!("unknown hook name {other:?}"))),
        };
        list.push(Hook { path: hook.path, args: hook.args, env: hook.env, timeout: hook.timeout });
    }
    Ok(())
}

/// A node and the right to use it; what the file does not say is read from the host's node.
fn device(node: Node) -> Result<(DeviceNode, DeviceRule)> {
    let host = if node.host_path.is_empty() { &node.path } else { &node.host_path };
    let (mut kind, mut numbers) = (node.r#type.clone(), (node.major, node.minor));
    if kind.is_empty() || (numbers == (0, 0) && kind != "p") {
        let stat = rustix::fs::stat(host.as_str()).map_err(|errno| {
            system(format!("failed to stat CDI host device \"{host}\": {}", errdefs::words(&errno.into())))
        })?;
        kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::CharacterDevice => "c".into(),
            FileType::BlockDevice => "b".into(),
            FileType::Fifo => "p".into(),
            _ => return Err(system(format!("CDI host device \"{host}\" is not a device"))),
        };
        numbers = (i64::from(major(stat.st_rdev)), i64::from(minor(stat.st_rdev)));
    }
    let access = if node.permissions.is_empty() { "rwm".to_owned() } else { node.permissions };
    let rule = DeviceRule {
        allow: true,
        kind: if kind == "p" { "c".into() } else { kind.clone() },
        major: Some(numbers.0),
        minor: Some(numbers.1),
        access,
    };
    let (major, minor) = numbers;
    let made = DeviceNode {
        path: node.path,
        kind,
        major,
        minor,
        file_mode: node.file_mode,
        uid: node.uid,
        gid: node.gid,
    };
    Ok((made, rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "\
cdiVersion: 0.6.0
kind: vendor.com/class
containerEdits:
  env: [ALL=1]
devices:
  - name: one
    containerEdits:
      env:
        - ONE=yes
      deviceNodes:
        - path: /dev/one
          hostPath: /dev/zero
          permissions: r
      mounts:
        - hostPath: /opt/driver
          containerPath: /driver
          options: [ro, nosuid, bind]
";

    fn dir(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    fn injected(dirs: &[&tempfile::TempDir], name: &str) -> Result<Spec> {
        let dirs: Vec<PathBuf> = dirs.iter().map(|dir| dir.path().to_owned()).collect();
        let mut spec = Spec { process: Some(oci::runtime::Process::default()), ..Spec::default() };
        inject(&mut spec, &[name.to_owned()], &dirs).map(|()| spec)
    }

    #[test]
    fn a_device_brings_what_its_file_says() {
        let spec = injected(&[&dir(&[("a.yaml", YAML)])], "vendor.com/class=one").unwrap();
        assert_eq!(spec.process.unwrap().env, ["ALL=1", "ONE=yes"]);
        assert_eq!((spec.mounts[0].destination.as_str(), spec.mounts[0].kind.as_str()), ("/driver", "bind"));
        let linux = spec.linux.unwrap();
        let node = &linux.devices[0];
        assert_eq!((node.path.as_str(), node.kind.as_str(), node.major, node.minor), ("/dev/one", "c", 1, 5));
        assert_eq!(linux.resources.unwrap().devices[0].access, "r");
    }

    #[test]
    fn later_directories_win_and_one_directory_must_agree() {
        let json = r#"{"cdiVersion": "0.6.0", "kind": "vendor.com/class", "devices": [{"name": "one", "containerEdits": {"env": ["ONE=later"]}}]}"#;
        let (first, second) = (dir(&[("a.yaml", YAML)]), dir(&[("b.json", json)]));
        let env = |dirs: &[&tempfile::TempDir]| {
            injected(dirs, "vendor.com/class=one").map(|spec| spec.process.unwrap().env)
        };
        assert_eq!(env(&[&first, &second]).unwrap(), ["ONE=later"]);
        assert_eq!(env(&[&second, &first]).unwrap(), ["ALL=1", "ONE=yes"]);
        let both =
            dir(&[("a.yaml", YAML), ("b.json", json), ("c.json", "{"), ("d.json", r#"{"kind": "../x"}"#)]);
        assert_eq!(
            env(&[&both]).unwrap_err().to_string(),
            "CDI device injection failed: unresolvable CDI devices vendor.com/class=one"
        );
    }

    #[test]
    fn gpus_are_nvidias_devices() {
        let json =
            r#"{"kind": "nvidia.com/gpu", "devices": [{"name": "0"}, {"name": "1"}, {"name": "all"}]}"#;
        let gpus = dir(&[("nvidia.json", json)]);
        let dirs = [gpus.path().to_owned()];
        let request = |count: i64, ids: &[&str]| DeviceRequest {
            count,
            device_ids: Some(ids.iter().map(|id| (*id).to_owned()).collect()),
            capabilities: Some(vec![vec!["gpu".into()]]),
            ..DeviceRequest::default()
        };
        for (count, ids, expected) in [
            (-1, &[][..], vec!["nvidia.com/gpu=all"]),
            (2, &[], vec!["nvidia.com/gpu=0", "nvidia.com/gpu=1"]),
            (0, &["1"], vec!["nvidia.com/gpu=1"]),
        ] {
            assert_eq!(wanted(&[request(count, ids)], &dirs).unwrap(), expected);
        }
        let error = wanted(&[request(-1, &[])], &[]).unwrap_err().to_string();
        assert_eq!(error, "could not select device driver \"\" with capabilities: [[gpu]]");
    }
}
