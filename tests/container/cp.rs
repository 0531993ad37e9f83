//! `cp`: files and trees in and out, of running and stopped containers.

use std::fs;

use testkit::Daemon;

#[test]
fn copies_in_and_out() {
    let daemon = Daemon::start();
    let dir = daemon.scratch();
    fs::create_dir_all(dir.join("tree/sub")).expect("mkdir");
    fs::write(dir.join("tree/sub/file"), "content").expect("write");
    let here = |name: &str| dir.join(name).display().to_string();
    daemon.hythe(["create", "--name", "stopped", "busybox"]).ok();
    daemon.hythe(["run", "-d", "--name", "running", "busybox", "sleep", "1000"]).ok();
    for name in ["stopped", "running"] {
        daemon.hythe(["cp", &here("tree"), &format!("{name}:/tmp")]).ok();
        daemon.hythe(["cp", &format!("{name}:/tmp/tree/sub/file"), &here(&format!("{name}.out"))]).ok();
        assert_eq!(fs::read_to_string(dir.join(format!("{name}.out"))).expect("read"), "content");
        daemon.docker(["cp", &format!("{name}:/tmp/tree"), &here(&format!("{name}.tree"))]).ok();
        assert_eq!(fs::read_to_string(dir.join(format!("{name}.tree/sub/file"))).expect("read"), "content");
        let error = daemon.hythe(["cp", &format!("{name}:/nosuch"), &here("x")]).fails_with(1);
        assert!(error.contains("Could not find the file /nosuch in container"), "{error}");
    }
    assert_eq!(daemon.hythe(["exec", "running", "cat", "/tmp/tree/sub/file"]).ok(), "content");
}

#[test]
fn a_link_in_the_container_never_leads_out_of_it() {
    let daemon = Daemon::start();
    let secret = daemon.scratch().join("secret");
    fs::write(&secret, "host").expect("write");
    let link = format!("ln -s {} /escape; ln -s / /root-link; sleep 1000", daemon.scratch().display());
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sh", "-c", &link]).ok();
    testkit::wait::until_true("the links are made", || {
        daemon.hythe(["exec", "cc", "test", "-L", "/root-link"]).code == 0
    });
    let out = daemon.scratch().join("out").display().to_string();
    assert_ne!(daemon.hythe(["cp", "cc:/escape/secret", &out]).code, 0);
    fs::write(daemon.scratch().join("evil"), "evil").expect("write");
    let evil = daemon.scratch().join("evil").display().to_string();
    assert_ne!(daemon.hythe(["cp", &evil, "cc:/escape/secret"]).code, 0);
    assert_eq!(fs::read_to_string(&secret).expect("read"), "host");
}

/// What a container does not have while it does not run is there for `cp`: volumes, links into them, files about its network.
#[test]
fn a_stopped_container_has_its_volumes_and_files() {
    let daemon = Daemon::start();
    let script = "echo v > /vol/f; ln -s /vol/f /link; ln -s /vol /dirlink; ln -s ../vol/f /tmp/up";
    daemon
        .hythe(["run", "--name", "cc", "-v", "vol:/vol", "-v", "ro:/ro:ro", "busybox", "sh", "-c", script])
        .ok();
    let tar = |path: &str| {
        let command = format!("cp -L cc:{path} -");
        let output = daemon.hythe(command.split(' '));
        assert_eq!(output.code, 0, "{output:?}");
        output.stdout
    };
    for path in ["/link", "/dirlink/f", "/tmp/up", "/vol/f"] {
        assert!(tar(path).contains("v\n"), "{path}");
    }
    assert!(tar("/vol").starts_with("vol/\0"), "its own name, not that of a root");
    assert!(tar("/etc/hosts").contains("127.0.0.1\tlocalhost"));
    let file = daemon.scratch().join("file");
    fs::write(&file, "new").expect("write");
    let here = file.display().to_string();
    daemon.hythe(["cp", &here, "cc:/dirlink/new"]).ok();
    assert_eq!(daemon.hythe(["run", "--rm", "-v", "vol:/v", "busybox", "cat", "/v/new"]).ok(), "new");
    let error = daemon.hythe(["cp", &here, "cc:/ro/new"]).fails_with(1);
    assert!(error.contains("mounted volume is marked read-only"), "{error}");
    daemon.hythe(["rm", "cc"]).ok();
    daemon.hythe(["volume", "rm", "vol", "ro"]).ok();
}

#[test]
fn the_whole_root_goes_into_a_directory_that_is_there() {
    let daemon = Daemon::start();
    let (tree, directory) = (daemon.scratch().join("tree"), daemon.scratch().join("root"));
    fs::create_dir_all(tree.join("below")).expect("mkdir");
    fs::write(tree.join("below/file"), "x").expect("write");
    let archive = daemon.scratch().join("tree.tar").display().to_string();
    let pack = ["-C", tree.to_str().expect("plain"), "-cf", &archive, "."];
    testkit::Output::of(&mut daemon.sandbox().command("tar", pack)).ok();
    daemon.hythe(["import", &archive, "plain"]).ok();
    daemon.hythe(["create", "--name", "cc", "plain", "x"]).ok();
    fs::create_dir(&directory).expect("mkdir");
    for slash in ["", "/"] {
        daemon.hythe(["cp", "cc:/", &format!("{}{slash}", directory.display())]).ok();
        fs::remove_file(directory.join("below/file")).expect("it is a copy");
    }
}

/// Starts beside which files are copied in.
const STARTS: usize = 60;
/// Who copies.
const COPIERS: usize = 2;

#[test]
fn into_a_container_that_is_being_started_or_copied_to() {
    let daemon = Daemon::start();
    // A file of the image is changed: it is copied up beside what is copied in.
    let changes = "chmod 700 /bin/* && mkdir /made && mv /made /moved && rm -r /moved";
    daemon.hythe(["create", "--name", "cc", "busybox", "sh", "-c", changes]).ok();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(7);
    header.set_mode(0o644);
    tar.append_data(&mut header, "file", &b"content"[..]).expect("an archive in memory");
    let tar = tar.into_inner().expect("an archive in memory");
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for copier in 0..COPIERS {
            let (api, tar, over) = (daemon.door(), &tar, &over);
            scope.spawn(move || {
                for (method, path) in
                    [("PUT", "/etc"), ("GET", "/etc/passwd")].into_iter().cycle().skip(copier)
                {
                    if over.load(std::sync::atomic::Ordering::Relaxed) {
                        return;
                    }
                    let body = if method == "PUT" { &tar[..] } else { &[] };
                    let path = format!("/containers/cc/archive?path={path}");
                    let answer = api.send(method, &path, "application/x-tar", body).expect("an answer");
                    assert!(answer.is_ok(), "{method}: {} {}", answer.status, answer.text());
                }
            });
        }
        let starts: Vec<String> = (0..STARTS)
            .map(|_| {
                let started = daemon.hythe(["start", "-a", "cc"]);
                format!("{} {}{}", started.code, started.stdout, started.stderr)
            })
            .filter(|said| said != "0 ")
            .collect();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(starts, [""; 0], "what a started container changes");
    });
}
