//! Numbers of system calls by name, for every way a program can make one on this machine.

use std::collections::HashMap;
use std::sync::OnceLock;

/// The table, one call a line.
const TEXT: &str = include_str!("syscalls.txt");

/// A calling convention: the kernel tells them apart by the filter's `arch` field, x32 by a bit in the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Convention {
    /// 64-bit x86.
    X86_64,
    /// 32-bit x86.
    I386,
    /// 32-bit pointers on 64-bit x86.
    X32,
    /// 64-bit ARM.
    Arm64,
}

/// What x32 programs set in the number of every call.
pub(super) const X32_BIT: u32 = 0x4000_0000;

impl Convention {
    /// This machine's own.
    pub(super) const NATIVE: Self = if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::X86_64 };

    /// By libseccomp's name; `None` for one this machine cannot make calls by.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        let found = match name {
            "SCMP_ARCH_X86_64" => Self::X86_64,
            "SCMP_ARCH_X86" => Self::I386,
            "SCMP_ARCH_X32" => Self::X32,
            "SCMP_ARCH_AARCH64" => Self::Arm64,
            _ => return None,
        };
        (found.is_arm() == Self::NATIVE.is_arm()).then_some(found)
    }

    fn is_arm(self) -> bool {
        self == Self::Arm64
    }

    /// libseccomp's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "SCMP_ARCH_X86_64",
            Self::I386 => "SCMP_ARCH_X86",
            Self::X32 => "SCMP_ARCH_X32",
            Self::Arm64 => "SCMP_ARCH_AARCH64",
        }
    }

    /// The kernel's number of the architecture (`AUDIT_ARCH_*`).
    pub(super) fn audit(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => 0xc000_003e,
            Self::I386 => 0x4000_0003,
            Self::Arm64 => 0xc000_00b7,
        }
    }

    /// The number of a call; x32's with its bit.
    pub(super) fn number(self, name: &str) -> Option<u32> {
        let number = table().get(name)?[self as usize]?;
        Some(if self == Self::X32 { number | X32_BIT } else { number })
    }
}

/// Go's name of this machine, as profiles have it.
pub(super) fn go_arch() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

fn table() -> &'static HashMap<&'static str, [Option<u32>; 4]> {
    static TABLE: OnceLock<HashMap<&'static str, [Option<u32>; 4]>> = OnceLock::new();
    TABLE.get_or_init(|| {
        TEXT.lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let mut words = line.split(' ');
                let name = words.next()?;
                let mut numbers = [None; 4];
                for (slot, word) in numbers.iter_mut().zip(words) {
                    *slot = word.parse().ok();
                }
                Some((name, numbers))
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        for (name, expected) in [
            ("read", [Some(0), Some(3), Some(X32_BIT), Some(63)]),
            ("execve", [Some(59), Some(11), Some(X32_BIT | 520), Some(221)]),
            ("socketcall", [None, Some(102), None, None]),
            ("clone3", [Some(435), Some(435), Some(X32_BIT | 435), Some(435)]),
            ("no_such_call", [None; 4]),
        ] {
            let numbers = [Convention::X86_64, Convention::I386, Convention::X32, Convention::Arm64]
                .map(|convention| convention.number(name));
            assert_eq!(numbers, expected, "{name}");
        }
    }

    #[test]
    fn every_line_of_the_table_is_whole() {
        for line in TEXT.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(words.len(), 5, "{line}");
            assert!(words[1..].iter().all(|word| *word == "-" || word.parse::<u32>().is_ok()), "{line}");
        }
    }
}
