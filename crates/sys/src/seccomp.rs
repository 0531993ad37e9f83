//! Loading a system call filter that was compiled before.

use rustix::io::Errno;

use crate::{CallError, Result, check};

/// One instruction of classic BPF, in the kernel's layout (`struct sock_filter`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip if the comparison holds.
    pub jt: u8,
    /// Instructions to skip if not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// The most instructions the kernel takes in one filter (`BPF_MAXINSNS`).
pub const MAX_INSTRUCTIONS: usize = 4096;

/// Puts the filter on this thread and its children, with `SECCOMP_FILTER_FLAG_*` bits.
///
/// # Errors
/// `seccomp`; `EACCES` without `CAP_SYS_ADMIN` and without no-new-privileges, `EINVAL` for a malformed filter.
pub fn load(program: &[Instruction], flags: u64) -> Result<()> {
    if program.is_empty() || program.len() > MAX_INSTRUCTIONS {
        return Err(CallError::new("seccomp", "filter", Errno::INVAL));
    }
    let fprog = libc::sock_fprog {
        len: program.len() as libc::c_ushort,
        filter: program.as_ptr().cast_mut().cast::<libc::sock_filter>(),
    };
    // SAFETY: `Instruction` has the layout of `sock_filter` (asserted below); the kernel only reads, during the call.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const fprog) };
    check(result, "seccomp", "filter").map(drop)
}

const _: () = {
    assert!(size_of::<Instruction>() == size_of::<libc::sock_filter>());
    assert!(align_of::<Instruction>() >= align_of::<libc::sock_filter>());
};
