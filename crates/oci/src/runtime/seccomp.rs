//! The `linux.seccomp` object: a system call filter as rules.

use serde::{Deserialize, Serialize};

/// A system call filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seccomp {
    /// For calls no rule matches.
    pub default_action: SeccompAction,
    /// Its error number; `EPERM` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    /// Architectures besides the native one, e.g. `SCMP_ARCH_X86`; calls of all others kill the process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// E.g. `SECCOMP_FILTER_FLAG_LOG`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Socket that gets the notification descriptor.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub listener_path: String,
    /// Opaque text for the listener.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub listener_metadata: String,
    /// The rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub syscalls: Vec<SeccompSyscall>,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SeccompAction {
    /// The thread is killed.
    #[serde(rename = "SCMP_ACT_KILL", alias = "SCMP_ACT_KILL_THREAD")]
    KillThread,
    /// The process is killed.
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
    /// `SIGSYS`.
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    /// The call fails.
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    /// A tracer decides.
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    /// Allowed, and written to the audit log.
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    /// Allowed.
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
    /// A supervisor decides.
    #[serde(rename = "SCMP_ACT_NOTIFY")]
    Notify,
}

/// One rule: any of the names, and all of the argument conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeccompSyscall {
    /// Names of the calls; those the machine does not have are ignored.
    pub names: Vec<String>,
    /// What happens.
    pub action: SeccompAction,
    /// Error number of `Errno` and `Trace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    /// Conditions; all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<SeccompArg>,
}

/// A condition on one argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeccompArg {
    /// Which argument, 0 to 5.
    pub index: u32,
    /// Compared with this; the mask of `MaskedEqual`.
    pub value: u64,
    /// What `MaskedEqual` compares the masked argument with.
    #[serde(default)]
    pub value_two: u64,
    /// How.
    pub op: SeccompOperator,
}

/// How an argument is compared, as unsigned 64-bit numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeccompOperator {
    /// Is not.
    #[serde(rename = "SCMP_CMP_NE")]
    NotEqual,
    /// Is less.
    #[serde(rename = "SCMP_CMP_LT")]
    Less,
    /// Is less or the same.
    #[serde(rename = "SCMP_CMP_LE")]
    LessOrEqual,
    /// Is.
    #[serde(rename = "SCMP_CMP_EQ")]
    Equal,
    /// Is greater or the same.
    #[serde(rename = "SCMP_CMP_GE")]
    GreaterOrEqual,
    /// Is greater.
    #[serde(rename = "SCMP_CMP_GT")]
    Greater,
    /// Under the mask `value`, is `value_two`.
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    MaskedEqual,
}
