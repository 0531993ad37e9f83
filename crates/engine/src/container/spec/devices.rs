//! Devices: which nodes a container gets and which it may use (semantics 74 and 75).
//!
//! An empty list is "deny all", never "no rules": the first rule denies everything, and what is allowed follows.

use std::path::Path;

use api::container::DeviceMapping;
use errdefs::Result;
use oci::runtime::{DeviceNode, DeviceRule};
use rustix::fs::{FileType, major, minor};

/// Nodes of the host for a container, and the rules that let it use them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) nodes: Vec<DeviceNode>,
    pub(crate) rules: Vec<DeviceRule>,
}

/// How many nodes one `--device` directory or a privileged container can bring, against a hostile `/dev`.
const NODES_MOST: usize = 4096;
/// How deep directories below `/dev` are walked.
const DEPTH_MOST: u32 = 8;

/// The rules of a container: deny all, allow the harmless and the granted ones.
pub(crate) fn rules(granted: &Granted, privileged: bool) -> Vec<DeviceRule> {
    let rule = |allow, kind: &str, major, minor| DeviceRule {
        allow,
        kind: kind.to_owned(),
        major,
        minor,
        access: "rwm".to_owned(),
    };
    if privileged {
        return vec![rule(true, "", None, None)];
    }
    let mut rules = vec![rule(false, "", None, None)];
    // zero, null, urandom, random, tty, console; fuse is denied by name, as Docker does.
    for (major, minor) in [(1, 5), (1, 3), (1, 9), (1, 8), (5, 0), (5, 1)] {
        rules.push(rule(true, "c", Some(major), Some(minor)));
    }
    rules.push(rule(false, "c", Some(10), Some(229)));
    rules.extend(granted.rules.iter().cloned());
    rules
}

/// Finds what `--device`, `--device-cgroup-rule` and `--privileged` grant.
///
/// # Errors
/// In Docker's words, if a device is not there or a rule is malformed.
pub(crate) fn grant(devices: &[DeviceMapping], cgroup_rules: &[String], privileged: bool) -> Result<Granted> {
    let mut granted = Granted::default();
    if privileged {
        walk(Path::new("/dev"), Path::new("/dev"), "rwm", &mut granted, 0)?;
        granted.rules.clear();
        // What is asked for by name besides is already there.
        return Ok(granted);
    }
    for device in devices {
        let access = if device.cgroup_permissions.is_empty() { "rwm" } else { &device.cgroup_permissions };
        if !access.bytes().all(|byte| b"rwm".contains(&byte)) {
            return Err(errdefs::invalid(format!("invalid device mode: {access}")));
        }
        let gathering = |text: String| {
            errdefs::system(format!(
                "error gathering device information while adding custom device \"{}\": {text}",
                device.path_on_host
            ))
        };
        let host =
            std::fs::canonicalize(&device.path_on_host).map_err(|error| gathering(errdefs::words(&error)))?;
        let inside = Path::new(if device.path_in_container.is_empty() {
            &device.path_on_host
        } else {
            &device.path_in_container
        });
        let before = granted.nodes.len();
        if host.is_dir() {
            walk(&host, inside, access, &mut granted, 0)?;
        } else {
            add(&host, inside, access, &mut granted).map_err(|error| gathering(errdefs::words(&error)))?;
        }
        if granted.nodes.len() == before {
            return Err(gathering("not a device node".into()));
        }
    }
    for text in cgroup_rules {
        granted.rules.push(parse_rule(text)?);
    }
    Ok(granted)
}

fn walk(dir: &Path, inside: &Path, access: &str, granted: &mut Granted, depth: u32) -> Result<()> {
    // pts, shm, mqueue are mounts of the container's own; .lxc and console are Docker's exceptions.
    const OWN: [&str; 8] = ["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console"];
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        // It went away after it was seen.
        Err(error) if depth > 0 && error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(errdefs::system(format!("{}: {error}", dir.display()))),
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if depth == 0 && OWN.iter().any(|own| name == **own) {
            continue;
        }
        let Ok(kind) = entry.file_type() else { continue };
        let (path, inside) = (entry.path(), inside.join(&name));
        if kind.is_dir() && depth < DEPTH_MOST {
            walk(&path, &inside, access, granted, depth + 1)?;
        } else if !kind.is_symlink() && granted.nodes.len() < NODES_MOST {
            // A node that went away meanwhile is not one of the host's devices.
            let _ = add(&path, &inside, access, granted);
        }
    }
    Ok(())
}

fn add(host: &Path, inside: &Path, access: &str, granted: &mut Granted) -> std::io::Result<()> {
    let stat = rustix::fs::lstat(host)?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice => "c",
        FileType::BlockDevice => "b",
        _ => return Ok(()),
    };
    let (major, minor) = (i64::from(major(stat.st_rdev)), i64::from(minor(stat.st_rdev)));
    granted.nodes.push(DeviceNode {
        path: inside.to_string_lossy().into_owned(),
        kind: kind.into(),
        major,
        minor,
        file_mode: Some(stat.st_mode & 0o777),
        uid: Some(stat.st_uid),
        gid: Some(stat.st_gid),
    });
    granted.rules.push(DeviceRule {
        allow: true,
        kind: kind.into(),
        major: Some(major),
        minor: Some(minor),
        access: access.into(),
    });
    Ok(())
}

/// Reads `c 10:229 rwm`.
fn parse_rule(text: &str) -> Result<DeviceRule> {
    let refuse = || errdefs::invalid(format!("invalid device cgroup rule format: '{text}'"));
    let number = |part: &str| match part {
        "*" => Ok(None),
        _ => part.parse::<u32>().map(|number| Some(i64::from(number))).map_err(|_| refuse()),
    };
    let parts: Vec<&str> = text.split(' ').collect();
    let [kind, numbers, access] = parts[..] else { return Err(refuse()) };
    let (major, minor) = numbers.split_once(':').ok_or_else(refuse)?;
    let good = matches!(kind, "a" | "b" | "c")
        && (1..=3).contains(&access.len())
        && access.bytes().all(|byte| b"rwm".contains(&byte));
    if !good {
        return Err(refuse());
    }
    Ok(DeviceRule {
        allow: true,
        kind: kind.into(),
        major: number(major)?,
        minor: number(minor)?,
        access: access.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_deny_all_first_and_allow_the_granted_last() {
        let granted = grant(&[], &["c 7:* rm".into()], false).unwrap();
        let all = rules(&granted, false);
        assert!(!all[0].allow && all[0].kind.is_empty());
        let last = all.last().unwrap();
        assert_eq!((last.major, last.minor, last.access.as_str()), (Some(7), None, "rm"));
        assert_eq!(rules(&Granted::default(), true).len(), 1);
    }

    #[test]
    fn malformed_rules_are_refused() {
        for bad in ["", "c 1:3", "x 1:3 r", "c 1 r", "c 1:3 rwmx", "c -1:3 r", "c 1:3 ", "c  1:3 r"] {
            assert!(parse_rule(bad).is_err(), "{bad:?}");
        }
        assert_eq!(parse_rule("a *:* rwm").unwrap().major, None);
    }

    #[test]
    fn a_device_is_granted_by_its_numbers_and_a_missing_one_refused() {
        let device = |path: &str, inside: &str| DeviceMapping {
            path_on_host: path.into(),
            path_in_container: inside.into(),
            cgroup_permissions: "r".into(),
        };
        let granted = grant(&[device("/dev/null", "/dev/x")], &[], false).unwrap();
        assert_eq!(granted.nodes[0].path, "/dev/x");
        assert_eq!((granted.rules[0].major, granted.rules[0].minor), (Some(1), Some(3)));
        assert_eq!(
            grant(&[device("/dev/nosuch", "")], &[], false).unwrap_err().to_string(),
            "error gathering device information while adding custom device \"/dev/nosuch\": no such file or directory"
        );
        assert!(grant(&[device("/etc/passwd", "")], &[], false).is_err(), "no device");
    }
}
