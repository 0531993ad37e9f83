//! From an OCI spec to a [`Plan`]: everything checked and parsed once, before anything is made.

use std::path::PathBuf;

use errdefs::Result;
use oci::runtime::{Process as OciProcess, Resources, Spec};

use crate::plan::{Filter, Plan, Process, RootSource, User};

/// What a spec does not say.
#[derive(Debug, Clone, Default)]
pub struct CompileOptions {
    /// The container's id.
    pub id: String,
    /// The bundle's directory, for relative paths in the spec.
    pub bundle: PathBuf,
    /// The root, if it is not the spec's `root.path`.
    pub root: Option<RootSource>,
    /// The user, if it is not the spec's numbers (Docker's `USER` string is looked up in the container).
    pub user: Option<User>,
    /// The filter ready compiled (a cache's); else the spec's `linux.seccomp` is compiled.
    pub filter: Option<Filter>,
    /// Takes the network namespace from [`crate::Given`] instead of making one.
    pub network_given: bool,
    /// See [`Plan::die_with_parent`].
    pub die_with_parent: bool,
}

/// Compiles a container.
///
/// # Errors
/// `InvalidParameter` for what is wrong in the spec, `NotImplemented` for what we cannot do (by name).
#[expect(clippy::todo, unused_variables, reason = "first landing: the interface")]
pub fn compile(spec: &Spec, options: &CompileOptions) -> Result<Plan> {
    todo!()
}

/// Compiles a further process; `user` as in [`CompileOptions`].
///
/// # Errors
/// As [`compile`].
#[expect(clippy::todo, unused_variables, reason = "first landing: the interface")]
pub fn compile_process(process: &OciProcess, user: Option<&User>) -> Result<Process> {
    todo!()
}

/// Compiles limits, for a running container's update.
///
/// # Errors
/// As [`compile`].
#[expect(clippy::todo, unused_variables, reason = "first landing: the interface")]
pub fn compile_limits(resources: &Resources) -> Result<cgroups::Limits> {
    todo!()
}
