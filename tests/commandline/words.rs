//! Both clients on one engine, one command line after the other: output, errors and exit codes are compared literally.
//!
//! What only looks is compared on one engine; what changes things, on an engine for either client. IDs and durations are
//! taken out; everything else has to be the same, the width of columns included.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use testkit::{Daemon, Options, Output, program};

mod lines;

/// The two clients on engines of the test's own.
struct Both {
    daemon: Daemon,
    /// The engine of our client, if it is another one.
    other: Option<Daemon>,
    ours: PathBuf,
}

impl Both {
    fn new(images: Vec<&'static str>) -> Self {
        let daemon = Daemon::with(Options { images, ..Options::default() });
        let ours = daemon.scratch().join("docker");
        symlink(program("hythe"), &ours).expect("link");
        Self { daemon, other: None, ours }
    }

    /// With an engine for either client.
    fn apart(images: Vec<&'static str>) -> Self {
        let mut both = Self::new(images.clone());
        both.other = Some(Daemon::with(Options { images, ..Options::default() }));
        both
    }

    /// The words of a command line; single quotes hold words together.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for letter in line.chars() {
            match letter {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                other => words.last_mut().expect("one").push(other),
            }
        }
        words
    }

    fn run(&self, who: usize, line: &str) -> Output {
        let client = [PathBuf::from("docker"), self.ours.clone()][who].clone();
        let daemon = if who == 1 { self.other.as_ref().unwrap_or(&self.daemon) } else { &self.daemon };
        let mut output = Output::of(
            // What the stock client on PATH speaks at most, for fields that newer versions have.
            daemon.client(client, Self::words(line)).env("DOCKER_API_VERSION", "1.50"),
        );
        line.clone_into(&mut output.command);
        for text in [&mut output.stdout, &mut output.stderr] {
            *text = without_chance(text);
        }
        output
    }

    /// What differs for the command lines, in words.
    fn differences(&self, lines: &str) -> Vec<String> {
        let mut found = Vec::new();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let [stock, ours] = [0, 1].map(|who| self.run(who, line));
            if stock != ours {
                let shown = |output: &Output| {
                    format!("{}\n{}[stderr]\n{}", output.code, output.stdout, output.stderr)
                };
                found.push(format!(
                    "$ docker {line}\n--- Docker's: {}--- ours: {}",
                    shown(&stock),
                    shown(&ours)
                ));
            }
        }
        found
    }

    #[track_caller]
    fn agree(self, lines: &str) {
        let found = self.differences(lines);
        assert!(found.is_empty(), "{} differ:\n{}", found.len(), found.join("\n"));
        for daemon in std::iter::once(self.daemon).chain(self.other) {
            let containers = daemon.hythe(["ps", "-aq"]).ok();
            for container in containers.lines() {
                daemon.hythe(["rm", "-f", container]).ok();
            }
            // Networks are kept until they are removed.
            daemon.hythe(["network", "prune", "-f"]).ok();
            daemon.check_leaks();
        }
    }
}

/// The text without IDs, times and durations, which no two runs share.
fn without_chance(text: &str) -> String {
    const UNITS: [&str; 4] = ["second", "minute", "hour", "day"];
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        // The stock client makes heads of trees bold, terminal or not.
        let line = line.replace("\u{1b}[39m", "").replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
        // What it says otherwise in its next version.
        let line = line.replacen("docker: invalid ", "docker: Invalid ", 1).replacen("SRun ", "Run ", 1);
        let mut words: Vec<String> = Vec::new();
        for word in line.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric()) {
            let bare = word.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
            let is_id = bare.len() >= 12 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_id {
                words.push(word.replacen(bare, "ID", 1));
            } else if UNITS.iter().any(|unit| bare.strip_suffix('s').unwrap_or(bare) == *unit) {
                // `Less than a second`, `About a minute`, `12 seconds`.
                while words.last().is_some_and(|last| {
                    matches!(last.trim(), "Less" | "than" | "a" | "About" | "an")
                        || last.trim().parse::<u32>().is_ok()
                }) {
                    words.pop();
                }
                words.push(word.replacen(bare, "TIME", 1));
            } else {
                words.push(word.to_owned());
            }
        }
        out.push_str(&words.concat());
    }
    // Columns are as wide as their durations.
    if out.contains("TIME") { squeezed(&out) } else { out }
}

/// Runs of spaces as one.
fn squeezed(line: &str) -> String {
    let mut out = String::new();
    for letter in line.chars() {
        if letter != ' ' || !out.ends_with(' ') {
            out.push(letter);
        }
    }
    out
}

#[test]
fn misused_commands() {
    if !testkit::skip::needs_new_client("the words of the command line beside Docker's") {
        return;
    }
    Both::new(vec![]).agree(lines::MISUSED);
}

/// The scene of the lists.
fn scene() -> Both {
    let both = Both::new(vec!["busybox", "debian"]);
    for line in lines::SCENE.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let output = both.daemon.docker(Both::words(line));
        assert!(output.code == 0 || line.ends_with("exit 3'"), "{output:?}");
    }
    both
}

#[test]
fn lists() {
    if testkit::skip::needs_new_client("the words of the command line beside Docker's") {
        scene().agree(lines::LISTS);
    }
}

#[test]
fn templates() {
    if testkit::skip::needs_new_client("the words of the command line beside Docker's") {
        scene().agree(lines::TEMPLATES);
    }
}

#[test]
fn nameless_objects() {
    if testkit::skip::needs_new_client("the words of the command line beside Docker's") {
        Both::new(vec!["busybox"]).agree(lines::NAMELESS);
    }
}

#[test]
fn containers_are_made_changed_and_removed() {
    if !testkit::skip::needs_new_client("the words of the command line beside Docker's") {
        return;
    }
    Both::apart(vec!["busybox"]).agree(lines::CONTAINERS);
}

#[test]
fn images_volumes_and_networks_are_made_and_removed() {
    if !testkit::skip::needs_new_client("the words of the command line beside Docker's") {
        return;
    }
    Both::apart(vec!["busybox"]).agree(lines::OBJECTS);
}
