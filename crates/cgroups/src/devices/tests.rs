//! Device rules against their meaning, and the program against the kernel's verifier.

use super::*;

const ALL: DeviceRule = DeviceRule {
    allow: false,
    kind: DeviceKind::All,
    major: None,
    minor: None,
    read: true,
    write: true,
    mknod: true,
};

fn rule(allow: bool, kind: DeviceKind, major: Option<u32>, minor: Option<u32>, access: &str) -> DeviceRule {
    let has = |c| access.contains(c);
    DeviceRule { allow, kind, major, minor, read: has('r'), write: has('w'), mknod: has('m') }
}

/// What the list means, without any program: each wanted access decided by the last rule that covers it.
fn meaning(rules: &[DeviceRule], kind: DeviceKind, major: u32, minor: u32, wanted: &str) -> bool {
    wanted.chars().all(|access| {
        rules
            .iter()
            .rev()
            .find(|r| {
                (r.kind == DeviceKind::All || r.kind == kind)
                    && r.major.is_none_or(|m| m == major)
                    && r.minor.is_none_or(|m| m == minor)
                    && match access {
                        'r' => r.read,
                        'w' => r.write,
                        _ => r.mknod,
                    }
            })
            .is_some_and(|r| r.allow)
    })
}

/// Runs the program as the kernel would.
fn run(code: &[Instruction], kind: DeviceKind, major: u32, minor: u32, wanted: &str) -> bool {
    let access = wanted.chars().fold(0, |mask, c| {
        mask | match c {
            'r' => 2,
            'w' => 4,
            _ => 1,
        }
    });
    let kind = if kind == DeviceKind::Block { 1 } else { 2 };
    let context = [(access << 16) | kind, major, minor];
    let mut r = [0u32; 11];
    let mut pc = 0usize;
    loop {
        let i = code[pc];
        let (to, from) = (usize::from(i.registers & 15), usize::from(i.registers >> 4));
        pc += 1;
        let mut jump = |taken: bool| {
            if taken {
                pc = pc.checked_add_signed(i.offset as isize).unwrap()
            }
        };
        match i.code {
            0x95 => return r[0] == 1,
            0x61 => r[to] = context[i.offset as usize / 4],
            0xbc => r[to] = r[from],
            0xb4 => r[to] = i.immediate as u32,
            0x74 => r[to] >>= i.immediate,
            0x54 => r[to] &= i.immediate as u32,
            0x55 => jump(r[to] != i.immediate as u32),
            0x45 => jump(r[to] & i.immediate as u32 != 0),
            0x05 => jump(true),
            other => panic!("instruction {other:#x}"),
        }
    }
}

fn lists() -> Vec<Vec<DeviceRule>> {
    use DeviceKind::{All, Block, Character};
    vec![
        vec![],
        vec![ALL],
        vec![DeviceRule { allow: true, ..ALL }],
        vec![ALL, rule(true, Character, Some(1), Some(3), "rwm"), rule(true, Block, None, None, "m")],
        vec![DeviceRule { allow: true, ..ALL }, rule(false, Character, Some(10), Some(229), "rw")],
        vec![ALL, rule(true, All, Some(8), None, "r"), rule(false, Block, Some(8), Some(1), "r")],
        vec![rule(true, Character, Some(1), None, "r"), rule(true, Character, Some(1), Some(3), "w")],
    ]
}

#[test]
fn the_program_means_what_the_rules_mean() {
    for rules in lists() {
        let code = program(&rules);
        for kind in [DeviceKind::Character, DeviceKind::Block] {
            for (major, minor) in [(1, 3), (1, 5), (8, 0), (8, 1), (10, 229), (0, 0)] {
                for wanted in ["r", "w", "m", "rw", "rm", "wm", "rwm"] {
                    assert_eq!(
                        run(&code, kind, major, minor, wanted),
                        meaning(&rules, kind, major, minor, wanted),
                        "{rules:?} {kind:?} {major}:{minor} {wanted}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_kernel_takes_the_program() {
    for rules in lists() {
        sys::bpf::load_device_program(&program(&rules)).unwrap();
    }
}

#[test]
fn lines_are_as_the_kernel_reads_them() {
    let rules = [
        (rule(true, DeviceKind::Character, Some(1), Some(3), "rwm"), vec!["c 1:3 rwm"]),
        (rule(true, DeviceKind::Block, None, None, "m"), vec!["b *:* m"]),
        (rule(false, DeviceKind::All, Some(8), None, "r"), vec!["b 8:* r", "c 8:* r"]),
    ];
    for (rule, lines) in rules {
        assert_eq!(rule.lines(), lines);
    }
}
