//! The flags of limits that `create`, `run` and `update` have in common.

use crate::flag::{Flag, NONE, single, text};
use crate::opts::{number, size};

/// `--blkio-weight`.
pub(super) const BLKIO_WEIGHT: Flag = single(
    "blkio-weight",
    NONE,
    "uint16",
    Some(number::check_uint16),
    "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)",
);
/// `--cpu-period`.
pub(super) const CPU_PERIOD: Flag = single(
    "cpu-period",
    NONE,
    "int",
    Some(number::check_int),
    "Limit CPU CFS (Completely Fair Scheduler) period",
);
/// `--cpu-quota`.
pub(super) const CPU_QUOTA: Flag = single(
    "cpu-quota",
    NONE,
    "int",
    Some(number::check_int),
    "Limit CPU CFS (Completely Fair Scheduler) quota",
);
/// `--cpu-shares`.
pub(super) const CPU_SHARES: Flag =
    single("cpu-shares", 'c', "int", Some(number::check_int), "CPU shares (relative weight)");
/// `--cpus`.
pub(super) const CPUS: Flag = single("cpus", NONE, "decimal", Some(number::check_cpus), "Number of CPUs");
/// `--cpuset-cpus`.
pub(super) const CPUSET_CPUS: Flag = text("cpuset-cpus", NONE, "CPUs in which to allow execution (0-3, 0,1)");
/// `--cpuset-mems`.
pub(super) const CPUSET_MEMS: Flag = text("cpuset-mems", NONE, "MEMs in which to allow execution (0-3, 0,1)");
/// `--memory`.
pub(super) const MEMORY: Flag = single("memory", 'm', "bytes", Some(size::check), "Memory limit");
/// `--memory-reservation`.
pub(super) const MEMORY_RESERVATION: Flag =
    single("memory-reservation", NONE, "bytes", Some(size::check), "Memory soft limit");
/// `--pids-limit`.
pub(super) const PIDS_LIMIT: Flag = single(
    "pids-limit",
    NONE,
    "int",
    Some(number::check_int),
    "Tune container pids limit (set -1 for unlimited)",
);
