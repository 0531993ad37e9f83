//! Real receivers of log protocols inside a test's sandbox: rsyslogd, journald, and small ones in Python for the others.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use testkit::{Daemon, Output, Sandbox, wait};

/// A receiver and the file that says what it has received. Ends with the value.
pub(crate) struct Receiver {
    child: Child,
    pub(crate) out: PathBuf,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Receiver {
    /// What has been received, line by line.
    pub(crate) fn lines(&self) -> Vec<String> {
        lines(&self.out)
    }

    /// Waits for so many lines.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<String> {
        wait::until_true("the receiver has it all", || self.lines().len() >= count);
        self.lines()
    }

    /// Receivers in Python: `mode`, place and further words as in receive.py.
    pub(crate) fn python(sandbox: &Sandbox, dir: &Path, args: &[&str]) -> Self {
        let script = dir.join("receive.py");
        std::fs::write(&script, include_str!("receive.py")).expect("write the receiver");
        let out = dir.join(format!("{}.json", args[0]));
        let mut words = vec![script.display().to_string(), out.display().to_string()];
        words.extend(args.iter().map(|&word| word.to_owned()));
        // Debian's own, which has its msgpack.
        let mut child =
            sandbox.command("/usr/bin/python3", words).stdout(Stdio::piped()).spawn().expect("python3");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("read");
        assert_eq!(line, "ready\n", "the receiver needs python3 and python3-msgpack: scripts/setup.sh test");
        Self { child, out }
    }

    /// rsyslogd with a socket of each kind: UDP 5514, TCP 5515, TLS 5516, unix sockets in `dir`: `log.sock` for datagrams, `stream.sock` for streams.
    pub(crate) fn rsyslog(sandbox: &Sandbox, dir: &Path) -> Self {
        let (out, at) = (dir.join("rsyslog.out"), dir.display());
        if !dir.join("cert.pem").exists() {
            certificate(dir, true);
        }
        let config = format!(
            r#"global(workDirectory="{at}" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off"
  defaultNetstreamDriverCAFile="{at}/cert.pem" defaultNetstreamDriverCertFile="{at}/cert.pem"
  defaultNetstreamDriverKeyFile="{at}/key.pem")
module(load="imudp") input(type="imudp" address="127.0.0.1" port="5514")
module(load="imptcp") input(type="imptcp" address="127.0.0.1" port="5515")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
input(type="imtcp" address="127.0.0.1" port="5516")
input(type="imptcp" path="{at}/stream.sock" unlink="on")
module(load="imuxsock" sysSock.use="off") input(type="imuxsock" socket="{at}/log.sock" useSpecialParser="off")
template(name="t" type="string" string="%syslogfacility-text%.%syslogseverity-text% %programname% %timereported:::date-rfc3339% %msg:::drop-last-lf%\n")
*.* action(type="omfile" file="{out}" template="t")
"#,
            out = out.display()
        );
        let file = dir.join("rsyslog.conf");
        std::fs::write(&file, config).expect("write the configuration");
        let (file, pid) = (file.display().to_string(), dir.join("rsyslog.pid").display().to_string());
        let child = sandbox.command("rsyslogd", ["-n", "-f", &file, "-i", &pid]).spawn().expect("rsyslogd");
        wait::until_true("rsyslogd listens", || {
            let listening = Output::of(&mut sandbox.command("ss", ["-Hlnut"])).ok();
            dir.join("log.sock").exists()
                && ["5514", "5515", "5516"].iter().all(|port| listening.contains(port))
        });
        Self { child, out }
    }
}

/// Makes `cert.pem` and `key.pem` for localhost, signed by itself; as its own authority, which is what `openssl` makes
/// unless told otherwise, or not.
pub(crate) fn certificate(dir: &Path, authority: bool) {
    let constraints = format!("basicConstraints=critical,CA:{}", if authority { "TRUE" } else { "FALSE" });
    let file = |name: &str| dir.join(name).display().to_string();
    Output::of(Command::new("openssl").args([
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-addext",
        &constraints,
        "-out",
        &file("cert.pem"),
        "-keyout",
        &file("key.pem"),
    ]))
    .ok();
}

/// A file's lines; none if there is no file yet.
pub(crate) fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read(path).unwrap_or_default();
    // A line being written is not one yet.
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    String::from_utf8_lossy(&text[..whole]).lines().map(str::to_owned).collect()
}

/// A member of every JSON line.
pub(crate) fn members(lines: &[String], key: &str) -> Vec<String> {
    lines
        .iter()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            value[key].as_str().map_or_else(|| value[key].to_string(), str::to_owned)
        })
        .collect()
}

/// journald in a sandbox with a `/run` of its own.
pub(crate) struct Journal<'a> {
    child: Child,
    sandbox: &'a Sandbox,
}

impl Drop for Journal<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives a sandbox a `/run` of its own; before its daemon is started.
pub(crate) fn own_run(sandbox: &Sandbox) {
    let script = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal /run/log/journal";
    Output::of(&mut sandbox.command("sh", ["-c", script])).ok();
}

impl<'a> Journal<'a> {
    pub(crate) fn start(daemon: &'a Daemon) -> Self {
        let sandbox = daemon.sandbox();
        let child =
            sandbox.command("/lib/systemd/systemd-journald", [""; 0]).spawn().expect("systemd-journald");
        wait::until_true("journald listens", || {
            Output::of(&mut sandbox.command("test", ["-S", "/run/systemd/journal/socket"])).code == 0
        });
        Self { child, sandbox }
    }

    /// The entries of a container, as JSON.
    pub(crate) fn entries(&self, container: &str) -> Vec<String> {
        let own = format!("CONTAINER_NAME={container}");
        let args = ["-D", "/run/log/journal", "-a", "-o", "json", &own];
        Output::of(&mut self.sandbox.command("journalctl", args)).ok().lines().map(str::to_owned).collect()
    }
}
