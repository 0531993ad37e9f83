//! Containers made by another OCI runtime (runc, crun): what its command line has to be given.
//!
//! The other runtime gets a bundle whose root is mounted in a mount namespace of the `create` command's own, so that the
//! host's mount table never has it: when `create` has returned, only the container's own namespace holds the mount.

use std::ffi::CString;
use std::os::fd::BorrowedFd;
use std::path::Path;

use errdefs::{Context as _, Result, system};
use oci::runtime::{self as oci_runtime, CAPABILITIES, ConsoleSize, RLIMITS, Rlimit, Spec};
use rustix::fs::CWD;
use rustix::mount::{MoveMountFlags, move_mount};
use sys::exec::{Strings, execve};
use sys::mount::{Attributes, mount_setattr};

use crate::outcome::{StartError, failed, words};
use crate::plan::{Process, Root, RootSource, User};
use crate::rootfs::{self, overlay};
use crate::tree::Tree;
use crate::user::{self, Identity};

/// The version of the specification that bundles claim: older runtimes refuse later ones, and what they do not know of
/// these they say by name.
const VERSION: &str = "1.0.2";
/// The file of a bundle.
const CONFIG: &str = "config.json";
/// Where the root is mounted in a bundle.
const ROOT: &str = "rootfs";

/// A bundle to be made, and the command that is to use it.
#[derive(Debug)]
pub struct Create<'a> {
    /// The bundle's directory; becomes the command's working directory.
    pub bundle: &'a Path,
    /// The spec, as the engine made it: without a root's path and without a user.
    pub spec: &'a str,
    /// The root.
    pub root: &'a Root,
    /// The user, to be looked up in the root.
    pub user: &'a User,
    /// The network namespace's file, if the spec's network namespace is to be that one.
    pub network: Option<&'a str>,
    /// The runtime's program and the whole command line.
    pub program: &'a Path,
    /// Arguments, the program's name first.
    pub args: &'a [String],
    /// Standard input, output and error of the command.
    pub streams: [BorrowedFd<'a>; 3],
}

/// Makes the bundle and becomes the command. Called in a child that is in a mount namespace of its own; returns only why
/// it could not.
pub fn become_create(create: &Create<'_>) -> StartError {
    let Err(error) = try_create(create);
    error
}

fn try_create(create: &Create<'_>) -> Result<std::convert::Infallible, StartError> {
    let slave = Attributes { propagation: sys::mount::SLAVE, ..Attributes::default() };
    mount_setattr(CWD, c"/", true, slave).map_err(|e| failed("isolate the mount namespace", e.errno()))?;
    let target = create.bundle.join(ROOT);
    std::fs::create_dir_all(&target).context(|| format!("make {}", target.display()))?;
    let root = match &create.root.source {
        RootSource::Overlay { lowers, upper, work, volatile } => overlay::mount(&overlay::Stack {
            lowers,
            upper: upper.as_deref(),
            work: work.as_deref(),
            volatile: *volatile,
        })?,
        RootSource::Path(path) => rootfs::bind_root(path)?,
    };
    move_mount(&root, "", CWD, &target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .map_err(|errno| failed("mount the bundle's root", errno))?;
    let identity = identify(create.user, Tree::new(root))?;
    let mut spec: Spec = serde_json::from_str(create.spec).context(|| "decode spec")?;
    complete(&mut spec, &identity, create);
    let config = create.bundle.join(CONFIG);
    let text = serde_json::to_vec(&spec).context(|| "encode spec")?;
    std::fs::write(&config, text).context(|| format!("write {}", config.display()))?;
    std::env::set_current_dir(create.bundle).context(|| "enter the bundle")?;
    let step = |errno| failed("standard streams", errno);
    rustix::stdio::dup2_stdin(create.streams[0]).map_err(step)?;
    rustix::stdio::dup2_stdout(create.streams[1]).map_err(step)?;
    rustix::stdio::dup2_stderr(create.streams[2]).map_err(step)?;
    sys::fd::close_on_exec_from(3).map_err(|error| StartError::other(error.to_string()))?;
    sys::signal::reset_all();
    let c_string = |text: &str| CString::new(text).map_err(|_| system("a null byte in an argument"));
    let program = c_string(&create.program.to_string_lossy())?;
    let args = create.args.iter().map(|arg| c_string(arg)).collect::<Result<_>>()?;
    let errno = execve(&program, &Strings::new(args), &Strings::new(vec![environment()]));
    Err(StartError::other(format!("exec: {:?}: {}", create.program, words(errno))))
}

/// The environment of a runtime's commands: they look for helpers of their own (`newuidmap`, `criu`).
pub fn environment() -> CString {
    c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()
}

/// Fills in what is known only now.
fn complete(spec: &mut Spec, identity: &Identity, create: &Create<'_>) {
    VERSION.clone_into(&mut spec.oci_version);
    spec.root = Some(oci_runtime::Root { path: ROOT.to_owned(), readonly: create.root.readonly });
    if let Some(process) = &mut spec.process {
        set_user(process, identity);
    }
    let network = |space: &&mut oci_runtime::Namespace| {
        space.kind == oci_runtime::NamespaceKind::Network && space.path.is_empty()
    };
    let spaces = spec.linux.iter_mut().flat_map(|linux| &mut linux.namespaces);
    if let (Some(path), Some(space)) = (create.network, spaces.into_iter().find(network)) {
        path.clone_into(&mut space.path);
    }
}

fn set_user(process: &mut oci_runtime::Process, identity: &Identity) {
    process.user.uid = identity.uid;
    process.user.gid = identity.gid;
    process.user.additional_gids.clone_from(&identity.groups);
}

fn identify(user: &User, tree: Tree) -> Result<Identity> {
    match user {
        User::Ids { uid, gid, groups } => {
            Ok(Identity { uid: *uid, gid: *gid, groups: groups.clone(), home: None })
        }
        User::Named { user, groups } => user::look_up_in(&tree, user, groups),
    }
}

/// A further process as the file that a runtime's `exec --process` reads; `root` is the container's root directory.
///
/// # Errors
/// As [`user::look_up`].
pub fn process_file(process: &Process, root: std::os::fd::OwnedFd) -> Result<Vec<u8>> {
    let identity = identify(&process.user, Tree::new(root))?;
    let names = |mask: u64| {
        let named = CAPABILITIES.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0);
        named.map(|(_, name)| (*name).to_owned()).collect::<Vec<_>>()
    };
    let sets = &process.capabilities;
    let mut wanted = oci_runtime::Process {
        terminal: process.terminal,
        console_size: process
            .console_size
            .map(|(height, width)| ConsoleSize { height: height.into(), width: width.into() }),
        args: process.args.clone(),
        env: process.env.clone(),
        cwd: process.cwd.to_string_lossy().into_owned(),
        capabilities: Some(oci_runtime::Capabilities {
            bounding: names(sets.bounding),
            effective: names(sets.effective),
            permitted: names(sets.permitted),
            inheritable: names(sets.inheritable),
            ambient: names(sets.ambient),
        }),
        rlimits: process.rlimits.iter().filter_map(rlimit).collect(),
        no_new_privileges: process.no_new_privileges,
        apparmor_profile: process.apparmor_profile.clone().unwrap_or_default(),
        selinux_label: process.selinux_label.clone().unwrap_or_default(),
        oom_score_adj: process.oom_score_adj,
        ..oci_runtime::Process::default()
    };
    wanted.user.umask = process.umask;
    set_user(&mut wanted, &identity);
    serde_json::to_vec(&wanted).context(|| "encode process")
}

fn rlimit(&(number, soft, hard): &(u32, u64, u64)) -> Option<Rlimit> {
    let name = RLIMITS.get(number as usize)?;
    Some(Rlimit { kind: format!("RLIMIT_{}", name.to_uppercase()), soft, hard })
}

/// The last error in a runtime's log (`--log-format json`), which is why its command failed.
pub fn last_error(log: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Line {
        level: String,
        msg: String,
    }
    let lines = log.lines().rev().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    lines.into_iter().find(|line| line.level == "error").map(|line| line.msg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_is_the_reason() {
        let log = "{\"level\":\"warning\",\"msg\":\"a\",\"time\":\"x\"}\n{\"level\":\"error\",\"msg\":\"b\"}\nnoise\n";
        assert_eq!(last_error(log).as_deref(), Some("b"));
        assert_eq!(last_error(""), None);
    }

    #[test]
    fn a_process_is_written_with_names_and_numbers() {
        let process = Process {
            args: vec!["sh".into()],
            cwd: "/".into(),
            capabilities: crate::plan::Capabilities { bounding: 0b11, ..Default::default() },
            rlimits: vec![(7, 100, 200)],
            user: User::Ids { uid: 5, gid: 6, groups: vec![7] },
            ..Process::default()
        };
        let root = std::fs::File::open("/").unwrap();
        let text = String::from_utf8(process_file(&process, root.into()).unwrap()).unwrap();
        for part in [
            r#""user":{"uid":5,"gid":6,"additionalGids":[7]}"#,
            r#""bounding":["CAP_CHOWN","CAP_DAC_OVERRIDE"]"#,
            r#"{"type":"RLIMIT_NOFILE","hard":200,"soft":100}"#,
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}
