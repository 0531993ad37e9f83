//! What an exec's process is: the container's own process with the request laid over it (semantics 25).

use std::sync::Arc;

use api::exec::CreateRequest;
use errdefs::{Class, Error, Result};
use runtime::plan::{ExecPlan, Process, User};
use shim::{AttachOptions, ExecRequest};

use super::{Connection, Exec};
use crate::container::attach::parse_keys;
use crate::container::env;
use crate::container::shared::Shared;

/// The exit code of what is neither missing nor forbidden.
const NEITHER: i32 = 128;

/// What a runtime says of a variable without a name.
const NO_NAME: &str = "OCI runtime exec failed: exec failed: unable to start container process: invalid environment \
                       variable: name cannot be empty";

/// What a runtime says of a directory to be in that is not said from the root.
const RELATIVE: &str = "OCI runtime exec failed: exec failed: Cwd must be an absolute path";

/// Why a runtime would not run a request, as far as its form goes: told at the start, as in Docker.
fn unfit(request: &CreateRequest) -> Option<&'static str> {
    if !request.working_dir.is_empty() && !request.working_dir.starts_with('/') {
        return Some(RELATIVE);
    }
    request.env.iter().flatten().any(|entry| entry.starts_with('=')).then_some(NO_NAME)
}

impl Shared {
    /// Runs an exec that has been claimed.
    ///
    /// # Errors
    /// What hindered it, in Docker's words; the exec has ended then, with 126, 127 or 128.
    pub(crate) fn run_exec(
        self: &Arc<Self>,
        exec: &Arc<Exec>,
        connection: Option<Connection>,
        size: Option<(u16, u16)>,
        framed: bool,
    ) -> Result<()> {
        let result = self.try_run(exec, connection, size, framed);
        if result.is_err() && !exec.has_ended() {
            exec.end(126);
        }
        result
    }

    fn try_run(
        self: &Arc<Self>,
        exec: &Arc<Exec>,
        connection: Option<Connection>,
        size: Option<(u16, u16)>,
        framed: bool,
    ) -> Result<()> {
        let request = &exec.request;
        let plan = self.exec_plan(&exec.container)?;
        let process = self.process(exec, &plan.process, size);
        let handle = exec.container.handle()?;
        let keys = parse_keys(&request.detach_keys)?;
        let attach = connection.map(|(stream, initial)| {
            let options = AttachOptions {
                stdin: request.attach_stdin,
                stdout: request.attach_stdout,
                stderr: request.attach_stderr,
                multiplexed: framed,
                detach_keys: keys,
                initial,
            };
            (stream, options)
        });
        self.tell_exec(exec, "exec_start", true, &[]);
        if let Some(text) = unfit(request) {
            exec.end(NEITHER);
            return Err(errdefs::system(text));
        }
        exec.change(|state| state.running = true);
        let request = ExecRequest {
            exec_id: exec.id.clone(),
            plan: ExecPlan { process, ..ExecPlan::clone(&plan) },
            open_stdin: request.attach_stdin,
            attach,
        };
        match handle.exec(request) {
            Ok(pid) => {
                exec.change(|state| state.pid = pid);
                Ok(())
            }
            Err(error) => {
                let code = error.exit_code();
                let class = if code == NEITHER { Class::System } else { Class::InvalidParameter };
                exec.end(code);
                Err(Error::new(class, error.docker_exec_text()))
            }
        }
    }

    fn process(&self, exec: &Exec, container: &Process, size: Option<(u16, u16)>) -> Process {
        let request = &exec.request;
        let record = exec.container.record();
        let base = env::of_container(
            &record.config.hostname,
            request.tty,
            &self.link_environment(&record),
            record.config.env.as_deref().unwrap_or_default(),
        );
        let mut process = Process {
            args: exec.line().to_vec(),
            env: env::replace(base, request.env.as_deref().unwrap_or_default()),
            terminal: request.tty,
            console_size: size.filter(|_| request.tty),
            ..container.clone()
        };
        if !request.working_dir.is_empty() {
            process.cwd = request.working_dir.clone().into();
        }
        if !request.user.is_empty() {
            let groups = record.host.group_add.clone().unwrap_or_default();
            process.user = User::Named { user: request.user.clone(), groups };
        }
        if request.privileged {
            // All the kernel has; only the bounding, permitted and effective sets, never the inheritable one.
            let all = u64::MAX >> (63 - self.last_capability.min(63));
            process.capabilities.bounding = all;
            process.capabilities.permitted = all;
            process.capabilities.effective = all;
        }
        process
    }
}
