//! AppArmor: whether the host has it, and the profile of containers that ask for none.
//!
//! The profile has Docker's name and forbids what Docker's does, so that an operator's own rules about `docker-default` go
//! on working. It is loaded once, by AppArmor's own parser, and left in the kernel when the engine ends: containers that
//! live on need it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use errdefs::{Context as _, Result};

/// The profile's name.
pub(crate) const DEFAULT: &str = "docker-default";
/// No profile.
pub(crate) const UNCONFINED: &str = "unconfined";

/// What a container may do that is not said elsewhere (capabilities, seccomp, mounts): everything but changing the
/// kernel through `/proc` and `/sys`, mounting, and reaching into processes outside.
const PROFILE: &str = "
#include <tunables/global>

profile docker-default flags=(attach_disconnected,mediate_deleted) {
  #include <abstractions/base>

  network,
  capability,
  file,
  umount,

  # Signals come from unconfined processes (the engine, its shims) and go to and fro among containers of this profile.
  signal (receive) peer=unconfined,
  signal (receive) peer=runc,
  signal (receive) peer=crun,
  signal (send, receive) peer=docker-default,

  # Of /proc only the entries of processes, and of /proc/sys only shared memory, may be written.
  deny @{PROC}/* w,
  deny @{PROC}/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9/]*}/** w,
  deny @{PROC}/sys/[^k]** w,
  deny @{PROC}/sys/kernel/{?,??,[^s][^h][^m]**} w,
  deny @{PROC}/sysrq-trigger rwklx,
  deny @{PROC}/kcore rwklx,

  deny mount,

  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,

  # Tracing among containers of this profile.
  ptrace (trace,read,tracedby,readby) peer=docker-default,
}
";

/// Whether the host confines by AppArmor.
pub(crate) fn supported() -> bool {
    let enabled = std::fs::read_to_string("/sys/module/apparmor/parameters/enabled").unwrap_or_default();
    enabled.starts_with('Y') && Path::new("/sys/kernel/security/apparmor").is_dir()
}

/// Whether a profile of this name is in the kernel.
fn is_loaded(name: &str) -> bool {
    let loaded = std::fs::read_to_string("/sys/kernel/security/apparmor/profiles").unwrap_or_default();
    loaded.lines().any(|line| line.split(" (").next() == Some(name))
}

/// Loads the default profile, unless it is there.
///
/// # Errors
/// In Docker's words, if the parser is missing or refuses.
pub(crate) fn ensure_default() -> Result<()> {
    if is_loaded(DEFAULT) {
        return Ok(());
    }
    load().map_err(|error| {
        errdefs::system(format!(
            "AppArmor enabled on system but the {DEFAULT} profile could not be loaded: {error}"
        ))
    })
}

fn load() -> Result<()> {
    let what = || "running apparmor_parser";
    let mut parser = Command::new("apparmor_parser")
        .args(["-K", "-r"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context(what)?;
    if let Some(mut stdin) = parser.stdin.take() {
        stdin.write_all(PROFILE.as_bytes()).context(what)?;
    }
    let output = parser.wait_with_output().context(what)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(errdefs::system(format!("running apparmor_parser failed with {}: {}", output.status, said.trim())))
}

/// The name of a container's profile on a host that has AppArmor.
pub(crate) fn name(asked: Option<&str>, privileged: bool) -> &str {
    match asked {
        Some(name) if !name.is_empty() => name,
        _ if privileged => UNCONFINED,
        _ => DEFAULT,
    }
}

/// The profile that a container's processes get; empty for none. Without AppArmor, Docker takes any name and nothing
/// comes of it.
///
/// # Errors
/// If the default profile is needed and cannot be loaded.
pub(crate) fn profile(asked: Option<&str>, privileged: bool, host_has_it: bool) -> Result<String> {
    match name(asked, privileged) {
        _ if !host_has_it => Ok(String::new()),
        UNCONFINED => Ok(String::new()),
        name => {
            if name == DEFAULT {
                ensure_default()?;
            }
            Ok(name.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_holds_where_the_host_has_apparmor() {
        assert_eq!(profile(Some("mine"), false, true).unwrap(), "mine");
        assert_eq!(profile(Some("mine"), true, true).unwrap(), "mine");
        assert_eq!(profile(Some(UNCONFINED), false, true).unwrap(), "");
        assert_eq!(profile(None, true, true).unwrap(), "");
        assert_eq!(profile(None, false, false).unwrap(), "");
        assert_eq!(profile(Some("mine"), false, false).unwrap(), "");
    }
}
