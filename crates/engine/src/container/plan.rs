//! From a record to the plan its shim carries out: other containers' namespaces, devices, root, system call filter.
//!
//! Filters are compiled once per profile and capability set and kept: compiling costs more than a whole start may.

use std::path::PathBuf;
use std::sync::Arc;

use errdefs::{Context, Result};
use oci::runtime::{RootfsPropagation, Spec};
use runtime::plan::{ExecPlan, Filter, RootSource, User};
use runtime::seccomp::{self, Profile};
use runtime::{CompileOptions, Plan};

use super::cdi;
use super::mountpoint::Kind;
use super::networking::{self, Mode};
use super::record::Record;
use super::shared::{Container, Runtime, Shared};
use super::spec::security::{Options, Seccomp};
use super::spec::{self, Bound, Run, Shm, Space, devices};
use super::validate;

/// Filters kept; a profile of a user's own can be 64 KiB, so not without limit.
const FILTERS_KEPT: usize = 64;

impl Shared {
    /// The plan of a run with these mounts.
    ///
    /// # Errors
    /// In Docker's words, for namespaces that cannot be joined and settings that make no plan.
    pub(crate) fn plan(&self, record: &Record, bound: Vec<Bound>, shm: Shm) -> Result<Plan> {
        self.plan_and_spec(record, bound, shm).map(|(plan, _)| plan)
    }

    /// The plan, and for a container of another runtime what that one is given.
    ///
    /// # Errors
    /// As [`Shared::plan`]; InvalidParameter if the runtime is not there any more.
    pub(crate) fn plan_and_spec(
        &self,
        record: &Record,
        bound: Vec<Bound>,
        shm: Shm,
    ) -> Result<(Plan, Option<shim::Foreign>)> {
        let run = self.run(record, bound, shm)?;
        let mut spec = spec::build(record, &run)?;
        let requests = record.host.resources.device_requests.as_deref().unwrap_or_default();
        if !requests.is_empty() {
            let dirs = &self.config.cdi_spec_dirs;
            cdi::inject(&mut spec, &cdi::wanted(requests, dirs)?, dirs)?;
        }
        if self.config.no_new_privileges
            && let Some(process) = &mut spec.process
        {
            process.no_new_privileges = true;
        }
        let writable = self.parts.snapshots.writable(&record.id)?;
        let mut groups = record.host.group_add.clone().unwrap_or_default();
        if let Some(process) = &spec.process {
            groups.extend(process.user.additional_gids.iter().map(ToString::to_string));
        }
        let options = CompileOptions {
            id: record.id.clone(),
            root: Some(RootSource::Overlay {
                lowers: self.parts.snapshots.container_lowers(&record.layers)?,
                upper: Some(writable.upper),
                work: Some(writable.work),
                // Nobody will read these files after a crash of the machine.
                volatile: record.auto_remove,
            }),
            user: Some(User::Named { user: record.config.user.clone(), groups }),
            network_given: networking::mode(record) == Mode::Own,
            user_given: true,
            layout: Some(self.layout.clone()),
            die_with_parent: true,
            ..CompileOptions::default()
        };
        let mut plan = runtime::compile(&spec, &options).map_err(|error| {
            error.context(
                "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create \
                 failed",
            )
        })?;
        let capabilities = plan.process.capabilities.bounding;
        if let Some(hooks) = &mut plan.hooks {
            // A bundle of their own: they look into it for the root.
            hooks.bundle = self.state_dir(&record.id).join("bundle");
            let root = hooks.bundle.join("rootfs").display().to_string();
            let root = oci::runtime::Root { path: root, readonly: record.host.readonly_rootfs };
            let config = Spec { root: Some(root), ..spec.clone() };
            hooks.config = Some(serde_json::to_string(&config).context(|| "encode spec")?);
        }
        let foreign = self.foreign(record, spec, capabilities)?;
        if foreign.is_some() {
            plan.hooks = None;
        }
        if foreign.is_none() {
            plan.seccomp = self.filter(record, capabilities)?;
        }
        Ok((plan, foreign))
    }

    /// What the container's runtime is given, unless it is the built-in one.
    fn foreign(&self, record: &Record, mut spec: Spec, capabilities: u64) -> Result<Option<shim::Foreign>> {
        let now = self.defaults.read().clone();
        validate::runtime(&record.host, &now)?;
        let Some(Runtime { program: Some(program), args }) = now.runtimes.get(&record.host.runtime) else {
            return Ok(None);
        };
        if record.ids.is_some() {
            return Err(errdefs::not_implemented("user namespaces need the built-in runtime"));
        }
        if record.mounts.iter().any(|point| point.kind == Kind::Image) {
            return Err(errdefs::not_implemented("mounts of type image need the built-in runtime"));
        }
        if let Some(linux) = &mut spec.linux {
            if matches!(linux.rootfs_propagation, Some(RootfsPropagation::Shared)) {
                return Err(errdefs::not_implemented(
                    "mounts with shared propagation need the built-in runtime",
                ));
            }
            linux.seccomp = match self.profile(record)? {
                Some(profile) => rules(&profile, capabilities)?,
                None => None,
            };
        }
        let spec = serde_json::to_string(&spec).context(|| "encode spec")?;
        Ok(Some(shim::Foreign { program: program.clone(), args: args.clone(), spec }))
    }

    /// What an exec in the running container takes from it, with the container's own process; made anew for a container
    /// that an earlier daemon started.
    ///
    /// # Errors
    /// As [`Shared::plan`].
    pub(crate) fn exec_plan(&self, container: &Container) -> Result<Arc<ExecPlan>> {
        if let Some(plan) = container.live.lock().exec_plan.clone() {
            return Ok(plan);
        }
        // Only the process's defaults, namespaces, group and filter are wanted: no mounts are needed.
        let plan = self.plan(&container.record(), Vec::new(), Shm::None)?;
        let plan = Arc::new(plan.exec(plan.process.clone()));
        container.live.lock().exec_plan = Some(Arc::clone(&plan));
        Ok(plan)
    }

    fn run(&self, record: &Record, mounts: Vec<Bound>, shm: Shm) -> Result<Run> {
        let host = &record.host;
        let of_container = |mode: &str, kind: &str| -> Result<Space> {
            match mode.strip_prefix("container:") {
                None => Ok(Space::New),
                Some(id) => {
                    let owner = self.registry.find(id)?;
                    let pid = owner
                        .handle()
                        .context(|| format!("failed to join {} namespace", kind.to_uppercase()))?
                        .pid();
                    Ok(Space::Join(format!("/proc/{}/ns/{kind}", pid.unwrap_or(0))))
                }
            }
        };
        let pid = if host.pid_mode == "host" { Space::Host } else { of_container(&host.pid_mode, "pid")? };
        let ipc = if host.ipc_mode == "host" { Space::Host } else { of_container(&host.ipc_mode, "ipc")? };
        let mut hostname = record.config.hostname.clone();
        let network = match networking::mode(record) {
            Mode::Own => Space::New,
            Mode::Host => Space::Host,
            Mode::Container(id) => {
                let owner = self.network_owner(&id)?;
                hostname.clone_from(&owner.record().config.hostname);
                let pid = owner.handle()?.pid();
                Space::Join(format!("/proc/{}/ns/net", pid.unwrap_or(0)))
            }
        };
        let wants_init = host.init.unwrap_or(self.config.init) && pid == Space::New;
        Ok(Run {
            uts: if host.uts_mode == "host" { Space::Host } else { Space::New },
            cgroup: if host.cgroupns_mode == "private" { Space::New } else { Space::Host },
            pid,
            ipc,
            network,
            user: self.user_space(record)?.zip(record.ids.clone()),
            hostname,
            links: self.link_environment(record),
            shm,
            mounts,
            files: self.network_files(record),
            last_capability: self.last_capability,
            devices: devices::grant(
                host.resources.devices.as_deref().unwrap_or_default(),
                host.resources.device_cgroup_rules.as_deref().unwrap_or_default(),
                host.privileged,
            )?,
            init: wants_init.then(|| PathBuf::from(&self.config.init_path)),
            apparmor: self.apparmor,
            default_ulimits: self.config.ulimits.clone(),
        })
    }

    /// The text of the profile that holds; empty is Docker's default, `None` is none.
    fn profile(&self, record: &Record) -> Result<Option<String>> {
        let options = Options::parse(record.host.security_opt.as_deref().unwrap_or_default())?;
        Ok(match options.seccomp {
            _ if record.host.privileged => None,
            Seccomp::Unconfined => None,
            Seccomp::Profile(text) => Some(text),
            Seccomp::Default => match self.config.seccomp_profile.as_deref() {
                Some("unconfined") => None,
                profile => Some(profile.unwrap_or_default().to_owned()),
            },
        })
    }

    fn filter(&self, record: &Record, capabilities: u64) -> Result<Option<Filter>> {
        let Some(profile) = self.profile(record)? else { return Ok(None) };
        let key = (profile, capabilities);
        if let Some(filter) = self.filters.lock().get(&key) {
            return Ok(Some(filter.clone()));
        }
        let Some(rules) = rules(&key.0, capabilities)? else { return Ok(None) };
        let filter = seccomp::compile(&rules).map_err(of_runtime)?;
        let mut filters = self.filters.lock();
        if filters.len() >= FILTERS_KEPT {
            filters.clear();
        }
        filters.insert(key, filter.clone());
        Ok(Some(filter))
    }
}

/// The rules of a profile's text, which is empty for Docker's default; `None` if it filters nothing.
fn rules(text: &str, capabilities: u64) -> Result<Option<oci::runtime::Seccomp>> {
    if text.is_empty() {
        return Profile::docker_default().resolve(capabilities).map(Some);
    }
    api::json::check(text.as_bytes())
        .map_err(|why| errdefs::invalid(format!("Decoding seccomp profile failed: {why}")))?;
    let profile = Profile::from_json(text.as_bytes()).map_err(|error| match error.message() {
        action if action.starts_with("string ") => of_runtime(error),
        _ => error,
    })?;
    profile.map(|profile| profile.resolve(capabilities)).transpose()
}

/// What Docker leaves to its runtime to find.
fn of_runtime(error: errdefs::Error) -> errdefs::Error {
    error.context(
        "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed",
    )
}
