//! From launch to end.

use crate::harness::{Harness, container};
use shim::{Event, Phase};

#[test]
fn exit_codes_and_signals_are_told_once_and_recorded() {
    for (script, code, signal) in [
        ("exit 0", 0, None),
        ("exit 42", 42, None),
        ("kill -9 $$; exit 1", 1, None),
        ("busybox sleep 100 & wait", 137, Some(9)),
    ] {
        let harness = Harness::new();
        let handle = harness.start(container(script));
        let shim = handle.shim_pid();
        if signal.is_some() {
            handle.signal(9).unwrap();
        }
        let exit = harness.exit();
        assert_eq!((exit.code, exit.signal, exit.oom), (code, signal, false), "{script}");
        assert_eq!(shim::record::read_exit(&harness.state()).unwrap(), Some(exit));
        assert_eq!(handle.exit(), Some(exit));
        harness.check_gone(shim);
    }
}

#[test]
fn all_output_is_in_the_log_when_the_end_is_told() {
    let harness = Harness::new();
    let handle = harness.start(container(
        "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; printf rest; echo err >&2",
    ));
    assert_eq!(harness.exit().code, 0);
    let want: String = (0..2000).map(|i| format!("line {i}\n")).collect();
    let log = harness.log();
    assert!(
        log.starts_with(&want) && log.contains("err\n") && log.ends_with("rest"),
        "{}",
        &log[log.len() - 50..]
    );
    harness.check_gone(handle.shim_pid());
}

#[test]
fn a_program_that_is_not_there_fails_in_dockers_words_without_an_end() {
    for (program, code, text, waits) in [
        ("nonesuch", 127, "exec: \"nonesuch\": executable file not found in $PATH"),
        ("/etc", 126, "exec: \"/etc\": is a directory: permission denied"),
    ]
    .into_iter()
    .flat_map(|case| [(case, true), (case, false)])
    .map(|((program, code, text), waits)| (program, code, text, waits))
    {
        let harness = Harness::new();
        let mut plan = harness.plan("", false);
        plan.process.args = vec![program.to_owned()];
        let request = shim::LaunchRequest {
            id: harness.id.clone(),
            state_dir: harness.state(),
            plan,
            foreign: None,
            netns: None,
            userns: None,
            stdio: shim::Stdio::default(),
            log: logs::WriterConfig::none(),
            held: Vec::new(),
            forwards: Vec::new(),
            attaches: Vec::new(),
        };
        let handle = harness.launcher.launch(request).unwrap();
        // The failure is told the same whether the start comes before the container is made or after.
        let waited = if waits { handle.wait_created().map(drop) } else { Ok(()) };
        let error = waited.and_then(|()| handle.start()).unwrap_err();
        assert_eq!((error.exit_code(), error.message.as_str()), (code, text));
        harness.check_gone(handle.shim_pid());
    }
}

#[test]
fn who_has_ended_answers_as_not_running() {
    let harness = Harness::new();
    let handle = harness.start(container("exit 3"));
    harness.exit();
    harness.check_gone(handle.shim_pid());
    for result in [
        handle.signal(15),
        handle.resize(1, 1),
        handle.pause(),
        handle.close_stdin(),
        handle.kill_all(),
        handle.pids().map(drop),
        handle.root_fd().map(drop),
        handle.update(cgroups::Limits::default()),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.class(), errdefs::Class::Conflict);
        assert_eq!(error.message(), format!("container {} is not running", harness.id));
    }
}

#[test]
fn pause_stops_everything_and_kill_ends_a_paused_one() {
    let harness = Harness::new();
    let handle = harness.start(container("busybox sleep 1000 & wait"));
    assert_eq!(handle.status().unwrap().0, Phase::Running);
    handle.pause().unwrap();
    assert_eq!(handle.status().unwrap().0, Phase::Paused);
    assert_eq!(handle.pause().unwrap_err().class(), errdefs::Class::Conflict);
    handle.resume().unwrap();
    assert_eq!(handle.status().unwrap().0, Phase::Running);
    handle.pause().unwrap();
    handle.signal(9).unwrap();
    assert_eq!(harness.exit().code, 137);
    harness.check_gone(handle.shim_pid());
}

#[test]
fn pids_and_root_are_the_containers() {
    let harness = Harness::new();
    std::fs::write(harness.dir.path().join("root/etc/mark"), "here").unwrap();
    let handle = harness.start(container("busybox sleep 1000 & wait"));
    let init = handle.pid().unwrap();
    crate::harness::wait_until("two processes", || handle.pids().unwrap().len() == 2);
    assert!(handle.pids().unwrap().contains(&init));
    let root = handle.root_fd().unwrap();
    let mark =
        rustix::fs::openat(&root, "etc/mark", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
    assert_eq!(std::io::read_to_string(std::fs::File::from(mark)).unwrap(), "here");
    handle.kill_all().unwrap();
    assert_eq!(harness.exit().signal, Some(9));
    harness.check_gone(handle.shim_pid());
}

#[test]
fn orphans_are_reaped_and_do_not_outlive_the_container() {
    let harness = Harness::new();
    // Ten orphans that end, one that does not.
    let script = "for i in 1 2 3 4 5 6 7 8 9 10; do (busybox true &) ; done; (busybox sleep 1000 &); exit 5";
    let handle = harness.start(container(script));
    assert_eq!(harness.exit().code, 5);
    harness.check_gone(handle.shim_pid());
}

#[test]
fn a_terminal_is_logged_as_it_looks_and_can_be_resized() {
    let harness = Harness::new();
    let mut tty = container("busybox stty size; read x; busybox stty size");
    tty.terminal = true;
    tty.stdio.open_stdin = true;
    let (client, theirs) = crate::harness::connection();
    tty.attaches.push((theirs, shim::AttachOptions { stdin: true, ..crate::harness::outputs() }));
    let handle = harness.start(tty);
    crate::harness::read_until(&client, "24 80\r\n");
    handle.resize(40, 100).unwrap();
    std::io::Write::write_all(&mut &client, b"\n").unwrap();
    let rest = crate::harness::read_all(&client);
    assert!(String::from_utf8_lossy(&rest).contains("40 100\r\n"), "{rest:?}");
    assert_eq!(harness.exit().code, 0);
    assert!(harness.log().contains("40 100\r\n"));
    harness.check_gone(handle.shim_pid());
}

#[test]
fn an_event_of_one_container_never_comes_after_its_end() {
    let harness = Harness::new();
    let handle = harness.start(container("exit 0"));
    assert!(matches!(harness.event(), Event::Exited(_)));
    harness.check_gone(handle.shim_pid());
}

#[test]
fn one_that_is_killed_before_its_start_has_no_end_to_tell() {
    let harness = Harness::new();
    let handle = harness.launch(container("exit 0"));
    handle.wait_created().unwrap();
    handle.signal(9).unwrap();
    crate::harness::wait_until("the shim to end", || !crate::harness::alive(handle.shim_pid()));
    assert!(handle.start().unwrap_err().message.contains("was killed before its start"));
    harness.check_gone(handle.shim_pid());
}

#[test]
fn a_process_killed_for_lack_of_memory_is_told_and_recorded() {
    let harness = Harness::new();
    let mut greedy = container("busybox dd if=/dev/zero of=/dev/null bs=200M count=1; exit 8");
    greedy.memory = Some(32 << 20);
    let handle = harness.start(greedy);
    assert_eq!(harness.event(), Event::Oom);
    let exit = harness.exit();
    assert_eq!((exit.code, exit.oom), (8, true));
    harness.check_gone(handle.shim_pid());
}

#[test]
fn a_log_that_must_not_block_is_complete_while_there_is_room_and_counts_what_there_is_not() {
    let harness = Harness::new();
    let mut quiet = container("busybox seq 1000; printf rest");
    quiet.log_mode = logs::Mode::NonBlocking { max_buffer: 1 << 20 };
    let handle = harness.start(quiet);
    assert_eq!(harness.exit().code, 0);
    let want: String = (1..=1000).map(|n| format!("{n}\n")).collect();
    assert_eq!(harness.log(), want + "rest");
    harness.check_gone(handle.shim_pid());

    let harness = Harness::new();
    let mut loud = container("busybox seq 1000000; read x");
    loud.log_mode = logs::Mode::NonBlocking { max_buffer: 1 };
    loud.stdio.open_stdin = true;
    let handle = harness.start(loud);
    crate::harness::wait_until("lines to be dropped", || handle.status().unwrap().1.lost > 0);
    handle.close_stdin().unwrap();
    harness.exit();
    // What is there is whole lines in order.
    let log = harness.log();
    let numbers: Vec<u32> = log.lines().filter_map(|line| line.parse().ok()).collect();
    assert!(numbers.is_sorted() && numbers.len() < 1_000_000, "{} lines", numbers.len());
    harness.check_gone(handle.shim_pid());
}

#[test]
fn proc_cve_2025_52881_what_is_mounted_in_proc_gets_no_write() {
    // No spec can have such a mount. What a race might bring about, the plan says here.
    for (target, sysctl) in
        [("/proc/sys/kernel/shmmax", true), ("/proc/self/oom_score_adj", false), ("/proc", false)]
    {
        let harness = Harness::new();
        let canary = harness.dir.path().join("canary");
        let mut plan = harness.plan("", false);
        let mut source = canary.clone();
        if target == "/proc" {
            source = harness.dir.path().join("proc");
            std::fs::create_dir_all(source.join("self")).unwrap();
            std::os::unix::fs::symlink(&canary, source.join("self/oom_score_adj")).unwrap();
        }
        std::fs::write(&canary, "kept").unwrap();
        let mut mount = plan.mounts[0].clone();
        mount.target = target.into();
        mount.what = runtime::plan::MountSource::Bind { source, recursive: false };
        plan.mounts.insert(1, mount);
        if sysctl {
            plan.sysctls.push(("kernel/shmmax".into(), "54321".into()));
        } else {
            plan.process.oom_score_adj = Some(777);
        }
        let handle = harness.launch_plan(plan);
        let made = handle.wait_created();
        assert_eq!(std::fs::read_to_string(&canary).unwrap(), "kept", "{target}: {made:?}");
        drop(handle.abandon());
    }
}
