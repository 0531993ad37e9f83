//! System call filters: Docker's profile format, its default profile, and the compiler to BPF.
//!
//! The way: a [`Profile`] (Docker's JSON, or the default one) is resolved for the container's capabilities, this
//! machine and this kernel to OCI rules, and those are compiled to instructions. The result depends only on
//! (profile, capabilities), so the caller caches it by the profile's bytes and the capability mask.

use crate::plan::Filter;

mod compiler;
mod condition;
mod default;
mod profile;
mod table;

pub use compiler::compile;
pub use profile::Profile;

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

/// An instruction as a number of [`Filter::program`].
fn word(instruction: sys::seccomp::Instruction) -> u64 {
    u64::from(instruction.code)
        | u64::from(instruction.jt) << 16
        | u64::from(instruction.jf) << 24
        | u64::from(instruction.k) << 32
}

#[cfg(test)]
mod tests;
