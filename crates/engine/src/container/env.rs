//! The environment of a container's process: which entries, in which order (semantics 64).
//!
//! Pure. An entry is `KEY=value`. As in Docker, a setting replaces a default in its place, an entry without `=` removes a
//! default, and of several settings of one key the last one stands where it is.

use std::collections::HashSet;

/// The path of containers whose image sets none.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn key(entry: &str) -> &str {
    entry.split_once('=').map_or(entry, |(key, _)| key)
}

/// Puts `overrides` over the defaults `base`: replaced in place, new ones behind, bare keys removed.
pub(crate) fn replace(base: Vec<String>, overrides: &[String]) -> Vec<String> {
    let keys: Vec<String> = base.iter().map(|entry| key(entry).to_owned()).collect();
    let mut all: Vec<Option<String>> = base.into_iter().map(Some).collect();
    for entry in overrides {
        let set = entry.contains('=').then(|| entry.clone());
        match keys.iter().position(|default| default == key(entry)) {
            Some(at) => all[at] = set,
            None => all.extend(set.map(Some)),
        }
    }
    let mut seen = HashSet::new();
    let mut last: Vec<String> =
        all.into_iter().rev().flatten().filter(|entry| seen.insert(key(entry).to_owned())).collect();
    last.reverse();
    last
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
    fn semantics_64_defaults_then_settings_with_replacement_in_place() {
        let table: &[(bool, &[&str], &[&str])] = &[
            (false, &[], &[PATH, "HOSTNAME=h"]),
            (true, &["A=1"], &[PATH, "HOSTNAME=h", "TERM=xterm", "A=1"]),
            (true, &["TERM=vt100", "PATH=/x"], &["PATH=/x", "HOSTNAME=h", "TERM=vt100"]),
            (false, &["A=1", "A=2"], &[PATH, "HOSTNAME=h", "A=2"]),
            (false, &["PATH", "B="], &["HOSTNAME=h", "B="]),
            (false, &["NOTHING"], &[PATH, "HOSTNAME=h"]),
            (false, &["A=1", "B=2", "A=3", "B"], &[PATH, "HOSTNAME=h", "B=2", "A=3"]),
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
