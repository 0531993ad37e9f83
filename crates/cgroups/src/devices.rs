//! Device rules: as lines for the v1 files, and as an eBPF program for v2.
//!
//! Meaning of a list: rules in order, a later one wins, decided separately for reading, writing and making a node; what no
//! rule covers is denied. So an empty list denies every device, on both versions.

use std::path::Path;

use errdefs::{Context, Result};
use rustix::io::Errno;
use sys::bpf::Instruction;

use crate::file;
use crate::limits::{DeviceKind, DeviceRule};

/// Applies the rules to a v1 `devices` directory.
pub(crate) fn apply_v1(dir: &Path, rules: &[DeviceRule]) -> Result<()> {
    let (allow, deny) = (dir.join("devices.allow"), dir.join("devices.deny"));
    // The whole slate first: rules before the last one for everything cannot matter.
    let start = rules.iter().rposition(DeviceRule::is_everything);
    match start.map(|at| rules[at].allow) {
        Some(true) => file::write(&allow, "a")?,
        Some(false) | None => file::write(&deny, "a")?,
    }
    for rule in &rules[start.map_or(0, |at| at + 1)..] {
        let path = if rule.allow { &allow } else { &deny };
        for line in rule.lines() {
            match file::try_write(path, &line) {
                // The parent group denies it (we are inside a container): then it stays denied, the safe side.
                Err(Errno::PERM) if rule.allow => {}
                Err(errno) => return Err(file::refused(path, &line, errno)),
                Ok(()) => {}
            }
        }
    }
    Ok(())
}

impl DeviceRule {
    /// Whether it is for every access to every device.
    fn is_everything(&self) -> bool {
        self.kind == DeviceKind::All
            && self.major.is_none()
            && self.minor.is_none()
            && self.read
            && self.write
            && self.mknod
    }

    /// As lines of `devices.allow`. The letter `a` would reset the whole list, so both types are written out.
    fn lines(&self) -> Vec<String> {
        let number = |n: Option<u32>| n.map_or_else(|| "*".to_owned(), |n| n.to_string());
        let access: String = [(self.read, 'r'), (self.write, 'w'), (self.mknod, 'm')]
            .into_iter()
            .filter(|a| a.0)
            .map(|a| a.1)
            .collect();
        let kinds: &[char] = match self.kind {
            DeviceKind::All => &['b', 'c'],
            DeviceKind::Character => &['c'],
            DeviceKind::Block => &['b'],
        };
        kinds
            .iter()
            .map(|kind| format!("{kind} {}:{} {access}", number(self.major), number(self.minor)))
            .collect()
    }
}

/// Puts the rules on a v2 directory.
pub(crate) fn apply_v2(dir: &rustix::fd::OwnedFd, rules: &[DeviceRule]) -> Result<()> {
    let program = sys::bpf::load_device_program(&program(rules)).context(|| "load the device program")?;
    sys::bpf::attach_device_program(dir, &program).context(|| "attach the device program")
}

// Registers: r1 is the context on entry; then r2 type, r3 accesses not yet allowed, r4 major, r5 minor.
const EXIT: Instruction = op(0x95, 0, 0, 0, 0);
const JMP_IMM_NE: u8 = 0x55;
const JMP_IMM_SET: u8 = 0x45;
const LOAD_WORD: u8 = 0x61;
const MOV32_IMM: u8 = 0xb4;
const MOV32_REG: u8 = 0xbc;
const AND32_IMM: u8 = 0x54;
const SHIFT_RIGHT32_IMM: u8 = 0x74;

const ACCESS_MKNOD: i32 = 1;
const ACCESS_READ: i32 = 2;
const ACCESS_WRITE: i32 = 4;
const TYPE_BLOCK: i32 = 1;
const TYPE_CHARACTER: i32 = 2;

const fn op(code: u8, to: u8, from: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction { code, registers: to | (from << 4), offset, immediate }
}

/// The program: walks from the last rule to the first; a denial of any wanted access ends it, an allowance takes its
/// accesses off the wanted ones until none is left.
fn program(rules: &[DeviceRule]) -> Vec<Instruction> {
    let mut code = vec![
        op(LOAD_WORD, 2, 1, 0, 0),
        op(MOV32_REG, 3, 2, 0, 0),
        op(SHIFT_RIGHT32_IMM, 3, 0, 0, 16),
        op(AND32_IMM, 2, 0, 0, 0xffff),
        op(LOAD_WORD, 4, 1, 4, 0),
        op(LOAD_WORD, 5, 1, 8, 0),
    ];
    for rule in rules.iter().rev() {
        let mut body = vec![];
        let mask = [(rule.mknod, ACCESS_MKNOD), (rule.read, ACCESS_READ), (rule.write, ACCESS_WRITE)]
            .into_iter()
            .filter(|a| a.0)
            .fold(0, |mask, a| mask | a.1);
        if rule.allow {
            body.extend([
                op(AND32_IMM, 3, 0, 0, !mask),
                op(JMP_IMM_NE, 3, 0, 2, 0),
                op(MOV32_IMM, 0, 0, 0, 1),
                EXIT,
            ]);
        } else {
            // Not wanted: past the two instructions that refuse.
            body.extend([
                op(JMP_IMM_SET, 3, 0, 1, mask),
                op(0x05, 0, 0, 2, 0),
                op(MOV32_IMM, 0, 0, 0, 0),
                EXIT,
            ]);
        }
        let mut tests = vec![];
        match rule.kind {
            DeviceKind::All => {}
            DeviceKind::Character => tests.push((2, TYPE_CHARACTER)),
            DeviceKind::Block => tests.push((2, TYPE_BLOCK)),
        }
        // Device numbers have 12 and 20 bits, so the cast is exact for every device there can be.
        tests.extend(rule.major.map(|major| (4, major as i32)));
        tests.extend(rule.minor.map(|minor| (5, minor as i32)));
        let count = tests.len();
        for (index, (register, value)) in tests.into_iter().enumerate() {
            let skip = (count - index - 1 + body.len()) as i16;
            code.push(op(JMP_IMM_NE, register, 0, skip, value));
        }
        code.extend(body);
    }
    code.extend([op(MOV32_IMM, 0, 0, 0, 0), EXIT]);
    code
}

#[cfg(test)]
mod tests;
