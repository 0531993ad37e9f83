//! Profiles in Docker's format: OCI rules with conditions on machine, kernel and capabilities.

use std::sync::OnceLock;

use errdefs::{Result, invalid};
use oci::runtime::{Seccomp, SeccompAction, SeccompArg, SeccompSyscall};
use serde::Deserialize;
use serde::de::IntoDeserializer;

use super::{default, table};
use crate::capability;

/// A profile in Docker's format (`--security-opt seccomp=FILE`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub(super) default_action: SeccompAction,
    pub(super) default_errno: Option<u32>,
    pub(super) architectures: Vec<String>,
    /// Architectures that come with a machine's own.
    pub(super) machines: Vec<(String, Vec<String>)>,
    pub(super) flags: Vec<String>,
    pub(super) rules: Vec<Rule>,
}

/// A rule that holds under conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) names: Vec<String>,
    pub(super) action: SeccompAction,
    pub(super) errno: Option<u32>,
    pub(super) args: Vec<SeccompArg>,
    /// All of it must be true.
    pub(super) includes: Condition,
    /// None of it may be true.
    pub(super) excludes: Condition,
}

/// What a rule's being there depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) capabilities: Vec<String>,
    /// Go's names of machines.
    pub(super) machines: Vec<String>,
    /// This kernel or a later one.
    pub(super) kernel: Option<(u32, u32)>,
}

impl Rule {
    pub(super) fn new(names: Vec<String>, action: SeccompAction) -> Self {
        Self {
            names,
            action,
            errno: None,
            args: Vec::new(),
            includes: Condition::default(),
            excludes: Condition::default(),
        }
    }
}

/// What a condition is judged by.
struct Situation {
    capabilities: u64,
    machine: &'static str,
    kernel: (u32, u32),
}

impl Profile {
    /// Docker's default profile.
    pub fn docker_default() -> &'static Self {
        static PROFILE: OnceLock<Profile> = OnceLock::new();
        PROFILE.get_or_init(default::profile)
    }

    /// Reads a profile in Docker's JSON format. An OCI `linux.seccomp` object is one too, without conditions. `None` if it
    /// has neither a default action nor rules: nothing is filtered then, as in Docker.
    ///
    /// # Errors
    /// `InvalidParameter`, in the words of Docker and its runtime, for what is not such a profile.
    pub fn from_json(text: &[u8]) -> Result<Option<Self>> {
        let undecoded =
            |error: serde_json::Error| invalid(format!("Decoding seccomp profile failed: {error}"));
        let json: Option<Json> = serde_json::from_slice(text).map_err(undecoded)?;
        json.filter(|json| !json.is_empty()).map(Json::into_profile).transpose()
    }

    /// The rules that hold with the bounding capabilities `capabilities` (bit mask) on this machine.
    ///
    /// # Errors
    /// `InvalidParameter` for unknown capabilities in the profile.
    pub fn resolve(&self, capabilities: u64) -> Result<Seccomp> {
        self.resolve_in(&Situation { capabilities, machine: table::go_arch(), kernel: running_kernel() })
    }

    fn resolve_in(&self, situation: &Situation) -> Result<Seccomp> {
        let mut syscalls = Vec::new();
        for rule in &self.rules {
            if !rule.includes.all(situation)? || rule.excludes.any(situation)? {
                continue;
            }
            syscalls.push(SeccompSyscall {
                names: rule.names.clone(),
                action: rule.action,
                errno_ret: rule.errno,
                args: rule.args.clone(),
            });
        }
        let native = table::Convention::NATIVE.name();
        let architectures = match self.machines.iter().find(|(main, _)| main == native) {
            Some((main, subs)) => std::iter::once(main).chain(subs).cloned().collect(),
            None => self.architectures.clone(),
        };
        Ok(Seccomp {
            default_action: self.default_action,
            default_errno_ret: self.default_errno,
            architectures,
            flags: self.flags.clone(),
            listener_path: String::new(),
            listener_metadata: String::new(),
            syscalls,
        })
    }
}

impl Condition {
    fn all(&self, situation: &Situation) -> Result<bool> {
        let capabilities = capability_bits(&self.capabilities)?;
        Ok(capabilities & !situation.capabilities == 0
            && (self.machines.is_empty() || self.machines.iter().any(|name| name == situation.machine))
            && self.kernel.is_none_or(|kernel| situation.kernel >= kernel))
    }

    fn any(&self, situation: &Situation) -> Result<bool> {
        let capabilities = capability_bits(&self.capabilities)?;
        Ok(capabilities & situation.capabilities != 0
            || self.machines.iter().any(|name| name == situation.machine)
            || self.kernel.is_some_and(|kernel| situation.kernel >= kernel))
    }
}

fn capability_bits(names: &[String]) -> Result<u64> {
    names.iter().try_fold(0, |mask, name| {
        capability::bit(name)
            .map(|bit| mask | bit)
            .ok_or_else(|| invalid(format!("unknown capability {name:?} in seccomp profile")))
    })
}

fn running_kernel() -> (u32, u32) {
    let uname = rustix::system::uname();
    kernel_version(&uname.release().to_string_lossy()).unwrap_or((0, 0))
}

/// `6.1.0-13-amd64` is (6, 1).
fn kernel_version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The JSON, field for field.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    #[serde(default)]
    default_action: String,
    default_errno_ret: Option<u32>,
    #[serde(default)]
    architectures: Option<Vec<String>>,
    #[serde(default)]
    arch_map: Option<Vec<JsonArchitecture>>,
    #[serde(default)]
    flags: Option<Vec<String>>,
    #[serde(default)]
    listener_path: String,
    #[serde(default)]
    syscalls: Option<Vec<JsonRule>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonArchitecture {
    architecture: String,
    #[serde(default)]
    sub_architectures: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonRule {
    /// The old form, for one call.
    #[serde(default)]
    name: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    action: String,
    errno_ret: Option<u32>,
    #[serde(default)]
    args: Option<Vec<SeccompArg>>,
    #[serde(default)]
    includes: Option<JsonCondition>,
    #[serde(default)]
    excludes: Option<JsonCondition>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JsonCondition {
    #[serde(default)]
    caps: Option<Vec<String>>,
    #[serde(default)]
    arches: Option<Vec<String>>,
    #[serde(default)]
    min_kernel: Option<String>,
}

/// An action by its name.
fn action(name: &str) -> Result<SeccompAction> {
    let unknown =
        |_: serde::de::value::Error| invalid(format!("string {name} is not a valid action for seccomp"));
    SeccompAction::deserialize(name.into_deserializer()).map_err(unknown)
}

impl Json {
    fn is_empty(&self) -> bool {
        self.default_action.is_empty() && self.syscalls.as_ref().is_none_or(Vec::is_empty)
    }

    fn into_profile(self) -> Result<Profile> {
        let architectures = self.architectures.unwrap_or_default();
        let map = self.arch_map.unwrap_or_default();
        if !architectures.is_empty() && !map.is_empty() {
            return Err(invalid(
                "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or \
                 'archMap'",
            ));
        }
        if !self.listener_path.is_empty() {
            return Err(errdefs::not_implemented("seccomp listenerPath is not supported"));
        }
        Ok(Profile {
            default_action: action(&self.default_action)?,
            default_errno: self.default_errno_ret,
            architectures,
            machines: map
                .into_iter()
                .map(|machine| (machine.architecture, machine.sub_architectures.unwrap_or_default()))
                .collect(),
            flags: self.flags.unwrap_or_default(),
            rules: self
                .syscalls
                .unwrap_or_default()
                .into_iter()
                .map(JsonRule::into_rule)
                .collect::<Result<_>>()?,
        })
    }
}

impl JsonRule {
    fn into_rule(self) -> Result<Rule> {
        let mut names = self.names.unwrap_or_default();
        if !self.name.is_empty() {
            if !names.is_empty() {
                return Err(invalid(
                    "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'",
                ));
            }
            names.push(self.name);
        }
        Ok(Rule {
            names,
            action: action(&self.action)?,
            errno: self.errno_ret,
            args: self.args.unwrap_or_default(),
            includes: self.includes.unwrap_or_default().into_condition()?,
            excludes: self.excludes.unwrap_or_default().into_condition()?,
        })
    }
}

impl JsonCondition {
    fn into_condition(self) -> Result<Condition> {
        let kernel = self.min_kernel.map(|text| {
            kernel_version(&text)
                .ok_or_else(|| invalid(format!("invalid kernel version in seccomp profile: {text:?}")))
        });
        Ok(Condition {
            capabilities: self.caps.unwrap_or_default(),
            machines: self.arches.unwrap_or_default(),
            kernel: kernel.transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_decide_which_rules_hold() {
        let profile = Profile::from_json(
            br#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
            {"names":["a"],"action":"SCMP_ACT_ALLOW"},
            {"name":"b","action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN"]}},
            {"names":["c"],"action":"SCMP_ACT_ALLOW","excludes":{"caps":["CAP_SYS_ADMIN"]}},
            {"names":["d"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["m68k"]}},
            {"names":["e"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"4.8"}},
            {"names":["f"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"99.0"}}]}"#,
        )
        .unwrap()
        .unwrap();
        let names = |capabilities| {
            let rules = profile.resolve(capabilities).unwrap();
            rules.syscalls.iter().map(|rule| rule.names[0].clone()).collect::<String>()
        };
        assert_eq!(names(0), "ace");
        assert_eq!(names(capability::bit("SYS_ADMIN").unwrap()), "abe");
    }

    #[test]
    fn what_is_no_profile_is_refused() {
        for text in ["{}", "null", r#"{"syscalls":[]}"#] {
            assert_eq!(Profile::from_json(text.as_bytes()).unwrap(), None, "{text}");
        }
        for text in [
            r#"{"defaultAction":"SCMP_ACT_WHATEVER"}"#,
            r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["A"],"archMap":[{"architecture":"B"}]}"#,
            r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a","names":["b"],"action":"SCMP_ACT_ALLOW"}]}"#,
            r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["b"],"action":"SCMP_ACT_ALLOW","includes":{"x":1}}]}"#,
        ] {
            assert!(Profile::from_json(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn kernel_versions() {
        assert_eq!(kernel_version("6.1.0-13-amd64"), Some((6, 1)));
        assert_eq!(kernel_version("4.8"), Some((4, 8)));
        assert_eq!(kernel_version("x"), None);
    }
}
