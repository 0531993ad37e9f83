//! The compiler against a naive evaluator, by an interpreter of BPF; and the default profile against Docker's.

use oci::runtime::{Seccomp, SeccompAction, SeccompArg, SeccompOperator, SeccompSyscall};
use proptest::prelude::*;
use sys::seccomp::Instruction;

use super::compiler::verdicts;
use super::table::{Convention, X32_BIT};
use super::*;

/// A system call as the kernel shows it to a filter.
#[derive(Debug, Clone, Copy)]
struct Data {
    number: u32,
    arch: u32,
    args: [u64; 6],
}

/// Runs a program as the kernel would; returns its verdict and how many instructions it took.
fn run(program: &[Instruction], data: &Data) -> (u32, usize) {
    let load = |offset: u32| match offset {
        0 => data.number,
        4 => data.arch,
        16.. => {
            let arg = data.args[(offset as usize - 16) / 8];
            if offset.is_multiple_of(8) { arg as u32 } else { (arg >> 32) as u32 }
        }
        other => panic!("load {other}"),
    };
    let (mut pc, mut a, mut steps) = (0, 0_u32, 0);
    loop {
        let i = program[pc];
        pc += 1;
        steps += 1;
        let jump = |holds: bool| usize::from(if holds { i.jt } else { i.jf });
        match i.code {
            0x20 => a = load(i.k),
            0x54 => a &= i.k,
            0x05 => pc += i.k as usize,
            0x15 => pc += jump(a == i.k),
            0x25 => pc += jump(a > i.k),
            0x35 => pc += jump(a >= i.k),
            0x06 => return (i.k, steps),
            other => panic!("instruction {other:#x}"),
        }
    }
}

/// What the rules say, without any program.
fn naive(rules: &Seccomp, data: &Data) -> u32 {
    const KILL: u32 = 0x8000_0000;
    let convention = match (data.arch, data.number >= X32_BIT) {
        (0xc000_003e, true) => Convention::X32,
        (0xc000_003e, false) => Convention::X86_64,
        (0x4000_0003, _) => Convention::I386,
        _ => return KILL,
    };
    let listed = rules.architectures.iter().any(|name| name == convention.name());
    if convention != Convention::X86_64 && !listed {
        return KILL;
    }
    let verdicts = verdicts(rules, convention).unwrap();
    if verdicts.newest.is_some_and(|newest| data.number > newest) {
        return 0x0005_0026;
    }
    let Some(verdict) = verdicts.by_number.get(&data.number) else { return verdicts.default };
    let holds = |tests: &Vec<condition::Test>| tests.iter().all(|test| test.holds(data.args));
    verdict.rules.iter().find(|(tests, _)| holds(tests)).map_or(verdict.otherwise, |(_, action)| *action)
}

fn default_rules(capabilities: u64) -> Seccomp {
    Profile::docker_default().resolve(capabilities).unwrap()
}

fn program(rules: &Seccomp) -> Vec<Instruction> {
    instructions(&compile(rules).unwrap())
}

fn call(program: &[Instruction], convention: Convention, name: &str, args: [u64; 6]) -> u32 {
    run(program, &Data { number: convention.number(name).unwrap(), arch: convention.audit(), args }).0
}

const ALLOW: u32 = 0x7fff_0000;
const REFUSE: u32 = 0x0005_0001;
const NO_SUCH_CALL: u32 = 0x0005_0026;
const DOCKER_CAPABILITIES: u64 = 0xa804_25fb;

#[test]
fn the_default_profile_is_dockers() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/seccomp/testdata/docker-default.json");
    let theirs = Profile::from_json(&std::fs::read(path).unwrap()).unwrap().unwrap();
    for capabilities in (0..41).map(|bit| 1_u64 << bit).chain([0, u64::MAX, DOCKER_CAPABILITIES]) {
        let (ours, theirs) = (default_rules(capabilities), theirs.resolve(capabilities).unwrap());
        assert_eq!(ours.architectures, theirs.architectures);
        for convention in [Convention::X86_64, Convention::I386, Convention::X32] {
            let (ours, theirs) =
                (verdicts(&ours, convention).unwrap(), verdicts(&theirs, convention).unwrap());
            assert_eq!(ours.by_number, theirs.by_number, "{convention:?} {capabilities:#x}");
            assert_eq!((ours.default, ours.newest), (theirs.default, theirs.newest));
        }
    }
}

#[test]
fn the_default_profile_allows_and_refuses() {
    let program = program(&default_rules(DOCKER_CAPABILITIES));
    for convention in [Convention::X86_64, Convention::I386, Convention::X32] {
        for (name, first, expected) in [
            ("read", 0, ALLOW),
            ("execve", 0, ALLOW),
            ("mount", 0, REFUSE),
            ("keyctl", 0, REFUSE),
            ("bpf", 0, REFUSE),
            ("io_uring_setup", 0, REFUSE),
            ("userfaultfd", 0, REFUSE),
            ("unshare", 0, REFUSE),
            ("setns", 0, REFUSE),
            ("clone3", 0, NO_SUCH_CALL),
            ("clone", 17, ALLOW),
            ("clone", 0x1000_0011, REFUSE),
            ("personality", 0, ALLOW),
            ("personality", 0xffff_ffff, ALLOW),
            ("personality", 0x0040_0000, REFUSE),
            ("socket", 2, ALLOW),
            ("socket", 38, REFUSE),
            ("socket", 39, ALLOW),
            ("socket", 40, REFUSE),
            ("socket", 41, ALLOW),
            // What the kernel takes for 38 is 38.
            ("socket", 0x1_0000_0026, REFUSE),
            ("chroot", 0, ALLOW),
        ] {
            let verdict = call(&program, convention, name, [first, 0, 0, 0, 0, 0]);
            assert_eq!(verdict, expected, "{convention:?} {name}({first:#x})");
        }
    }
    let unknown = |arch, number| run(&program, &Data { number, arch, args: [0; 6] }).0;
    assert_eq!(unknown(Convention::X86_64.audit(), 5000), NO_SUCH_CALL);
    assert_eq!(unknown(Convention::Arm64.audit(), 0), 0x8000_0000);
}

#[test]
fn the_kernel_takes_the_filter_and_it_is_short() {
    let program = program(&default_rules(DOCKER_CAPABILITIES));
    assert!(program.len() < 400, "{} instructions", program.len());
    let longest = (0..600)
        .map(|number| run(&program, &Data { number, arch: Convention::X86_64.audit(), args: [0; 6] }).1)
        .max();
    assert!(longest.unwrap() < 40, "{longest:?} steps");
    // On a thread of its own: a filter cannot be taken off again.
    std::thread::spawn(move || {
        rustix::thread::set_no_new_privs(true).unwrap();
        sys::seccomp::load(&program, 4).unwrap();
        let refused = rustix::system::sethostname(b"x").unwrap_err();
        assert_eq!(refused, rustix::io::Errno::PERM);
    })
    .join()
    .unwrap();
}

#[test]
fn senseless_rules_are_refused() {
    let rules = |change: fn(&mut Seccomp)| {
        let mut rules = default_rules(0);
        change(&mut rules);
        compile(&rules)
    };
    assert!(rules(|r| r.default_errno_ret = Some(5000)).is_err());
    assert!(rules(|r| r.syscalls[0].action = SeccompAction::Notify).is_err());
    assert!(rules(|r| r.flags.push("SECCOMP_FILTER_FLAG_WHAT".to_owned())).is_err());
    assert!(rules(|r| r.architectures.push("arm".to_owned())).is_err());
    assert!(
        rules(|r| {
            let arg = SeccompArg { index: 6, value: 0, value_two: 0, op: SeccompOperator::Equal };
            r.syscalls[0].args.push(arg);
        })
        .is_err()
    );
}

const NAMES: [&str; 12] = [
    "read",
    "write",
    "open",
    "close",
    "socket",
    "clone",
    "personality",
    "ptrace",
    "openat2",
    "mount",
    "execve",
    "futex",
];

fn action() -> impl Strategy<Value = SeccompAction> {
    prop_oneof![
        Just(SeccompAction::Allow),
        Just(SeccompAction::Errno),
        Just(SeccompAction::KillProcess),
        Just(SeccompAction::KillThread),
        Just(SeccompAction::Trap),
        Just(SeccompAction::Log),
        Just(SeccompAction::Trace),
    ]
}

/// Numbers around each other's edges, in both halves.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..4_u64,
        Just(u64::from(u32::MAX)),
        Just(1 << 32),
        Just((1 << 32) + 1),
        Just(u64::MAX),
        any::<u64>()
    ]
}

fn arg() -> impl Strategy<Value = SeccompArg> {
    let op = prop_oneof![
        Just(SeccompOperator::NotEqual),
        Just(SeccompOperator::Less),
        Just(SeccompOperator::LessOrEqual),
        Just(SeccompOperator::Equal),
        Just(SeccompOperator::GreaterOrEqual),
        Just(SeccompOperator::Greater),
        Just(SeccompOperator::MaskedEqual),
    ];
    (0..3_u32, number(), number(), op).prop_map(|(index, value, value_two, op)| SeccompArg {
        index,
        value,
        value_two,
        op,
    })
}

fn rule() -> impl Strategy<Value = SeccompSyscall> {
    let names = prop::collection::vec(prop::sample::select(NAMES.as_slice()).prop_map(str::to_owned), 1..5);
    (names, action(), prop::option::of(0..200_u32), prop::collection::vec(arg(), 0..4))
        .prop_map(|(names, action, errno_ret, args)| SeccompSyscall { names, action, errno_ret, args })
}

fn rules() -> impl Strategy<Value = Seccomp> {
    let architectures =
        prop::sample::subsequence(vec!["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], 0..=3)
            .prop_map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>());
    (action(), architectures, prop::collection::vec(rule(), 0..20)).prop_map(
        |(default_action, architectures, syscalls)| Seccomp {
            default_action,
            default_errno_ret: None,
            architectures,
            flags: vec![],
            listener_path: String::new(),
            listener_metadata: String::new(),
            syscalls,
        },
    )
}

proptest! {
    #[test]
    fn programs_mean_what_rules_mean(
        rules in rules(),
        calls in prop::collection::vec((prop::sample::select(NAMES.as_slice()), 0..4_usize, number(), number(), any::<u8>()), 16),
    ) {
        let program = program(&rules);
        for (name, convention, first, second, jitter) in calls {
            let conventions = [Convention::X86_64, Convention::I386, Convention::X32, Convention::Arm64];
            let convention = conventions[convention];
            let number = convention.number(name).unwrap_or(77) + u32::from(jitter % 8 == 0);
            let data = Data { number, arch: convention.audit(), args: [first, second, 0, 0, 0, 0] };
            prop_assert_eq!(run(&program, &data).0, naive(&rules, &data), "{:?}", data);
        }
    }
}

#[test]
fn many_rules_need_long_jumps() {
    let syscalls = (0..300)
        .map(|value| SeccompSyscall {
            names: vec!["read".to_owned(), "mount".to_owned()],
            action: SeccompAction::Allow,
            errno_ret: None,
            args: vec![SeccompArg { index: 0, value: value * 3, value_two: 0, op: SeccompOperator::Equal }],
        })
        .collect();
    let mut rules = Seccomp { syscalls, ..default_rules(0) };
    rules.architectures.clear();
    let program = program(&rules);
    for first in 0..903 {
        let data = Data { number: 0, arch: Convention::X86_64.audit(), args: [first, 0, 0, 0, 0, 0] };
        let expected = if first % 3 == 0 && first < 900 { ALLOW } else { REFUSE };
        assert_eq!(run(&program, &data).0, expected, "{first}");
    }
}
