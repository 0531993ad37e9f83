//! `container update`: update configuration of one or more containers.

use super::limits;
use crate::command::{Args, Command};
use crate::flag::{NONE, single, text};
use crate::opts::{number, size};
use api::container::{Resources, UpdateRequest};

use crate::cli::Cli;
use crate::failure::{Failure, Failures, Outcome};
use crate::flag::Parsed;
use crate::opts::restart;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Update configuration of one or more containers",
    aliases: "docker container update, docker update",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[
        limits::BLKIO_WEIGHT,
        limits::CPU_PERIOD,
        limits::CPU_QUOTA,
        single(
            "cpu-rt-period",
            NONE,
            "int",
            Some(number::check_int),
            "Limit the CPU real-time period in microseconds",
        ),
        single(
            "cpu-rt-runtime",
            NONE,
            "int",
            Some(number::check_int),
            "Limit the CPU real-time runtime in microseconds",
        ),
        // Accepted for the sake of scripts, and sent on: no engine of today does anything with it.
        single("kernel-memory", NONE, "bytes", Some(size::check), "Kernel memory limit (deprecated)").hide(),
        limits::CPU_SHARES,
        limits::CPUS,
        limits::CPUSET_CPUS,
        limits::CPUSET_MEMS,
        limits::MEMORY,
        limits::MEMORY_RESERVATION,
        single(
            "memory-swap",
            NONE,
            "bytes",
            Some(size::check_swap),
            "Swap limit equal to memory plus swap: -1 to enable unlimited swap",
        ),
        limits::PIDS_LIMIT,
        text("restart", NONE, "Restart policy to apply when a container exits"),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    if command_flags().iter().all(|flag| !parsed.given(flag)) {
        return Err(Failure::new("you must provide one or more flags when using this command"));
    }
    let bytes = |flag: &str| size::parse(parsed.text(flag)).unwrap_or_default();
    let request = UpdateRequest {
        resources: Resources {
            blkio_weight: u16::try_from(parsed.int("blkio-weight")).unwrap_or_default(),
            cpuset_cpus: parsed.text("cpuset-cpus").to_owned(),
            cpuset_mems: parsed.text("cpuset-mems").to_owned(),
            cpu_shares: parsed.int("cpu-shares"),
            memory: bytes("memory"),
            memory_reservation: bytes("memory-reservation"),
            memory_swap: size::parse_swap(parsed.text("memory-swap")).unwrap_or_default(),
            cpu_period: parsed.int("cpu-period"),
            cpu_quota: parsed.int("cpu-quota"),
            cpu_realtime_period: parsed.int("cpu-rt-period"),
            cpu_realtime_runtime: parsed.int("cpu-rt-runtime"),
            nano_cpus: number::parse_cpus(parsed.text("cpus")).unwrap_or_default(),
            pids_limit: parsed.maybe_int("pids-limit"),
            ..Resources::default()
        },
        restart_policy: match parsed.text("restart") {
            "" => api::container::RestartPolicy::default(),
            policy => restart::parse(policy).map_err(Failure::new)?,
        },
    };
    let client = cli.client()?;
    let mut warnings = Vec::new();
    let mut failures = Failures::default();
    for container in &parsed.args {
        if let Some(told) = failures.note(client.container_update(container, &request)) {
            cli.print(container)?;
            warnings.extend(told);
        }
    }
    for warning in warnings {
        cli.print(warning)?;
    }
    failures.finish()
}

fn command_flags() -> Vec<&'static str> {
    COMMAND.flags.iter().map(|flag| flag.long).collect()
}
