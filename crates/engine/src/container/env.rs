//! The environment of a container's process: which entries, in which order (semantics 64).
//!
//! Pure. An entry is `KEY=value`; later ones replace earlier ones in place, and an entry without `=` removes the key.

/// The path of containers whose image sets none.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn key(entry: &str) -> &str {
    entry.split_once('=').map_or(entry, |(key, _)| key)
}

/// Puts `overrides` over `base`: replaced in place, new ones behind, bare keys removed.
pub(crate) fn replace(mut base: Vec<String>, overrides: &[String]) -> Vec<String> {
    for entry in overrides {
        let found = base.iter().position(|have| key(have) == key(entry));
        match (entry.contains('='), found) {
            (true, Some(at)) => base[at].clone_from(entry),
            (true, None) => base.push(entry.clone()),
            (false, Some(at)) => {
                base.remove(at);
            }
            (false, None) => {}
        }
    }
    base
}

/// The environment of the first process: default path, host name, terminal, links, then `config`.
pub(crate) fn of_container(hostname: &str, tty: bool, links: &[String], config: &[String]) -> Vec<String> {
    let mut base = vec![PATH.to_owned(), format!("HOSTNAME={hostname}")];
    if tty {
        base.push("TERM=xterm".to_owned());
    }
    replace(replace(base, links), config)
}

/// The image's entries whose keys the user's do not have go behind the user's (semantics 66).
pub(crate) fn merge_image(user: &mut Vec<String>, image: &[String]) {
    for entry in image {
        if !user.iter().any(|have| key(have) == key(entry)) {
            user.push(entry.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(list: &[&str]) -> Vec<String> {
        list.iter().map(|entry| (*entry).to_owned()).collect()
    }

    #[test]
    fn order_is_default_then_config_with_replacement_in_place() {
        let table: &[(bool, &[&str], &[&str])] = &[
            (false, &[], &[PATH, "HOSTNAME=h"]),
            (true, &["A=1"], &[PATH, "HOSTNAME=h", "TERM=xterm", "A=1"]),
            (true, &["TERM=vt100", "PATH=/x"], &["PATH=/x", "HOSTNAME=h", "TERM=vt100"]),
            (false, &["A=1", "A=2"], &[PATH, "HOSTNAME=h", "A=2"]),
            (false, &["PATH", "B="], &["HOSTNAME=h", "B="]),
            (false, &["NOTHING"], &[PATH, "HOSTNAME=h"]),
        ];
        for (tty, config, expected) in table {
            assert_eq!(of_container("h", *tty, &[], &owned(config)), owned(expected), "{config:?}");
        }
    }

    #[test]
    fn the_image_fills_in_only_missing_keys() {
        let mut user = owned(&["A=user", "C"]);
        merge_image(&mut user, &owned(&["A=image", "B=image", "C=image"]));
        assert_eq!(user, owned(&["A=user", "C", "B=image"]));
    }
}
