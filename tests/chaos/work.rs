//! A worker: asks for this and that, one request after the other, and notes what it was told. When an answer does not
//! come, the daemon was killed: what was asked for may have been done or not.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use testkit::{Answer, Api};

use crate::dice::Dice;
use crate::model::{Doing, Found, Item, Kind, There, Thing};

/// Most containers a worker has at a time.
const ITEMS: usize = 5;
/// Lines of a burst.
const BURST: usize = 300;

/// One worker and everything it has made.
pub(crate) struct Worker {
    api: Api,
    dice: Dice,
    prefix: String,
    made: usize,
    pub(crate) items: Vec<Item>,
    pub(crate) volumes: Vec<Thing>,
    pub(crate) networks: Vec<Thing>,
    /// Answers that nothing explains.
    pub(crate) complaints: Vec<String>,
    history: Vec<String>,
    /// How often the daemon has been started.
    pub(crate) boots: usize,
    /// The last answer's.
    status: u16,
    /// Requests that were answered.
    pub(crate) answered: usize,
    /// How many shims it has yet to kill.
    pub(crate) shims: usize,
    /// How many containers' processes it has yet to kill.
    pub(crate) processes: usize,
    /// How many shims and how many processes it has killed.
    pub(crate) killed: (usize, usize),
}

impl Worker {
    /// The `which`th worker.
    pub(crate) fn new(api: Api, seed: u64, which: usize) -> Self {
        Self {
            api,
            dice: Dice::new(seed, u64::try_from(which).unwrap_or(0) + 1),
            prefix: format!("w{which}"),
            made: 0,
            items: Vec::new(),
            volumes: Vec::new(),
            networks: Vec::new(),
            complaints: Vec::new(),
            history: Vec::new(),
            boots: 1,
            status: 0,
            answered: 0,
            shims: 0,
            processes: 0,
            killed: (0, 0),
        }
    }

    /// Works until an answer does not come, or it is told to stop.
    pub(crate) fn work(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) && self.step().is_ok() {}
    }

    fn step(&mut self) -> io::Result<()> {
        self.items.retain(|item| item.there != There::No);
        if self.items.is_empty() || (self.items.len() < ITEMS && self.dice.once_in(3)) {
            return self.run();
        }
        if self.deals() > 0 && self.dice.once_in(3) {
            return self.deal();
        }
        let which = self.dice.below(self.items.len());
        match self.dice.below(22) {
            0..=3 => self.exec(which),
            4 | 5 => self.put(which),
            6 => self.get(which),
            7 | 8 => self.logs(which),
            9 | 10 => self.rename(which),
            11 | 12 => self.stop(which),
            13 | 14 => self.start(which),
            15 => self.pause(which),
            16 | 17 => self.remove(which),
            18 => self.volume(),
            19 => self.network(),
            20 => self.connect(which),
            _ => self.look(which),
        }
    }

    /// How many shims and processes it has yet to kill.
    pub(crate) fn deals(&self) -> usize {
        self.shims + self.processes
    }

    /// Kills the next shim or process that was dealt to it, of a container made for that if none runs.
    fn deal(&mut self) -> io::Result<()> {
        self.items.retain(|item| item.there != There::No);
        let killable =
            |item: &Item| matches!(item.doing, Doing::Running | Doing::Paused) && item.there == There::Yes;
        let able: Vec<usize> = (0..self.items.len()).filter(|which| killable(&self.items[*which])).collect();
        match able.is_empty() {
            false => {
                let which = *self.dice.pick(&able);
                self.kill(which)
            }
            true if self.items.len() < ITEMS => self.run(),
            true => {
                let which = self.dice.below(self.items.len());
                self.remove(which)
            }
        }
    }

    /// Kills what is left of its deals, now that nobody kills the daemon. What still is left after so many steps is a
    /// complaint: containers do not run that should.
    pub(crate) fn settle_deals(&mut self, limit: usize) {
        let mut steps = 0;
        while self.deals() > 0 {
            if steps == limit {
                let text = format!(
                    "{} after {limit} steps without a daemon's kill {} shims and {} processes are not killed; look at \
                     why its containers do not run:{}",
                    self.prefix,
                    self.shims,
                    self.processes,
                    self.last(40),
                );
                self.complaints.push(text);
                return;
            }
            steps += 1;
            if let Err(error) = self.deal() {
                self.complaints
                    .push(format!("a daemon that nobody kills does not answer: {error}{}", self.last(5)));
                return;
            }
        }
    }

    /// The last lines of its history.
    fn last(&self, lines: usize) -> String {
        let from = self.history.len().saturating_sub(lines);
        format!("\n    {}", self.history[from..].join("\n    "))
    }

    /// Sends a request; an answer outside `allowed` is a complaint. `None` if it was refused.
    fn ask(&mut self, method: &str, path: &str, body: &Value, allowed: &[u16]) -> io::Result<Option<Answer>> {
        let answer = if body.is_null() { self.api.call(method, path) } else { self.api.post(path, body) };
        let end = answer.as_ref().map_or("?".to_owned(), |answer| answer.status.to_string());
        self.remember(format!("{method} {path} {end}"));
        if let Err(error) = &answer
            && matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
        {
            // A daemon that is killed closes its connections; this one was there and silent.
            self.complaints.push(format!(
                "{method} {path}: no answer; look at what the daemon waits for (operation lock, shim)"
            ));
        }
        let answer = answer?;
        self.answered += 1;
        self.status = answer.status;
        if answer.is_ok() {
            return Ok(Some(answer));
        }
        let doubted = |item: &Item| item.there == There::Perhaps && path.contains(&item.reference());
        let doubtful = answer.status == 404 && self.items.iter().any(doubted);
        if !allowed.contains(&answer.status) && !doubtful {
            self.complaints.push(format!(
                "{method} {path} {body}: {} {}",
                answer.status,
                answer.text().trim()
            ));
        }
        Ok(None)
    }

    /// Notes what happened, for a failure's message.
    fn remember(&mut self, done: String) {
        self.history.push(format!("[{}] {done}", self.boots));
    }

    /// The requests about a container.
    pub(crate) fn history_of(&self, item: &Item) -> String {
        self.history_with(&item.id.iter().chain(&item.names).collect::<Vec<_>>())
    }

    /// The requests about something with one of these names.
    pub(crate) fn history_with(&self, names: &[&String]) -> String {
        let named = |line: &str| names.iter().any(|name| line.contains(name.as_str()));
        let lines: Vec<&str> = self.history.iter().filter(|line| named(line)).map(String::as_str).collect();
        format!("\n    {}", lines.join("\n    "))
    }

    fn name(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{}-{what}{}", self.prefix, self.made)
    }

    /// A name of one of the things that are certainly there, mostly.
    fn some(dice: &mut Dice, things: &[Thing]) -> Option<String> {
        let there: Vec<&Thing> = things.iter().filter(|thing| thing.there == There::Yes).collect();
        (!there.is_empty() && dice.once_in(2)).then(|| dice.pick(&there).name.clone())
    }

    fn run(&mut self) -> io::Result<()> {
        let kinds = [Kind::Sleeper, Kind::Logger, Kind::Burst(BURST), Kind::Transient, Kind::Always];
        let kind = *self.dice.pick(&kinds);
        let name = self.name("c");
        let volume = Self::some(&mut self.dice, &self.volumes);
        let network = Self::some(&mut self.dice, &self.networks);
        let body = self.request(kind, volume.as_deref(), network.as_deref());
        self.items.push(Item {
            id: None,
            names: vec![name.clone()],
            kind,
            there: There::Perhaps,
            doing: Doing::Anything,
            keep: format!("{}/kept-{name}", if volume.is_some() { "/data" } else { "" }),
            volume,
            network,
            joined: Vec::new(),
            kept: Vec::new(),
            doubtful: Vec::new(),
            copied: Vec::new(),
            logged: 0,
            starts: 0,
            exact: true,
        });
        let which = self.items.len() - 1;
        let Some(answer) = self.ask("POST", &format!("/containers/create?name={name}"), &body, &[])? else {
            self.items.pop();
            return Ok(());
        };
        let item = &mut self.items[which];
        item.id = Some(answer.json()["Id"].as_str().unwrap_or_default().to_owned());
        item.there = There::Yes;
        self.begin(which)
    }

    fn request(&mut self, kind: Kind, volume: Option<&str>, network: Option<&str>) -> Value {
        let line = match kind {
            Kind::Logger => "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.02; done".to_owned(),
            Kind::Burst(lines) => format!("i=0; while [ $i -lt {lines} ]; do i=$((i+1)); echo line $i; done"),
            _ => "exec sleep 1000000".to_owned(),
        };
        let mut host = json!({ "AutoRemove": kind == Kind::Transient });
        if kind == Kind::Always {
            host["RestartPolicy"] = json!({ "Name": "always" });
        }
        if let Some(volume) = volume {
            host["Binds"] = json!([format!("{volume}:/data")]);
        }
        if let Some(network) = network {
            host["NetworkMode"] = json!(network);
        }
        if self.dice.once_in(3) {
            host["PortBindings"] =
                json!({ "80/tcp": [{ "HostPort": "" }], "80/udp": [{ "HostIp": "127.0.0.1" }] });
        }
        if self.dice.once_in(5) {
            host["IpcMode"] = json!("shareable");
        }
        let mut body = json!({ "Image": "busybox", "Cmd": ["sh", "-c", line], "HostConfig": host });
        if self.dice.once_in(3) {
            body["Volumes"] = json!({ "/anonymous": {} });
        }
        body
    }

    /// Starts a container.
    fn begin(&mut self, which: usize) -> io::Result<()> {
        let item = &mut self.items[which];
        let before = (item.doing, item.exact);
        (item.doing, item.exact) = (Doing::Anything, false);
        let path = format!("/containers/{}/start", item.reference());
        // A Transient may be gone by now; one that is paused refuses.
        let allowed: &[u16] = match item.kind {
            Kind::Transient => &[404, 409],
            _ => &[409],
        };
        let answer = self.ask("POST", &path, &Value::Null, allowed)?;
        let item = &mut self.items[which];
        item.exact = before.1;
        match answer {
            Some(answer) if answer.status == 204 => {
                item.starts += 1;
                item.doing =
                    if matches!(item.kind, Kind::Burst(_)) { Doing::Anything } else { Doing::Running };
            }
            _ => item.doing = before.0,
        }
        Ok(())
    }

    fn start(&mut self, which: usize) -> io::Result<()> {
        if self.items[which].there == There::Yes && self.items[which].kind != Kind::Transient {
            return self.begin(which);
        }
        Ok(())
    }

    fn exec(&mut self, which: usize) -> io::Result<()> {
        if self.items[which].doing != Doing::Running {
            return Ok(());
        }
        let token = self.name("t");
        let item = &mut self.items[which];
        let (id, line) = (item.reference(), format!("echo {token} >> {} && echo done", item.keep));
        let body = json!({ "AttachStdout": true, "AttachStderr": true, "Cmd": ["sh", "-c", line] });
        item.doubtful.push(token.clone());
        // What is restarted all the time may be between two runs.
        let allowed: &[u16] = if item.kind == Kind::Always { &[404, 409] } else { &[] };
        let Some(answer) = self.ask("POST", &format!("/containers/{id}/exec"), &body, allowed)? else {
            return Ok(());
        };
        let exec = answer.json()["Id"].as_str().unwrap_or_default().to_owned();
        let answer =
            self.ask("POST", &format!("/exec/{exec}/start"), &json!({ "Detach": false }), allowed)?;
        let text = answer.map(|answer| answer.text()).unwrap_or_default();
        let item = &mut self.items[which];
        if text.contains("done") {
            item.doubtful.retain(|doubtful| *doubtful != token);
            item.kept.push(token);
        } else if item.kind != Kind::Always && !text.is_empty() {
            self.complaints.push(format!("exec in {id}: {text:?}"));
        }
        Ok(())
    }

    fn put(&mut self, which: usize) -> io::Result<()> {
        if self.items[which].there != There::Yes || self.items[which].kind == Kind::Transient {
            return Ok(());
        }
        let name = self.name("f");
        let id = self.items[which].reference();
        let path = format!("/containers/{id}/archive?path=/");
        let answer = self.api.send("PUT", &path, "application/x-tar", &tar(&name, b"content"))?;
        self.answered += 1;
        if answer.is_ok() {
            self.items[which].copied.push(name);
        } else {
            self.complaints.push(format!("PUT {path}: {} {}", answer.status, answer.text()));
        }
        Ok(())
    }

    fn get(&mut self, which: usize) -> io::Result<()> {
        let id = self.items[which].reference();
        let allowed: &[u16] = if self.items[which].there == There::Yes { &[404] } else { &[404, 409] };
        self.ask("GET", &format!("/containers/{id}/archive?path=/etc"), &Value::Null, allowed).map(drop)
    }

    fn logs(&mut self, which: usize) -> io::Result<()> {
        let id = self.items[which].reference();
        if self.items[which].kind == Kind::Logger && self.items[which].doing == Doing::Running {
            self.api.begin(&format!("/containers/{id}/logs?follow=1&stdout=1"), 64)?;
            self.answered += 1;
            return Ok(());
        }
        self.ask("GET", &format!("/containers/{id}/logs?stdout=1&tail=5"), &Value::Null, &[404, 409])
            .map(drop)
    }

    fn rename(&mut self, which: usize) -> io::Result<()> {
        if self.items[which].there != There::Yes || self.items[which].kind == Kind::Transient {
            return Ok(());
        }
        let name = self.name("r");
        let item = &mut self.items[which];
        item.names.push(name.clone());
        let path = format!("/containers/{}/rename?name={name}", item.reference());
        let done = self.ask("POST", &path, &Value::Null, &[])?.is_some();
        let item = &mut self.items[which];
        if done {
            item.names = vec![name];
        } else {
            item.names.pop();
        }
        Ok(())
    }

    fn stop(&mut self, which: usize) -> io::Result<()> {
        let item = &mut self.items[which];
        if item.kind == Kind::Always {
            return self.restart(which);
        }
        let before = item.doing;
        (item.doing, item.exact) = (Doing::Anything, false);
        let path = format!("/containers/{}/stop?t=0", item.reference());
        let allowed: &[u16] = if item.kind == Kind::Transient { &[404] } else { &[] };
        let done = self.ask("POST", &path, &Value::Null, allowed)?.is_some();
        self.items[which].doing = if done { Doing::Stopped } else { before };
        Ok(())
    }

    fn restart(&mut self, which: usize) -> io::Result<()> {
        let path = format!("/containers/{}/restart?t=0", self.items[which].reference());
        self.items[which].doing = Doing::Anything;
        self.ask("POST", &path, &Value::Null, &[])?;
        self.items[which].doing = Doing::Running;
        Ok(())
    }

    fn pause(&mut self, which: usize) -> io::Result<()> {
        let item = &mut self.items[which];
        let (verb, after) = match (item.kind, item.doing) {
            (Kind::Sleeper | Kind::Logger, Doing::Running) => ("pause", Doing::Paused),
            (Kind::Sleeper | Kind::Logger, Doing::Paused) => ("unpause", Doing::Running),
            _ => return Ok(()),
        };
        let before = item.doing;
        item.doing = Doing::Anything;
        let path = format!("/containers/{}/{verb}", item.reference());
        let done = self.ask("POST", &path, &Value::Null, &[])?.is_some();
        self.items[which].doing = if done { after } else { before };
        Ok(())
    }

    fn remove(&mut self, which: usize) -> io::Result<()> {
        let item = &mut self.items[which];
        (item.there, item.doing, item.exact) = (There::Perhaps, Doing::Anything, false);
        let path = format!("/containers/{}?force=1&v=1", self.items[which].reference());
        // Its automatic removal may be faster.
        self.ask("DELETE", &path, &Value::Null, &[404, 409])?;
        self.items[which].there = There::No;
        Ok(())
    }

    /// Kills from behind the daemon's back: the container's first process or its shim.
    fn kill(&mut self, which: usize) -> io::Result<()> {
        let kind = self.items[which].kind;
        let id = self.items[which].reference();
        let allowed: &[u16] = &[404];
        let Some(answer) = self.ask("GET", &format!("/containers/{id}/json"), &Value::Null, allowed)? else {
            return Ok(());
        };
        let pid = answer.json()["State"]["Pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0);
        let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse::<i32>().ok());
        // Nobody else's process.
        let (Some(parent), true) = (parent, groups.contains(&id)) else { return Ok(()) };
        let target = if self.shims > 0 && (self.processes == 0 || self.dice.once_in(2)) {
            self.shims -= 1;
            self.killed.0 += 1;
            parent
        } else {
            self.processes -= 1;
            self.killed.1 += 1;
            pid
        };
        self.remember(format!("KILL {target} of {id}"));
        self.items[which].doing = if kind == Kind::Always { Doing::Anything } else { Doing::Stopped };
        self.items[which].exact = false;
        if let Some(target) = Pid::from_raw(target) {
            kill_process(target, Signal::KILL)?;
        }
        if kind != Kind::Always {
            self.ask("POST", &format!("/containers/{id}/wait"), &Value::Null, &[404])?;
        }
        Ok(())
    }

    fn volume(&mut self) -> io::Result<()> {
        if self.volumes.len() < 3 {
            let name = self.name("v");
            self.volumes.push(Thing { name: name.clone(), there: There::Perhaps });
            self.ask("POST", "/volumes/create", &json!({ "Name": name }), &[])?;
            self.volumes.last_mut().expect("pushed").there = There::Yes;
            return Ok(());
        }
        let which = self.dice.below(self.volumes.len());
        let name = self.volumes[which].name.clone();
        if self.items.iter().any(|item| item.volume.as_ref() == Some(&name)) {
            return Ok(());
        }
        self.volumes[which].there = There::Perhaps;
        self.ask("DELETE", &format!("/volumes/{name}"), &Value::Null, &[404])?;
        self.volumes.remove(which);
        Ok(())
    }

    fn network(&mut self) -> io::Result<()> {
        if self.networks.len() < 2 {
            let name = self.name("n");
            self.networks.push(Thing { name: name.clone(), there: There::Perhaps });
            self.ask("POST", "/networks/create", &json!({ "Name": name }), &[])?;
            self.networks.last_mut().expect("pushed").there = There::Yes;
            return Ok(());
        }
        let which = self.dice.below(self.networks.len());
        let name = self.networks[which].name.clone();
        // It could be removed though a container that does not run is in it, which could not be started any more.
        if self.items.iter().any(|item| item.network.as_ref() == Some(&name) || item.joined.contains(&name)) {
            return Ok(());
        }
        self.networks[which].there = There::Perhaps;
        // 403: somebody was connected to it.
        let done = self.ask("DELETE", &format!("/networks/{name}"), &Value::Null, &[403, 404])?.is_some();
        if done || self.status == 404 {
            self.networks.remove(which);
        } else {
            self.networks[which].there = There::Yes;
        }
        Ok(())
    }

    /// Connects a container to a network and takes it off again.
    fn connect(&mut self, which: usize) -> io::Result<()> {
        let item = &self.items[which];
        if !matches!(item.kind, Kind::Sleeper | Kind::Logger) || item.doing == Doing::Anything {
            return Ok(());
        }
        let (id, own) = (item.reference(), item.network.clone());
        let Some(network) =
            Self::some(&mut self.dice, &self.networks).filter(|name| Some(name) != own.as_ref())
        else {
            return Ok(());
        };
        let body = json!({ "Container": id });
        self.items[which].joined.push(network.clone());
        // 403: it is connected since an earlier request that was not answered.
        self.ask("POST", &format!("/networks/{network}/connect"), &body, &[403])?;
        self.ask("POST", &format!("/networks/{network}/disconnect"), &body, &[403])?;
        self.items[which].joined.retain(|joined| *joined != network);
        Ok(())
    }

    fn look(&mut self, which: usize) -> io::Result<()> {
        let id = self.items[which].reference();
        let paths = [
            "/containers/json?all=1&size=1".to_owned(),
            "/system/df".into(),
            format!("/containers/{id}/json"),
        ];
        let path = self.dice.pick(&paths).clone();
        self.ask("GET", &path, &Value::Null, &[404]).map(drop)
    }

    /// Takes over what the daemon shows.
    pub(crate) fn learn(&mut self, all: &BTreeMap<String, Found>, volumes: &[String], networks: &[String]) {
        self.items.iter_mut().for_each(|item| item.learn(all));
        self.items.retain(|item| item.there != There::No);
        for (things, names) in [(&mut self.volumes, volumes), (&mut self.networks, networks)] {
            things.retain(|thing| names.contains(&thing.name));
            things.iter_mut().for_each(|thing| thing.there = There::Yes);
        }
    }

    /// What is wrong with what it has made.
    pub(crate) fn problems(
        &self,
        all: &BTreeMap<String, Found>,
        volumes: &[String],
        networks: &[String],
    ) -> Vec<String> {
        let mut wrong = self.complaints.clone();
        for item in &self.items {
            let problems = item.problems(all);
            wrong.extend(problems.into_iter().map(|problem| problem + &self.history_of(item)));
        }
        wrong.extend(self.volumes.iter().filter_map(|volume| volume.problem("volume", volumes)));
        wrong.extend(self.networks.iter().filter_map(|network| network.problem("network", networks)));
        wrong
    }
}

/// An archive with one file.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    let mut field = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    field(0, name);
    field(100, "0000644\0");
    field(108, "0000000\0");
    field(116, "0000000\0");
    field(124, &format!("{:011o}\0", content.len()));
    field(136, "00000000000\0");
    field(148, "        ");
    field(156, "0");
    field(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut tar = header.to_vec();
    tar.extend_from_slice(content);
    tar.resize(tar.len().div_ceil(512) * 512 + 1024, 0);
    tar
}
