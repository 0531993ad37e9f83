//! `--device` and `--device-cgroup-rule`.

use api::container::DeviceMapping;

fn is_mode(text: &str) -> bool {
    let mut seen = Vec::new();
    !text.is_empty()
        && text.chars().all(|letter| {
            let good = "rwm".contains(letter) && !seen.contains(&letter);
            seen.push(letter);
            good
        })
}

/// Parses `host[:container][:mode]`.
pub(crate) fn parse(text: &str) -> Result<DeviceMapping, String> {
    let bad = || format!("bad format for path: {text}");
    if text.is_empty() {
        return Err(bad());
    }
    let parts: Vec<&str> = text.split(':').collect();
    let (host, container, mode) = match parts.as_slice() {
        [host] => (*host, *host, "rwm"),
        [host, mode] if is_mode(mode) => (*host, *host, *mode),
        [host, container] => (*host, *container, "rwm"),
        [host, container, mode] if is_mode(mode) => (*host, *container, *mode),
        [_, _, mode] => return Err(format!("bad mode specified: {mode}")),
        _ => return Err(bad()),
    };
    if !container.starts_with('/') {
        return Err(format!("{container} is not an absolute path"));
    }
    Ok(DeviceMapping {
        path_on_host: host.to_owned(),
        path_in_container: container.to_owned(),
        cgroup_permissions: mode.to_owned(),
    })
}

/// True for the name of a CDI device: `vendor/class=name`.
pub(crate) fn is_cdi(text: &str) -> bool {
    !text.starts_with('/')
        && text.split_once('=').is_some_and(|(kind, name)| {
            !name.is_empty()
                && kind
                    .split_once('/')
                    .is_some_and(|(vendor, class)| vendor.contains('.') && !class.is_empty())
        })
}

/// Judges `type major:minor mode`.
pub(crate) fn check_rule(text: &str) -> Result<(), String> {
    let number =
        |text: &str| text == "*" || (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    let good = match text.split(' ').collect::<Vec<_>>().as_slice() {
        [kind, device, mode] => {
            ["a", "b", "c"].contains(kind)
                && device.split_once(':').is_some_and(|(major, minor)| number(major) && number(minor))
                && (1..=3).contains(&mode.len())
                && mode.chars().all(|letter| "rwm".contains(letter))
        }
        _ => false,
    };
    if good { Ok(()) } else { Err(format!("invalid device cgroup format '{text}'")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices() {
        for (text, wanted) in [
            ("/dev/a", Ok(("/dev/a", "/dev/a", "rwm"))),
            ("/dev/a:r", Ok(("/dev/a", "/dev/a", "r"))),
            ("/dev/a:/dev/b", Ok(("/dev/a", "/dev/b", "rwm"))),
            ("/dev/a:/dev/b:rw", Ok(("/dev/a", "/dev/b", "rw"))),
            ("/x:y:q", Err("bad mode specified: q")),
            ("/dev/a:x", Err("x is not an absolute path")),
            ("a:b:c:d", Err("bad format for path: a:b:c:d")),
        ] {
            let parsed = parse(text);
            let parsed = parsed.as_ref().map_err(String::as_str).map(|device| {
                (
                    device.path_on_host.as_str(),
                    device.path_in_container.as_str(),
                    device.cgroup_permissions.as_str(),
                )
            });
            assert_eq!(parsed, wanted, "{text}");
        }
        assert!(is_cdi("nvidia.com/gpu=all") && !is_cdi("/dev/x=y"));
    }

    #[test]
    fn rules() {
        assert_eq!((check_rule("c 1:3 mr"), check_rule("a *:* rwm")), (Ok(()), Ok(())));
        assert_eq!(check_rule("foo"), Err("invalid device cgroup format 'foo'".into()));
    }
}
