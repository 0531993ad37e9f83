//! `--security-opt`: its grammar and what each option asks for (semantics 84).
//!
//! Unknown options and options that cannot be honoured are refused: a container must never be less confined than its
//! user was told.

use errdefs::Result;

/// The options of one container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) no_new_privileges: bool,
    pub(crate) seccomp: Seccomp,
    /// The profile's name, if one was asked for.
    pub(crate) apparmor: Option<String>,
    pub(crate) writable_cgroups: bool,
}

/// Which system calls are let through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Seccomp {
    /// Docker's default profile.
    #[default]
    Default,
    /// All.
    Unconfined,
    /// A profile of the user's own, in JSON.
    Profile(String),
}

impl Options {
    /// Reads the list.
    ///
    /// # Errors
    /// InvalidParameter, in Docker's words.
    pub(crate) fn parse(list: &[String]) -> Result<Self> {
        let mut options = Self::default();
        for option in list {
            let refuse = || errdefs::invalid(format!("invalid --security-opt 1: \"{option}\""));
            if option == "no-new-privileges" {
                options.no_new_privileges = true;
                continue;
            }
            if option == "writable-cgroups" {
                options.writable_cgroups = true;
                continue;
            }
            let (key, value) =
                option.split_once('=').or_else(|| option.split_once(':')).ok_or_else(refuse)?;
            let boolean = || match value {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
                _ => Err(errdefs::invalid(format!("invalid --security-opt 2: \"{option}\""))),
            };
            match key {
                "no-new-privileges" => options.no_new_privileges = boolean()?,
                "writable-cgroups" => options.writable_cgroups = boolean()?,
                // Labels are SELinux's; without it Docker takes and ignores them.
                "label" => {}
                "apparmor" => options.apparmor = Some(value.to_owned()),
                "seccomp" if matches!(value, "unconfined" | "") => options.seccomp = Seccomp::Unconfined,
                "seccomp" if value == "builtin" => options.seccomp = Seccomp::Default,
                "seccomp" => options.seccomp = Seccomp::Profile(value.to_owned()),
                _ => return Err(errdefs::invalid(format!("invalid --security-opt 2: \"{option}\""))),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(list: &[&str]) -> Result<Options> {
        Options::parse(&list.iter().map(|option| (*option).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn both_separators_and_all_keys_are_read() {
        let got = parse(&["no-new-privileges", "seccomp:unconfined", "label=disable", "apparmor=unconfined"])
            .unwrap();
        assert_eq!(
            got,
            Options {
                no_new_privileges: true,
                seccomp: Seccomp::Unconfined,
                apparmor: Some("unconfined".into()),
                ..Options::default()
            }
        );
        let got = parse(&["no-new-privileges=false", "seccomp={\"a\":1}"]).unwrap();
        assert_eq!((got.no_new_privileges, got.seccomp), (false, Seccomp::Profile("{\"a\":1}".into())));
        assert!(parse(&["writable-cgroups=true"]).unwrap().writable_cgroups);
    }

    #[test]
    fn the_unknown_is_refused() {
        for bad in ["foo", "foo=bar", "no-new-privileges=maybe", ""] {
            assert!(parse(&[bad]).is_err(), "{bad:?}");
        }
    }
}
