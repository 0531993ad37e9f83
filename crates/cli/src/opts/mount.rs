//! `--mount`: mounts as lists of keys and values.

use api::container::{BindOptions, DriverConfig, ImageOptions, Mount, TmpfsOptions, VolumeOptions};

use super::size;
use crate::flag::{fields, parse_bool};

/// Parses `type=bind,source=/a,target=/b,readonly,...`.
pub(crate) fn parse(text: &str) -> Result<Mount, String> {
    if text.is_empty() {
        return Err("EOF".to_owned());
    }
    let mut mount = Mount { r#type: "volume".to_owned(), ..Mount::default() };
    for field in fields(text) {
        let (key, value) =
            field.split_once('=').map_or((field.as_str(), None), |(key, value)| (key, Some(value)));
        let key = key.to_lowercase();
        match value {
            Some(value) => set(&mut mount, &key, value, &field)?,
            None => switch(&mut mount, &key, &field)?,
        }
    }
    judge(&mount)?;
    Ok(mount)
}

/// A field that stands alone.
fn switch(mount: &mut Mount, key: &str, field: &str) -> Result<(), String> {
    match key {
        "readonly" | "ro" => mount.read_only = true,
        "volume-nocopy" => volume(mount).no_copy = true,
        "bind-nonrecursive" => bind(mount).non_recursive = true,
        "bind-create-src" => bind(mount).create_mountpoint = true,
        _ => return Err(format!("invalid field '{field}' must be a key=value pair")),
    }
    Ok(())
}

fn bind(mount: &mut Mount) -> &mut BindOptions {
    mount.bind_options.get_or_insert_default()
}

fn volume(mount: &mut Mount) -> &mut VolumeOptions {
    mount.volume_options.get_or_insert_default()
}

fn driver(mount: &mut Mount) -> &mut DriverConfig {
    volume(mount).driver_config.get_or_insert_default()
}

fn tmpfs(mount: &mut Mount) -> &mut TmpfsOptions {
    mount.tmpfs_options.get_or_insert_default()
}

fn set(mount: &mut Mount, key: &str, value: &str, field: &str) -> Result<(), String> {
    let invalid = || format!("invalid value for {key}: {value}");
    let boolean = || parse_bool(value).map_err(|_| invalid());
    let pair = || {
        let (name, value) = value.split_once('=').unwrap_or((value, ""));
        (name.to_owned(), value.to_owned())
    };
    match key {
        "type" => mount.r#type = value.to_lowercase(),
        "source" | "src" => mount.source = absolute(value),
        "target" | "dst" | "destination" => value.clone_into(&mut mount.target),
        "readonly" | "ro" => mount.read_only = boolean()?,
        "consistency" => mount.consistency = value.to_lowercase(),
        "bind-propagation" => bind(mount).propagation = value.to_lowercase(),
        "bind-nonrecursive" => bind(mount).non_recursive = boolean()?,
        "bind-create-src" => bind(mount).create_mountpoint = boolean()?,
        "bind-recursive" => match value {
            "enabled" => {}
            "disabled" => bind(mount).non_recursive = true,
            "writable" => bind(mount).read_only_non_recursive = true,
            "readonly" => bind(mount).read_only_force_recursive = true,
            _ => {
                return Err(format!(
                    "{} (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")",
                    invalid()
                ));
            }
        },
        "volume-subpath" => value.clone_into(&mut volume(mount).subpath),
        "volume-nocopy" => volume(mount).no_copy = boolean()?,
        "volume-label" => volume(mount).labels.extend([pair()]),
        "volume-driver" => value.clone_into(&mut driver(mount).name),
        "volume-opt" => driver(mount).options.extend([pair()]),
        "image-subpath" => {
            value.clone_into(&mut mount.image_options.get_or_insert_with(ImageOptions::default).subpath);
        }
        "tmpfs-size" => tmpfs(mount).size_bytes = size::parse(value).map_err(|_| invalid())?,
        "tmpfs-mode" => tmpfs(mount).mode = u32::from_str_radix(value, 8).map_err(|_| invalid())?,
        _ => return Err(format!("unexpected key '{key}' in '{field}'")),
    }
    Ok(())
}

fn judge(mount: &Mount) -> Result<(), String> {
    if mount.r#type.is_empty() {
        return Err("type is required".to_owned());
    }
    if mount.target.is_empty() {
        return Err("target is required".to_owned());
    }
    for (options, given) in [
        ("volume", mount.volume_options.is_some()),
        ("bind", mount.bind_options.is_some()),
        ("tmpfs", mount.tmpfs_options.is_some()),
        ("image", mount.image_options.is_some()),
    ] {
        if given && mount.r#type != options {
            return Err(format!("cannot mix '{options}-*' options with mount type '{}'", mount.r#type));
        }
    }
    let Some(bind) = &mount.bind_options else { return Ok(()) };
    let needs = |option: &str, needed: &str| {
        Err(format!("option 'bind-recursive={option}' requires '{needed}' to be specified in conjunction"))
    };
    if bind.read_only_non_recursive && !mount.read_only {
        return needs("writable", "readonly");
    }
    if bind.read_only_force_recursive && !mount.read_only {
        return needs("readonly", "readonly");
    }
    if bind.read_only_force_recursive && bind.propagation != "rprivate" {
        return needs("readonly", "bind-propagation=rprivate");
    }
    Ok(())
}

/// A path that starts with a dot is meant from here.
pub(crate) fn absolute(path: &str) -> String {
    if path != "." && path != ".." && !path.starts_with("./") && !path.starts_with("../") {
        return path.to_owned();
    }
    let Ok(here) = std::env::current_dir() else { return path.to_owned() };
    let mut whole = here;
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                whole.pop();
            }
            part => whole.push(part),
        }
    }
    whole.to_string_lossy().into_owned()
}

/// Judges a mount.
pub(crate) fn check(text: &str) -> Result<(), String> {
    parse(text).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts() {
        let mount = parse("type=bind,src=/a,dst=/b,ro,bind-propagation=rslave").unwrap();
        assert_eq!(
            (mount.r#type.as_str(), mount.source.as_str(), mount.target.as_str()),
            ("bind", "/a", "/b")
        );
        assert!(mount.read_only);
        assert_eq!(mount.bind_options.unwrap().propagation, "rslave");
        let mount =
            parse("source=v,target=/x,volume-nocopy,volume-driver=d,\"volume-opt=o=a,b\",volume-label=l=1")
                .unwrap();
        let options = mount.volume_options.unwrap();
        assert!(options.no_copy && options.labels["l"] == "1");
        assert_eq!(options.driver_config.unwrap().options["o"], "a,b");
        let mount = parse("type=tmpfs,target=/x,tmpfs-size=1m,tmpfs-mode=1770").unwrap();
        assert_eq!(mount.tmpfs_options.map(|tmpfs| (tmpfs.size_bytes, tmpfs.mode)), Some((1 << 20, 0o1770)));
        let here = std::env::current_dir().unwrap();
        assert_eq!(parse("type=bind,src=./q/..,dst=/b").unwrap().source, here.to_str().unwrap());
    }

    #[test]
    fn mistakes() {
        for (text, error) in [
            ("foo", "invalid field 'foo' must be a key=value pair"),
            ("", "EOF"),
            ("type=bind,source=/x", "target is required"),
            ("type=volume,target=/x,foo=bar", "unexpected key 'foo' in 'foo=bar'"),
            ("type=volume,target=/x,readonly=foo", "invalid value for readonly: foo"),
            ("type=tmpfs,target=/x,tmpfs-size=foo", "invalid value for tmpfs-size: foo"),
            (
                "type=bind,src=/,target=/x,volume-nocopy",
                "cannot mix 'volume-*' options with mount type 'bind'",
            ),
            ("type=tmpfs,dst=/x,tmpfs-mode=x", "invalid value for tmpfs-mode: x"),
            (
                "type=bind,src=/,dst=/x,bind-recursive=writable",
                "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction",
            ),
        ] {
            assert_eq!(parse(text), Err(error.into()), "{text}");
        }
    }
}
