//! The capabilities of a container: Docker's default fourteen, what a user adds, what a user drops.
//!
//! Pure. Names are accepted with and without `CAP_`, in any case, as Docker does, and come out in the kernel's order so
//! that two equal sets are equal lists. Ambient and inheritable sets stay empty: CVE-2022-24769 and its kin.

use errdefs::Result;
use oci::runtime::CAPABILITIES as ALL;

/// What a container gets that asks for nothing (semantics 70).
const DEFAULT: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

/// A set of capabilities, one bit each.
type Set = u64;

/// The names of the wanted capabilities. `last` is the number of the kernel's last one
/// (`/proc/sys/kernel/cap_last_cap`): what the kernel does not have cannot be given, also by "all".
///
/// # Errors
/// Invalid parameter for names that are no capabilities.
pub(crate) fn resolve(add: &[String], drop: &[String], privileged: bool, last: u32) -> Result<Vec<String>> {
    let kernel: Set = u64::MAX >> (63 - last.min(ALL.len() as u32 - 1));
    if privileged {
        return Ok(names(kernel));
    }
    let (add_all, add) = parse("CapAdd", add)?;
    let (drop_all, drop) = parse("CapDrop", drop)?;
    let default = DEFAULT.iter().filter_map(|name| number(name)).fold(0, |set, bit| set | 1 << bit);
    let set = match (add_all, drop_all) {
        (true, _) => kernel & !drop,
        (false, true) => add,
        (false, false) => (default & !drop) | add,
    };
    Ok(names(set & kernel))
}

/// Checks names without making a set; for `create`.
pub(crate) fn check(add: &[String], drop: &[String]) -> Result<()> {
    parse("CapAdd", add)?;
    parse("CapDrop", drop)?;
    Ok(())
}

fn parse(field: &str, list: &[String]) -> Result<(bool, Set)> {
    let mut set = 0;
    let mut all = false;
    for given in list {
        let upper = given.trim().to_ascii_uppercase();
        if upper == "ALL" {
            all = true;
            continue;
        }
        let name = if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") };
        let bit = number(&name)
            .ok_or_else(|| errdefs::invalid(format!("invalid {field}: unknown capability: \"{name}\"")))?;
        set |= 1 << bit;
    }
    Ok((all, set))
}

fn number(name: &str) -> Option<usize> {
    ALL.iter().position(|known| *known == name)
}

fn names(set: Set) -> Vec<String> {
    ALL.iter()
        .enumerate()
        .filter(|(bit, _)| set & (1 << bit) != 0)
        .map(|(_, name)| (*name).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(add: &[&str], drop: &[&str]) -> Vec<String> {
        let owned = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        resolve(&owned(add), &owned(drop), false, 40).unwrap()
    }

    #[test]
    fn the_default_is_dockers_fourteen() {
        let mut expected: Vec<&str> = DEFAULT.to_vec();
        expected.sort_unstable();
        let mut got = resolved(&[], &[]);
        got.sort_unstable();
        assert_eq!(got, expected);
    }

    #[test]
    fn add_and_drop_combine_as_dockers() {
        let table: &[(&[&str], &[&str], usize)] = &[
            (&["NET_ADMIN"], &[], 15),
            (&["cap_net_admin"], &["chown"], 14),
            (&["ALL"], &[], 41),
            (&["all"], &["SYS_ADMIN", "MKNOD"], 39),
            (&[], &["ALL"], 0),
            (&["CHOWN"], &["ALL"], 1),
            (&["CHOWN"], &[], 14),
        ];
        for (add, drop, count) in table {
            assert_eq!(resolved(add, drop).len(), *count, "{add:?} {drop:?}");
        }
    }

    #[test]
    fn the_kernels_last_capability_bounds_all() {
        assert_eq!(resolve(&[], &[], true, 37).unwrap().len(), 38);
        assert_eq!(resolve(&["ALL".into()], &[], false, 37).unwrap().len(), 38);
        assert_eq!(resolve(&[], &[], true, 63).unwrap().len(), 41, "newer kernels have some we cannot name");
    }

    #[test]
    fn unknown_names_are_refused_in_dockers_words() {
        let error = check(&["foo".into()], &[]).unwrap_err();
        assert_eq!(error.to_string(), "invalid CapAdd: unknown capability: \"CAP_FOO\"");
        let error = check(&[], &["1".into()]).unwrap_err();
        assert_eq!(error.to_string(), "invalid CapDrop: unknown capability: \"CAP_1\"");
    }
}
