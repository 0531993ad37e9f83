//! Rules to classic BPF: a branch for each calling convention, in it a binary search over the call's number.
//!
//! Why a tree: the usual form compares the number with each of four hundred in turn, on every call a container makes, and
//! takes the kernel seven times as long to load. Neighbouring numbers with the same verdict are one range, so the tree
//! has about thirty leaves and five levels.
//!
//! Meaning of a list of rules for one call: an unconditional rule wins over all others, the first of them over the rest;
//! among conditional ones the first that holds wins; if none does, the default action. A rule with the default action is
//! no rule. Calls newer than every call the rules name fail with `ENOSYS`, as if the kernel did not have them, when the
//! default is to fail: that is how programs find out that they must do without.

use std::collections::BTreeMap;

use errdefs::{Result, invalid, not_implemented};
use oci::runtime::{Seccomp, SeccompAction, SeccompSyscall};
use sys::seccomp::{Instruction, MAX_INSTRUCTIONS};

use super::condition::{JUMP, JUMP_EQUAL, JUMP_GREATER_EQUAL, LOAD, RETURN, Step, Target, Test};
use super::table::{Convention, X32_BIT};
use super::word;
use crate::plan::Filter;

/// `SECCOMP_RET_KILL_PROCESS`: for calls made in a way no rule is about.
const KILL_PROCESS: u32 = 0x8000_0000;
/// `SECCOMP_RET_ERRNO`.
const RETURN_ERRNO: u32 = 0x0005_0000;
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
/// The largest error number the kernel passes on (`MAX_ERRNO`).
const MAX_ERRNO: u32 = 4095;
/// `SECCOMP_FILTER_FLAG_*` bits by name. Synchronising threads is nothing to do for a process with one.
const FLAGS: [(&str, u64); 3] =
    [("SECCOMP_FILTER_FLAG_TSYNC", 0), ("SECCOMP_FILTER_FLAG_LOG", 2), ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", 4)];

/// What happens to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Conditional rules in order, each with its `SECCOMP_RET_*` value.
    pub(super) rules: Vec<(Vec<Test>, u32)>,
    /// If none holds.
    pub(super) otherwise: u32,
}

/// What happens to the calls of one convention.
#[derive(Debug)]
pub(super) struct Verdicts {
    /// By number.
    pub(super) by_number: BTreeMap<u32, Verdict>,
    /// Of all other numbers.
    pub(super) default: u32,
    /// Of numbers above this: `ENOSYS`.
    pub(super) newest: Option<u32>,
}

/// Compiles rules to instructions for this machine's architecture and its 32-bit kin.
///
/// # Errors
/// `InvalidParameter` for rules that make no sense or do not fit the kernel's limits, `NotImplemented` for
/// `SCMP_ACT_NOTIFY`.
pub fn compile(rules: &Seccomp) -> Result<Filter> {
    let mut conventions = vec![Convention::NATIVE];
    for name in &rules.architectures {
        match Convention::by_name(name) {
            Some(convention) if !conventions.contains(&convention) => conventions.push(convention),
            // Ours already, or another machine's: no call can come that way here.
            Some(_) => {}
            None if name.starts_with("SCMP_ARCH_") => {}
            None => return Err(invalid(format!("string {name} is not a valid arch for seccomp"))),
        }
    }
    let mut flags = 0;
    for name in &rules.flags {
        let known = FLAGS.iter().find(|(known, _)| known == name);
        flags |= known.ok_or_else(|| invalid(format!("seccomp flag {name} is not known to runc")))?.1;
    }
    if rules.flags.is_empty() {
        // As runc does: the slow-down against speculation is the kernel's default to decide, not the filter's.
        flags = 4;
    }
    let verdicts = conventions
        .iter()
        .map(|&convention| Ok((convention, verdicts(rules, convention)?)))
        .collect::<Result<Vec<_>>>()?;
    let program = assemble(&verdicts)?;
    Ok(Filter { program: program.into_iter().map(word).collect(), flags })
}

/// What the rules mean for one convention.
pub(super) fn verdicts(rules: &Seccomp, convention: Convention) -> Result<Verdicts> {
    let default = value(rules.default_action, rules.default_errno_ret)?;
    let mut by_number: BTreeMap<u32, Verdict> = BTreeMap::new();
    let mut settled: Vec<u32> = Vec::new();
    let mut newest = None;
    for rule in &rules.syscalls {
        let action = value(rule.action, rule.errno_ret)?;
        let alternatives = alternatives(rule)?;
        for name in &rule.names {
            let Some(number) = convention.number(name) else { continue };
            newest = newest.max(Some(number));
            if action == default || settled.contains(&number) {
                continue;
            }
            let verdict =
                by_number.entry(number).or_insert(Verdict { rules: Vec::new(), otherwise: default });
            if rule.args.is_empty() {
                *verdict = Verdict { rules: Vec::new(), otherwise: action };
                settled.push(number);
                continue;
            }
            for tests in &alternatives {
                let tests = tests.iter().map(|arg| Test::new(name, arg)).collect();
                verdict.rules.push((tests, action));
            }
        }
    }
    let fails = matches!(
        rules.default_action,
        SeccompAction::Errno | SeccompAction::KillThread | SeccompAction::KillProcess | SeccompAction::Trap
    );
    Ok(Verdicts { by_number, default, newest: newest.filter(|_| fails) })
}

/// The conditions of a rule: all of them together; but if some are on the same argument, which could hardly all hold,
/// each on its own, as runc understands it.
fn alternatives(rule: &SeccompSyscall) -> Result<Vec<Vec<oci::runtime::SeccompArg>>> {
    let mut seen = [false; 6];
    let mut repeated = false;
    for arg in &rule.args {
        let slot = seen
            .get_mut(arg.index as usize)
            .ok_or_else(|| invalid(format!("seccomp argument index {} is above 5", arg.index)))?;
        repeated |= std::mem::replace(slot, true);
    }
    if repeated {
        return Ok(rule.args.iter().map(|arg| vec![arg.clone()]).collect());
    }
    Ok(vec![rule.args.clone()])
}

/// The `SECCOMP_RET_*` value of an action.
fn value(action: SeccompAction, errno: Option<u32>) -> Result<u32> {
    let data = errno.unwrap_or(EPERM);
    if data > MAX_ERRNO {
        return Err(invalid(format!("seccomp error number {data} is above {MAX_ERRNO}")));
    }
    Ok(match action {
        SeccompAction::KillThread => 0,
        SeccompAction::KillProcess => KILL_PROCESS,
        SeccompAction::Trap => 0x0003_0000,
        SeccompAction::Errno => RETURN_ERRNO | data,
        SeccompAction::Trace => 0x7ff0_0000 | data,
        SeccompAction::Log => 0x7ffc_0000,
        SeccompAction::Allow => 0x7fff_0000,
        SeccompAction::Notify => return Err(not_implemented("SCMP_ACT_NOTIFY is not supported")),
    })
}

/// Instructions made from the last to the first, so that every jump's target is known when the jump is made.
#[derive(Default)]
struct Assembler {
    /// In reverse.
    code: Vec<Instruction>,
    /// Where a `return` of a value already is.
    returns: BTreeMap<u32, usize>,
}

/// A place in the code: how many instructions there are from it to the end.
type Label = usize;

fn assemble(verdicts: &[(Convention, Verdicts)]) -> Result<Vec<Instruction>> {
    let mut out = Assembler::default();
    let stranger = out.ret(KILL_PROCESS);
    let mut branches: Vec<(u32, Label)> = Vec::new();
    let of = |wanted| verdicts.iter().find(|(convention, _)| *convention == wanted).map(|(_, v)| v);
    if let Some(i386) = of(Convention::I386) {
        branches.push((Convention::I386.audit(), out.search(i386)));
    }
    if let Some(arm) = of(Convention::Arm64) {
        branches.push((Convention::Arm64.audit(), out.search(arm)));
    }
    if let Some(native) = of(Convention::X86_64) {
        // The kernel says "x86-64" of x32 too; the bit in the number tells. -1 is a tracer's "no call".
        let x32 = match of(Convention::X32) {
            Some(x32) => out.tree(&x32.leaves(X32_BIT)),
            None => out.ret(KILL_PROCESS),
        };
        let native = out.tree(&native.leaves(0));
        out.compare(JUMP_GREATER_EQUAL, X32_BIT, x32, native);
        let number = out.load(0);
        branches.push((Convention::X86_64.audit(), number));
    }
    let mut next = stranger;
    for (audit, label) in branches {
        next = out.compare(JUMP_EQUAL, audit, label, next);
    }
    out.load(4);
    out.code.reverse();
    if out.code.len() > MAX_INSTRUCTIONS {
        return Err(invalid(format!(
            "the seccomp filter has {} instructions, more than {MAX_INSTRUCTIONS}",
            out.code.len()
        )));
    }
    Ok(out.code)
}

/// A verdict from a number on, up to the next leaf.
type Leaf<'a> = (u32, LeafVerdict<'a>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeafVerdict<'a> {
    Plain(u32),
    Conditional(&'a Verdict),
}

/// Adds a leaf, or changes the last one if it begins at the same number.
fn push<'a>(leaves: &mut Vec<Leaf<'a>>, from: u32, verdict: LeafVerdict<'a>) {
    match leaves.last_mut() {
        Some(last) if last.0 == from => last.1 = verdict,
        _ => leaves.push((from, verdict)),
    }
}

impl Verdicts {
    /// Every number from `first` on as ranges, neighbours with one verdict merged.
    fn leaves(&self, first: u32) -> Vec<Leaf<'_>> {
        let mut leaves: Vec<Leaf<'_>> = vec![(first, LeafVerdict::Plain(self.default))];
        for (&number, verdict) in &self.by_number {
            let leaf = if verdict.rules.is_empty() {
                LeafVerdict::Plain(verdict.otherwise)
            } else {
                LeafVerdict::Conditional(verdict)
            };
            push(&mut leaves, number, leaf);
            push(&mut leaves, number + 1, LeafVerdict::Plain(self.default));
        }
        if let Some(newest) = self.newest {
            push(&mut leaves, newest + 1, LeafVerdict::Plain(RETURN_ERRNO | ENOSYS));
        }
        leaves.dedup_by(|next, last| next.1 == last.1);
        leaves
    }
}

impl Assembler {
    fn emit(&mut self, instruction: Instruction) -> Label {
        self.code.push(instruction);
        self.code.len()
    }

    fn load(&mut self, offset: u32) -> Label {
        self.emit(Instruction { code: LOAD, jt: 0, jf: 0, k: offset })
    }

    /// A `return`, shared with others of the same value where a jump reaches.
    fn ret(&mut self, value: u32) -> Label {
        if let Some(&label) = self.returns.get(&value)
            && self.code.len() - label < 200
        {
            return label;
        }
        let label = self.emit(Instruction { code: RETURN, jt: 0, jf: 0, k: value });
        self.returns.insert(value, label);
        label
    }

    /// A label within a jump's reach of the next instruction, by way of a long jump if the given one is too far.
    fn near(&mut self, label: Label) -> Label {
        // Room for the other side's long jump.
        if self.code.len() - label < 250 {
            return label;
        }
        let k = (self.code.len() - label) as u32;
        self.emit(Instruction { code: JUMP, jt: 0, jf: 0, k })
    }

    fn compare(&mut self, code: u16, k: u32, pass: Label, fail: Label) -> Label {
        let pass = self.near(pass);
        let fail = self.near(fail);
        let distance = |label: Label| (self.code.len() - label) as u8;
        let (jt, jf) = (distance(pass), distance(fail));
        self.emit(Instruction { code, jt, jf, k })
    }

    /// Loads the number and searches.
    fn search(&mut self, verdicts: &Verdicts) -> Label {
        let root = self.tree(&verdicts.leaves(0));
        self.fall_through(root);
        self.load(0)
    }

    /// Makes `label` the next instruction.
    fn fall_through(&mut self, label: Label) {
        if label != self.code.len() {
            let k = (self.code.len() - label) as u32;
            self.emit(Instruction { code: JUMP, jt: 0, jf: 0, k });
        }
    }

    /// A binary search over sorted leaves, the number being loaded.
    fn tree(&mut self, leaves: &[Leaf<'_>]) -> Label {
        if let [(_, verdict)] = leaves {
            return match verdict {
                LeafVerdict::Plain(value) => self.ret(*value),
                LeafVerdict::Conditional(verdict) => self.conditional(verdict),
            };
        }
        let (left, right) = leaves.split_at(leaves.len() / 2);
        let from = right[0].0;
        let right = self.tree(right);
        let left = self.tree(left);
        self.compare(JUMP_GREATER_EQUAL, from, right, left)
    }

    /// Rules one after the other.
    fn conditional(&mut self, verdict: &Verdict) -> Label {
        let mut next_rule = self.ret(verdict.otherwise);
        for (tests, action) in verdict.rules.iter().rev() {
            let mut holds = self.ret(*action);
            for test in tests.iter().rev() {
                holds = self.test(test, holds, next_rule);
            }
            next_rule = holds;
        }
        next_rule
    }

    /// One condition: on to `holds` or to `fails`.
    fn test(&mut self, test: &Test, holds: Label, fails: Label) -> Label {
        let mut next = holds;
        for step in test.steps().into_iter().rev() {
            next = match step {
                Step::Plain(instruction) => {
                    self.fall_through(next);
                    self.emit(instruction)
                }
                Step::Compare { code, k, pass, fail } => {
                    let at = |target| match target {
                        Target::Next => next,
                        Target::True => holds,
                        Target::False => fails,
                    };
                    self.compare(code, k, at(pass), at(fail))
                }
            };
        }
        next
    }
}
