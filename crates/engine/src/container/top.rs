//! `top`: the processes of a container (semantics 43).
//!
//! The default columns are read from `/proc` here; any other arguments are what the host's `ps` understands, so that is
//! run, and its lines are filtered by process ID. Nothing from inside the container is ever executed.

use std::collections::HashMap;
use std::fs;
use std::process::Command;

use api::container::TopResponse;
use errdefs::{Context, Result, conflict, invalid, system};
use jiff::{Timestamp, tz::TimeZone};

use super::Containers;
use super::state::Phase;

/// Clock ticks a second in `/proc/PID/stat`; the kernel's interface fixes it at 100.
const TICKS: i64 = 100;

impl Containers {
    /// The processes in it, as `ps` with `args` shows them; empty means `-ef`.
    ///
    /// # Errors
    /// Conflict if it does not run.
    pub fn top(&self, reference: &str, args: &str) -> Result<TopResponse> {
        let container = self.shared.registry.find(reference)?;
        if container.record().state.phase == Phase::Restarting {
            return Err(conflict(format!(
                "container {} is restarting, wait until the container is running",
                container.id
            )));
        }
        let pids = container.handle()?.pids()?;
        self.shared.tell(&container.record(), "top", &[]);
        match args {
            "" | "-ef" => Ok(default_columns(&pids)),
            args => by_ps(&pids, args),
        }
    }
}

fn default_columns(pids: &[i32]) -> TopResponse {
    let titles = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"].map(str::to_owned).to_vec();
    let users = users(&fs::read_to_string("/etc/passwd").unwrap_or_default());
    let now = Timestamp::now();
    let boot = boot_time(&fs::read_to_string("/proc/stat").unwrap_or_default());
    let row = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let cmdline = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let owner = rustix::fs::stat(format!("/proc/{pid}")).ok()?.st_uid;
        let process = Process::parse(&stat)?;
        let user = users.get(&owner).cloned().unwrap_or_else(|| owner.to_string());
        Some(process.row(*pid, user, &cmdline, boot, now))
    };
    TopResponse { processes: pids.iter().filter_map(row).collect(), titles }
}

struct Process<'a> {
    name: &'a str,
    parent: &'a str,
    tty: i64,
    /// Ticks of processor time.
    used: i64,
    /// Ticks after boot.
    start: i64,
}

impl<'a> Process<'a> {
    /// Reads `/proc/PID/stat`; the name may hold anything, so the fields count from the last parenthesis.
    fn parse(stat: &'a str) -> Option<Self> {
        let (head, rest) = stat.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<i64>().ok();
        Some(Self {
            name,
            parent: fields.get(1)?,
            tty: number(4)?,
            used: number(11)? + number(12)?,
            start: number(19)?,
        })
    }

    fn row(&self, pid: i32, user: String, cmdline: &[u8], boot: i64, now: Timestamp) -> Vec<String> {
        let started = boot + self.start / TICKS;
        let elapsed = (now.as_second() - started).max(1);
        let seconds = self.used / TICKS;
        let words: Vec<_> = cmdline
            .split(|byte| *byte == 0)
            .map(String::from_utf8_lossy)
            .filter(|word| !word.is_empty())
            .collect();
        vec![
            user,
            pid.to_string(),
            self.parent.to_owned(),
            (seconds * 100 / elapsed).min(99).to_string(),
            start_text(started, now),
            tty_text(self.tty),
            format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
            if words.is_empty() { format!("[{}]", self.name) } else { words.join(" ") },
        ]
    }
}

/// The time of a start today, the day of one this year, the year of one before.
fn start_text(started: i64, now: Timestamp) -> String {
    let zone = TimeZone::system();
    let Ok(started) = Timestamp::from_second(started) else { return "?".into() };
    let (started, now) = (started.to_zoned(zone.clone()), now.to_zoned(zone));
    let format = match (started.date() == now.date(), started.year() == now.year()) {
        (true, _) => "%H:%M",
        (false, true) => "%b%d",
        _ => "%Y",
    };
    started.strftime(format).to_string()
}

/// `pts/3` and `tty1` by device number.
fn tty_text(number: i64) -> String {
    let (major, minor) = ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xfff00));
    match major {
        136..=143 => format!("pts/{}", minor + (major - 136) * 256),
        4 => format!("tty{minor}"),
        _ => "?".into(),
    }
}

fn users(passwd: &str) -> HashMap<u32, String> {
    let user = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        Some((fields.nth(1)?.parse().ok()?, name))
    };
    passwd.lines().filter_map(user).collect()
}

fn boot_time(stat: &str) -> i64 {
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "));
    line.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// The host's `ps`, filtered by process ID.
fn by_ps(pids: &[i32], args: &str) -> Result<TopResponse> {
    // Docker refuses what is not an option list, so that nothing else can be meant.
    if args.contains(['\0', '\n']) {
        return Err(invalid("invalid ps arguments"));
    }
    let list: Vec<String> = pids.iter().map(ToString::to_string).collect();
    let words: Vec<&str> = args.split_whitespace().collect();
    let run = |with_pids: bool| {
        let mut command = Command::new("ps");
        command.args(&words).env_clear().env("PATH", "/usr/bin:/bin");
        if with_pids {
            command.args(["-q", &list.join(",")]);
        }
        command.output()
    };
    let mut output = run(true).context(|| "ps")?;
    if !output.status.success() {
        // Some options do not go with -q.
        output = run(false).context(|| "ps")?;
    }
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let line = text.lines().next().unwrap_or_default();
        return Err(system(format!("ps: {line}")));
    }
    parse(&String::from_utf8_lossy(&output.stdout), pids)
}

fn parse(output: &str, pids: &[i32]) -> Result<TopResponse> {
    let mut lines = output.lines();
    let titles: Vec<String> =
        lines.next().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let pid = titles
        .iter()
        .position(|title| title == "PID")
        .ok_or_else(|| system("Couldn't find PID field in ps output"))?;
    let mut processes = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ours =
            words.get(pid).and_then(|word| word.parse::<i32>().ok()).is_some_and(|pid| pids.contains(&pid));
        if !ours || words.len() < titles.len() {
            continue;
        }
        // The last column may hold spaces.
        let (fields, rest) = words.split_at(titles.len() - 1);
        let mut row: Vec<String> = fields.iter().map(|word| (*word).to_owned()).collect();
        row.push(rest.join(" "));
        processes.push(row);
    }
    Ok(TopResponse { processes, titles })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_from_behind_the_name() {
        let stat = "7 (a) b (c) S 1 7 7 34819 7 4194560 1 0 0 0 150 250 0 0 20 0 1 0 1000 1 1";
        let process = Process::parse(stat).unwrap();
        assert_eq!((process.name, process.parent, process.tty), ("a) b (c", "1", 34819));
        assert_eq!((process.used, process.start), (400, 1000));
        let row = process.row(7, "root".into(), b"sleep\x0010\0", 0, Timestamp::from_second(20).unwrap());
        assert_eq!(row[1..4], ["7", "1", "40"]);
        assert_eq!(row[5..], ["pts/3", "00:00:04", "sleep 10"]);
        assert!(Process::parse("").is_none());
    }

    #[test]
    fn rows_of_ps_are_filtered_by_pid_and_the_command_stays_whole() {
        let output = "USER       PID COMMAND\nroot         7 sleep 10\nroot         8 other\n";
        let top = parse(output, &[7]).unwrap();
        assert_eq!(top.processes, [["root", "7", "sleep 10"]]);
        assert_eq!(
            parse("COMMAND\nx\n", &[7]).unwrap_err().to_string(),
            "Couldn't find PID field in ps output"
        );
    }
}
