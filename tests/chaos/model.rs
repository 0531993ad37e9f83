//! What must be true of everything that was made: by what was answered, and, where an answer never came, both ways.

use std::collections::BTreeMap;

use serde_json::Value;
use testkit::Api;

/// Whether something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum There {
    /// Its making was answered.
    Yes,
    /// A request was not answered.
    Perhaps,
    /// Its removal was answered.
    No,
}

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Its start was answered and nobody has ended it.
    Running,
    /// As running, but frozen.
    Paused,
    /// Its end was answered.
    Stopped,
    /// Not known: a request was not answered, or it ends by itself.
    Anything,
}

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Runs until it is ended.
    Sleeper,
    /// Writes numbered lines until it is ended.
    Logger,
    /// Writes so many numbered lines and ends.
    Burst(usize),
    /// Runs until it is ended and is removed then.
    Transient,
    /// Is started again whenever it ends.
    Always,
}

/// A container.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Its ID, if its making was answered or it was found.
    pub(crate) id: Option<String>,
    /// Names it may have: one, or two while a renaming is not answered.
    pub(crate) names: Vec<String>,
    pub(crate) kind: Kind,
    pub(crate) there: There,
    pub(crate) doing: Doing,
    /// Where its lines are kept: on its volume if it has one.
    pub(crate) keep: String,
    pub(crate) volume: Option<String>,
    pub(crate) network: Option<String>,
    /// Others that it may be connected to as well: a request to connect it was not taken back yet.
    pub(crate) joined: Vec<String>,
    /// Lines that an answered exec has written.
    pub(crate) kept: Vec<String>,
    /// Lines that an unanswered one may have written.
    pub(crate) doubtful: Vec<String>,
    /// Files that an answered copy has put there.
    pub(crate) copied: Vec<String>,
    /// Log lines seen so far.
    pub(crate) logged: usize,
    /// How many starts were answered.
    pub(crate) starts: usize,
    /// Each run was answered and went to its end, so that its log can be counted.
    pub(crate) exact: bool,
}

/// A volume or a network.
#[derive(Debug, Clone)]
pub(crate) struct Thing {
    pub(crate) name: String,
    pub(crate) there: There,
}

/// What the daemon shows of a container.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) state: String,
}

/// All containers that the daemon shows.
pub(crate) fn listing(api: &Api) -> BTreeMap<String, Found> {
    let list = api.call("GET", "/containers/json?all=1").expect("a list of containers").json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |entry: &Value| {
        let name = text(&entry["Names"][0]).trim_start_matches('/').to_owned();
        (text(&entry["Id"]), Found { name, state: text(&entry["State"]) })
    };
    list.as_array().expect("a list").iter().map(one).collect()
}

impl Item {
    /// The name to call it by.
    pub(crate) fn reference(&self) -> String {
        self.id.clone().unwrap_or_else(|| self.names[0].clone())
    }

    fn find<'a>(&self, all: &'a BTreeMap<String, Found>) -> Option<(&'a String, &'a Found)> {
        match &self.id {
            Some(id) => all.get_key_value(id),
            None => all.iter().find(|(_, found)| self.names.contains(&found.name)),
        }
    }

    /// What is wrong with it.
    pub(crate) fn problems(&self, all: &BTreeMap<String, Found>) -> Vec<String> {
        let label = format!("{:?} {} {:?}", self.kind, self.names.join("|"), self.id);
        let removed_by_itself = self.kind == Kind::Transient && self.doing != Doing::Running;
        let Some((_, found)) = self.find(all) else {
            return match self.there {
                There::Yes if !removed_by_itself => vec![format!("{label} is lost")],
                _ => Vec::new(),
            };
        };
        if self.there == There::No {
            return vec![format!("{label} was removed and is there")];
        }
        let mut all = Vec::new();
        if !self.names.contains(&found.name) {
            all.push(format!("{label} is called {}", found.name));
        }
        let expected = match (self.kind, self.doing) {
            (Kind::Always, _) if self.starts > 0 => &["running"][..],
            (Kind::Transient, Doing::Stopped) => &["gone"],
            (Kind::Transient, Doing::Anything) => &["running"],
            (Kind::Burst(_), _) if self.starts > 0 => &["exited"],
            (_, Doing::Running) => &["running"],
            (_, Doing::Paused) => &["paused"],
            (_, Doing::Stopped) => &["exited", "created"],
            (_, Doing::Anything) => &["running", "paused", "exited", "created"],
        };
        if !expected.contains(&found.state.as_str()) {
            all.push(format!("{label} is {}, not {expected:?} ({:?})", found.state, self.doing));
        }
        all
    }

    /// Takes over what was found: nothing is in doubt any more.
    pub(crate) fn learn(&mut self, all: &BTreeMap<String, Found>) {
        match self.find(all) {
            None => self.there = There::No,
            Some((id, found)) => {
                self.id = Some(id.clone());
                self.there = There::Yes;
                self.names = vec![found.name.clone()];
                self.doing = match found.state.as_str() {
                    "running" => Doing::Running,
                    "paused" => Doing::Paused,
                    _ => Doing::Stopped,
                };
            }
        }
    }

    /// What is wrong with what is in it: lines and files that were written, log lines. Learns how many there are.
    pub(crate) fn contents(&mut self, api: &Api) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.there != There::Yes {
            return wrong;
        }
        let label = format!("{:?} {}", self.kind, self.names[0]);
        let id = self.reference();
        if !self.kept.is_empty() {
            let path = format!("/containers/{id}/archive?path={}", self.keep);
            let text = api.call("GET", &path).map(|answer| first_file(&answer.body)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            for kept in &self.kept {
                let count = lines.iter().filter(|line| *line == kept).count();
                if count != 1 {
                    wrong.push(format!("{label}: {kept} is there {count} times"));
                }
            }
            let known = |line: &&&str| self.kept.iter().chain(&self.doubtful).any(|kept| kept == **line);
            for stranger in lines.iter().filter(|line| !known(line)) {
                wrong.push(format!("{label}: {stranger:?} was never written"));
            }
        }
        for name in &self.copied {
            let head = api.call("HEAD", &format!("/containers/{id}/archive?path=/{name}"));
            if !head.is_ok_and(|answer| answer.status == 200) {
                wrong.push(format!("{label}: the copied file {name} is lost"));
            }
        }
        wrong.extend(self.log(api, &id).into_iter().map(|text| format!("{label}: {text}")));
        wrong
    }

    fn log(&mut self, api: &Api, id: &str) -> Option<String> {
        if !matches!(self.kind, Kind::Logger | Kind::Burst(_)) {
            return None;
        }
        let answer = api.call("GET", &format!("/containers/{id}/logs?stdout=1&stderr=1")).ok()?;
        if answer.status != 200 {
            return Some(format!("logs: {} {}", answer.status, answer.text()));
        }
        let text = unframed(&answer.body);
        let mut last = 0;
        let mut count = 0;
        for line in text.lines() {
            let Some(number) = line.strip_prefix("line ").and_then(|number| number.parse::<usize>().ok())
            else {
                return Some(format!("{line:?} in the log"));
            };
            // A new run begins again with 1.
            if number != last + 1 && number != 1 {
                return Some(format!("line {number} follows line {last} in the log"));
            }
            last = number;
            count += 1;
        }
        if count < self.logged {
            return Some(format!("the log has {count} lines and had {}", self.logged));
        }
        self.logged = count;
        match self.kind {
            Kind::Burst(lines) if self.exact && count != lines * self.starts => {
                Some(format!("the log has {count} lines, not {lines} times {}", self.starts))
            }
            _ => None,
        }
    }
}

/// The content of the first file of a tar archive.
fn first_file(tar: &[u8]) -> String {
    let size = tar.get(124..135).and_then(|size| std::str::from_utf8(size).ok());
    let size =
        size.and_then(|size| usize::from_str_radix(size.trim_matches(['\0', ' ']), 8).ok()).unwrap_or(0);
    String::from_utf8_lossy(tar.get(512..512 + size).unwrap_or_default()).into_owned()
}

/// A log's text without the frames around it.
pub(crate) fn unframed(mut bytes: &[u8]) -> String {
    let mut text = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(8) {
        let size = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
        text.extend_from_slice(&rest[..size]);
        bytes = &rest[size..];
    }
    String::from_utf8_lossy(&text).into_owned()
}

impl Thing {
    /// What is wrong with it.
    pub(crate) fn problem(&self, what: &str, names: &[String]) -> Option<String> {
        match (self.there, names.contains(&self.name)) {
            (There::Yes, false) => Some(format!("{what} {} is lost", self.name)),
            (There::No, true) => Some(format!("{what} {} was removed and is there", self.name)),
            _ => None,
        }
    }
}
