//! System call filters: Docker's profile format, its default profile, and the compiler to BPF.
//!
//! The way: a [`Profile`] (Docker's JSON, or the default one) is resolved for the container's capabilities, this
//! machine and this kernel to OCI rules, and those are compiled to instructions. The result depends only on
//! (profile, capabilities), so the caller caches it by [`Profile`] bytes and capability mask.

use errdefs::Result;
use oci::runtime::Seccomp;

use crate::plan::Filter;

/// A profile in Docker's format (`--security-opt seccomp=FILE`).
#[derive(Debug, Clone)]
pub struct Profile {}

#[expect(clippy::todo, unused_variables, clippy::missing_errors_doc, reason = "first landing: the interface")]
impl Profile {
    /// Docker's default profile.
    pub fn docker_default() -> &'static Self {
        todo!()
    }
    /// Reads a profile in Docker's JSON format.
    pub fn from_json(text: &[u8]) -> Result<Self> {
        todo!()
    }
    /// The rules that hold with the bounding capabilities `capabilities` (bit mask) on this machine.
    pub fn resolve(&self, capabilities: u64) -> Result<Seccomp> {
        todo!()
    }
}

/// Compiles rules to instructions for this machine's architecture and its 32-bit kin.
///
/// # Errors
/// `InvalidParameter` for rules that contradict each other or do not fit the kernel's limits.
#[expect(clippy::todo, unused_variables, reason = "first landing: the interface")]
pub fn compile(rules: &Seccomp) -> Result<Filter> {
    todo!()
}

/// The instructions of a compiled filter.
pub(crate) fn instructions(filter: &Filter) -> Vec<sys::seccomp::Instruction> {
    filter
        .program
        .iter()
        .map(|&word| sys::seccomp::Instruction {
            code: word as u16,
            jt: (word >> 16) as u8,
            jf: (word >> 24) as u8,
            k: (word >> 32) as u32,
        })
        .collect()
}
