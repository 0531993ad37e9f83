//! Tables of Docker's refusals, warnings and conversions.

use super::*;

fn able() -> Abilities {
    Abilities {
        blkio_weight_device: true,
        cpus: 2,
        cpuset_cpus: "0-1".into(),
        cpuset_mems: "0".into(),
        memory: true,
        swap: true,
        swappiness: true,
        oom_kill_disable: true,
        pids: true,
        cpu: true,
        blkio_weight: false,
    }
}

const MIB: i64 = 1 << 20;

#[test]
fn nonsense_is_refused_in_dockers_words() {
    let base = Resources::default;
    let table = [
        (Resources { memory: MIB, ..base() }, "Minimum memory limit allowed is 6MB"),
        (
            Resources { memory: 10 * MIB, memory_swap: 5 * MIB, ..base() },
            "Minimum memoryswap limit should be larger than memory limit, see usage",
        ),
        (
            Resources { memory_swap: 5 * MIB, ..base() },
            "You should always set the Memory limit when using Memoryswap limit, see usage",
        ),
        (
            Resources { memory: 10 * MIB, memory_reservation: 20 * MIB, ..base() },
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        ),
        (
            Resources { memory_swappiness: Some(200), ..base() },
            "Invalid value: 200, valid memory swappiness range is 0-100",
        ),
        (
            Resources { nano_cpus: 100_000_000_000, ..base() },
            "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available",
        ),
        (Resources { cpu_shares: -1, ..base() }, "invalid CPU shares (-1): value must be a positive integer"),
        (
            Resources { cpuset_cpus: "77".into(), ..base() },
            "Requested CPUs are not available - requested 77, available: 0-1",
        ),
        (
            Resources { cpuset_cpus: "1-0".into(), ..base() },
            "Invalid value 1-0 for cpuset cpus: invalid format: 1-0",
        ),
    ];
    for (mut resources, text) in table {
        assert_eq!(check(&mut resources, &able(), false).unwrap_err().to_string(), text);
    }
}

#[test]
fn what_the_kernel_cannot_do_is_dropped_with_a_warning() {
    let mut resources = Resources { blkio_weight: 5, ..Resources::default() };
    let warnings = check(&mut resources, &able(), false).unwrap();
    assert_eq!(
        warnings,
        ["Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."]
    );
    assert_eq!(resources.blkio_weight, 0);
    let mut resources = Resources { memory: 10 * MIB, memory_swap: 20 * MIB, ..Resources::default() };
    let none = Abilities { memory: false, swap: false, ..able() };
    assert_eq!(check(&mut resources, &none, false).unwrap().len(), 1);
    assert_eq!((resources.memory, resources.memory_swap), (0, -1));
}

#[test]
fn limits_become_the_control_groups() {
    let made = |resources: Resources| to_oci(&resources).unwrap();
    assert_eq!(made(Resources::default()), runtime::Resources::default());
    let memory = made(Resources { memory: 64 * MIB, ..Resources::default() }).memory.unwrap();
    assert_eq!((memory.limit, memory.swap), (Some(64 * MIB), Some(128 * MIB)));
    let memory =
        made(Resources { memory: 64 * MIB, memory_swap: -1, ..Resources::default() }).memory.unwrap();
    assert_eq!(memory.swap, Some(-1));
    let cpu = made(Resources { nano_cpus: 1_500_000_000, ..Resources::default() }).cpu.unwrap();
    assert_eq!((cpu.period, cpu.quota), (Some(100_000), Some(150_000)));
    for (given, limit) in
        [(Some(0), None), (Some(-1), Some(-1)), (Some(-5), Some(-1)), (Some(9), Some(9)), (None, None)]
    {
        let pids = made(Resources { pids_limit: given, ..Resources::default() }).pids;
        assert_eq!(pids.map(|pids| pids.limit), limit, "{given:?}");
    }
}

#[test]
fn ulimits_of_the_container_replace_those_of_the_daemon_by_name() {
    let limit = |name: &str, soft, hard| Ulimit { name: name.into(), soft, hard };
    let got = rlimits(&[limit("nofile", 5, 10)], &[limit("nofile", 1, 1), limit("core", -1, -1)]).unwrap();
    let got: Vec<_> = got.iter().map(|limit| (limit.kind.as_str(), limit.soft, limit.hard)).collect();
    assert_eq!(got, [("RLIMIT_NOFILE", 5, 10), ("RLIMIT_CORE", u64::MAX, u64::MAX)]);
    assert!(rlimits(&[limit("nofile", 11, 10)], &[]).is_err());
    assert!(rlimits(&[limit("foo", 1, 1)], &[]).is_err());
}
