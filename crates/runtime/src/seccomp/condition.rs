//! Conditions on arguments: their meaning, and their instructions.
//!
//! The kernel hands a filter each argument as 64 bits, but many calls look at the low 32 only. Comparing all 64 there
//! would be a hole: `socket(0x1_0000_0026, ...)` is `AF_ALG` to the kernel and something harmless to the filter. So for
//! calls known to narrow an argument, the low half is all that is compared.

use oci::runtime::{SeccompArg, SeccompOperator};
use sys::seccomp::Instruction;

/// Arguments the kernel narrows to 32 bits, among those that filters look at.
const NARROW: [(&str, u32); 7] = [
    ("socket", 0),
    ("socket", 1),
    ("socket", 2),
    ("socketpair", 0),
    ("personality", 0),
    ("clone", 0),
    ("unshare", 0),
];

/// A condition, normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Test {
    index: u32,
    op: SeccompOperator,
    value: u64,
    value_two: u64,
    narrow: bool,
}

impl Test {
    /// A condition of a rule for the call `name`.
    pub(super) fn new(name: &str, arg: &SeccompArg) -> Self {
        let narrow = NARROW.contains(&(name, arg.index));
        Self { index: arg.index, op: arg.op, value: arg.value, value_two: arg.value_two, narrow }
    }

    /// Whether it holds: what the instructions must agree with.
    #[cfg(test)]
    pub(super) fn holds(&self, args: [u64; 6]) -> bool {
        let low = |value: u64| if self.narrow { value & 0xffff_ffff } else { value };
        let (have, value) = (low(args[self.index as usize]), low(self.value));
        match self.op {
            SeccompOperator::NotEqual => have != value,
            SeccompOperator::Less => have < value,
            SeccompOperator::LessOrEqual => have <= value,
            SeccompOperator::Equal => have == value,
            SeccompOperator::GreaterOrEqual => have >= value,
            SeccompOperator::Greater => have > value,
            SeccompOperator::MaskedEqual => have & value == low(self.value_two),
        }
    }

    /// Its instructions, run in sequence: they go on to the next instruction if it holds, else to label `false`.
    ///
    /// Jumps are symbolic: see [`Step`].
    pub(super) fn steps(&self) -> Vec<Step> {
        // `struct seccomp_data`: number, architecture, instruction pointer, six arguments; little-endian halves.
        let low = Step::load(16 + 8 * self.index);
        let high = Step::load(16 + 8 * self.index + 4);
        let (value_high, value_low) = ((self.value >> 32) as u32, self.value as u32);
        let pass_if = |code, k, pass, fail| Step::Compare { code, k, pass, fail };
        use Target::{False, Next, True};
        // First the high halves: they decide, or are the same and leave it to the low ones.
        let decide = |greater: Target, less: Target| {
            if self.narrow {
                return vec![];
            }
            vec![
                high,
                pass_if(JUMP_GREATER, value_high, greater, Next),
                pass_if(JUMP_EQUAL, value_high, Next, less),
            ]
        };
        match self.op {
            SeccompOperator::Equal | SeccompOperator::NotEqual => {
                let (same, differs) =
                    if self.op == SeccompOperator::Equal { (Next, False) } else { (False, Next) };
                let mut steps = vec![];
                if !self.narrow {
                    // A different high half settles it.
                    let settled = if self.op == SeccompOperator::Equal { False } else { True };
                    steps.extend([high, pass_if(JUMP_EQUAL, value_high, Next, settled)]);
                }
                steps.extend([low, pass_if(JUMP_EQUAL, value_low, same, differs)]);
                steps
            }
            SeccompOperator::Greater => {
                [decide(True, False), vec![low, pass_if(JUMP_GREATER, value_low, Next, False)]].concat()
            }
            SeccompOperator::GreaterOrEqual => {
                [decide(True, False), vec![low, pass_if(JUMP_GREATER_EQUAL, value_low, Next, False)]].concat()
            }
            SeccompOperator::Less => {
                [decide(False, True), vec![low, pass_if(JUMP_GREATER_EQUAL, value_low, False, Next)]].concat()
            }
            SeccompOperator::LessOrEqual => {
                [decide(False, True), vec![low, pass_if(JUMP_GREATER, value_low, False, Next)]].concat()
            }
            SeccompOperator::MaskedEqual => {
                let mut steps = vec![];
                let (two_high, two_low) = ((self.value_two >> 32) as u32, self.value_two as u32);
                if !self.narrow && (value_high, two_high) != (0, 0) {
                    steps.extend([high, Step::mask(value_high), pass_if(JUMP_EQUAL, two_high, Next, False)]);
                }
                steps.extend([low, Step::mask(value_low), pass_if(JUMP_EQUAL, two_low, Next, False)]);
                steps
            }
        }
    }
}

/// Where a comparison leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The next instruction.
    Next,
    /// Past this condition: it holds.
    True,
    /// To the next rule: it does not.
    False,
}

/// An instruction with symbolic jumps.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// One without.
    Plain(Instruction),
    /// A comparison.
    Compare { code: u16, k: u32, pass: Target, fail: Target },
}

impl Step {
    fn load(offset: u32) -> Self {
        Self::Plain(Instruction { code: LOAD, jt: 0, jf: 0, k: offset })
    }

    fn mask(mask: u32) -> Self {
        Self::Plain(Instruction { code: AND, jt: 0, jf: 0, k: mask })
    }
}

/// `BPF_LD | BPF_W | BPF_ABS`.
pub(super) const LOAD: u16 = 0x20;
/// `BPF_ALU | BPF_AND | BPF_K`.
pub(super) const AND: u16 = 0x54;
/// `BPF_JMP | BPF_JA`.
pub(super) const JUMP: u16 = 0x05;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
pub(super) const JUMP_EQUAL: u16 = 0x15;
/// `BPF_JMP | BPF_JGT | BPF_K`.
pub(super) const JUMP_GREATER: u16 = 0x25;
/// `BPF_JMP | BPF_JGE | BPF_K`.
pub(super) const JUMP_GREATER_EQUAL: u16 = 0x35;
/// `BPF_RET | BPF_K`.
pub(super) const RETURN: u16 = 0x06;
