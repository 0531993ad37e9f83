//! Clients: every byte, half close, detaching, slow and stalled ones.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use crate::harness::{Harness, alive, connection, container, outputs, read_all, read_until, wait_until};
use shim::{AttachOptions, Event, Stdio};

const INTERACTIVE: Stdio = Stdio { open_stdin: true, stdin_once: true };

fn all() -> AttachOptions {
    AttachOptions { stdin: true, ..outputs() }
}

/// Takes frames apart: the bytes of each stream.
fn streams(mut bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while let Some((header, rest)) = bytes.split_first_chunk::<8>() {
        let [stream, 0, 0, 0, a, b, c, d] = *header else { panic!("header {header:?}") };
        let (data, rest) = rest.split_at(u32::from_be_bytes([a, b, c, d]) as usize);
        match stream {
            1 => out.extend_from_slice(data),
            2 => err.extend_from_slice(data),
            other => panic!("stream {other}"),
        }
        bytes = rest;
    }
    assert!(bytes.is_empty(), "half a header");
    (out, err)
}

#[test]
fn clients_attached_before_the_start_get_every_byte_in_their_form() {
    let harness = Harness::new();
    let mut script = container("echo out; echo err >&2; exit 7");
    let (framed, theirs) = connection();
    script.attaches.push((theirs, AttachOptions { multiplexed: true, ..outputs() }));
    let (raw, theirs) = connection();
    script.attaches.push((theirs, AttachOptions { stderr: false, ..outputs() }));
    let handle = harness.launch(script);
    handle.wait_created().unwrap();
    let (late, theirs) = connection();
    handle.attach(theirs, AttachOptions { stdout: false, ..outputs() }).unwrap();
    handle.start().unwrap();
    assert_eq!(streams(&read_all(&framed)), (b"out\n".to_vec(), b"err\n".to_vec()));
    assert_eq!(read_all(&raw), b"out\n");
    assert_eq!(read_all(&late), b"err\n");
    assert_eq!(harness.exit().code, 7);
    harness.check_gone(handle.shim_pid());
}

#[test]
fn closing_the_clients_side_closes_the_input_and_output_goes_on() {
    let harness = Harness::new();
    let (client, theirs) = connection();
    let mut cat = container("busybox cat; echo end");
    cat.stdio = INTERACTIVE;
    cat.attaches.push((theirs, AttachOptions { initial: b"first ".to_vec(), ..all() }));
    let handle = harness.start(cat);
    (&client).write_all(b"second").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client), b"first secondend\n");
    assert_eq!(harness.exit().code, 0);
    harness.check_gone(handle.shim_pid());
}

#[test]
fn large_input_arrives_whole() {
    let harness = Harness::new();
    let (client, theirs) = connection();
    let mut sum = container("busybox md5sum");
    sum.stdio = INTERACTIVE;
    sum.attaches.push((theirs, all()));
    let handle = harness.start(sum);
    let data: Vec<u8> = (0..20_000_000u32).map(|i| (i * 7 % 251) as u8).collect();
    (&client).write_all(&data).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let path = harness.dir.path().join("data");
    std::fs::write(&path, &data).unwrap();
    let want = std::process::Command::new("busybox").arg("md5sum").arg(&path).output().unwrap().stdout;
    assert_eq!(read_all(&client)[..32], want[..32]);
    assert_eq!(harness.exit().code, 0);
    harness.check_gone(handle.shim_pid());
}

#[test]
fn an_input_for_many_clients_stays_open_and_the_session_ends() {
    let harness = Harness::new();
    let mut cat = container("busybox cat");
    cat.stdio = Stdio { open_stdin: true, stdin_once: false };
    let handle = harness.start(cat);
    for text in ["one\n", "two\n"] {
        let (client, theirs) = connection();
        handle.attach(theirs, all()).unwrap();
        (&client).write_all(text.as_bytes()).unwrap();
        read_until(&client, text);
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&client), b"");
    }
    handle.close_stdin().unwrap();
    assert_eq!(harness.exit().code, 0);
    assert_eq!(harness.log(), "one\ntwo\n");
    harness.check_gone(handle.shim_pid());
}

#[test]
fn without_an_input_there_is_none() {
    let harness = Harness::new();
    let handle = harness.start(container("busybox cat; echo end"));
    assert_eq!(harness.exit().code, 0);
    assert_eq!(harness.log(), "end\n");
    harness.check_gone(handle.shim_pid());
}

#[test]
fn the_keys_detach_one_client_and_leave_the_others() {
    let harness = Harness::new();
    let (leaving, theirs) = connection();
    let (staying, others) = connection();
    let mut tty = container("read a; echo got $a");
    tty.terminal = true;
    tty.stdio = INTERACTIVE;
    tty.attaches
        .push((theirs, AttachOptions { detach_keys: shim::keys::parse("ctrl-x,x").unwrap(), ..all() }));
    tty.attaches.push((others, all()));
    let handle = harness.start(tty);
    (&leaving).write_all(b"\x18x").unwrap();
    assert_eq!(harness.event(), Event::Detached { exec_id: None });
    read_all(&leaving);
    (&staying).write_all(b"it\n").unwrap();
    read_until(&staying, "got it\r\n");
    assert_eq!(harness.exit().code, 0);
    harness.check_gone(handle.shim_pid());
}

/// More than sockets and pipes hold, from a container that says when it has gone on. Not logged, for speed.
fn flood(megabytes: u32) -> crate::harness::Container {
    let mut flood =
        container(&format!("busybox dd if=/dev/zero bs=1M count={megabytes} 2>/dev/null; echo done >&2"));
    flood.logged = false;
    flood
}

#[test]
fn a_client_that_comes_late_to_its_output_gets_all_of_it() {
    let harness = Harness::new();
    let (slow, theirs) = connection();
    let (other, others) = connection();
    let mut script = flood(40);
    script.attaches.push((theirs, AttachOptions { multiplexed: true, ..outputs() }));
    script.attaches.push((others, AttachOptions { stdout: false, ..outputs() }));
    let handle = harness.start(script);
    // The slow one has read nothing, and the container is through.
    assert_eq!(read_all(&other), b"done\n");
    assert_eq!(harness.exit().code, 0);
    let (out, err) = streams(&read_all(&slow));
    assert_eq!((out.len(), err), (40 << 20, b"done\n".to_vec()));
    assert!(out.iter().all(|&byte| byte == 0));
    harness.check_gone(handle.shim_pid());
}

#[test]
fn a_slow_reader_beyond_the_backlog_still_gets_all() {
    let harness = Harness::new();
    let (mut slow, theirs) = connection();
    let mut script = flood(150);
    script.attaches.push((theirs, AttachOptions { stderr: false, ..outputs() }));
    let handle = harness.start(script);
    let mut buffer = vec![0; 1 << 16];
    let mut got = 0;
    loop {
        match slow.read(&mut buffer).unwrap() {
            0 => break,
            len => got += len,
        }
    }
    assert_eq!(got, 150 << 20);
    assert_eq!(harness.exit().code, 0);
    harness.check_gone(handle.shim_pid());
}

#[test]
fn stalled_clients_cannot_hold_a_container_up() {
    let harness = Harness::new();
    let mut script = flood(300);
    let stalled: Vec<UnixStream> = (0..200)
        .map(|_| {
            let (client, theirs) = connection();
            script.attaches.push((theirs, outputs()));
            client
        })
        .collect();
    let handle = harness.start(script);
    assert_eq!(harness.exit().code, 0);
    // What they have not taken is in one file, not in memory.
    let status = std::fs::read_to_string(format!("/proc/{}/status", handle.shim_pid())).unwrap_or_default();
    let anonymous =
        status.lines().find_map(|line| line.strip_prefix("RssAnon:")).map(|kb| kb.trim().to_owned());
    let kilobytes = anonymous.and_then(|kb| kb.split(' ').next()?.parse::<u32>().ok());
    assert!(kilobytes.is_none_or(|kb| kb < 4000), "{kilobytes:?} kB");
    drop(stalled);
    harness.check_gone(handle.shim_pid());
}

#[test]
fn clients_that_vanish_leave_nothing() {
    let harness = Harness::new();
    let handle = harness.start(container("while :; do echo x; done"));
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", handle.shim_pid())).unwrap().count();
    let before = descriptors();
    for _ in 0..50 {
        let (client, theirs) = connection();
        handle.attach(theirs, all()).unwrap();
        drop(client);
    }
    wait_until("their descriptors to be closed", || descriptors() <= before);
    handle.signal(9).unwrap();
    harness.exit();
    harness.check_gone(handle.shim_pid());
}

#[test]
fn tcp_clients_get_their_end_even_if_they_have_sent_what_nobody_reads() {
    let harness = Harness::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let theirs: OwnedFd = listener.accept().unwrap().0.into();
    client.write_all(&[b'x'; 100_000]).unwrap();
    let mut script = container("busybox seq 100000");
    script.attaches.push((theirs, outputs()));
    let handle = harness.start(script);
    let mut got = String::new();
    client.read_to_string(&mut got).unwrap();
    assert!(got.ends_with("99999\n100000\n"));
    drop(client);
    assert_eq!(harness.exit().code, 0);
    let shim = handle.shim_pid();
    wait_until("the shim to end", || !alive(shim));
    harness.check_gone(shim);
}
