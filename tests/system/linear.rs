//! Linearizability of names: many clients make, rename, remove and look up containers on a few names, and what they were
//! answered fits one order in which each name belongs to one container at most.
//!
//! Each request has a beginning and an end by one counter. A container *surely* has a name from the answered taking of it
//! to the beginning of its giving up, and *perhaps* from the beginning of the taking to the answered giving up. Two sure
//! holds of a name must not overlap; a taking that succeeded must not lie wholly within another's sure hold; a refusal,
//! and a look-up that found a container, need a perhaps hold that overlaps it; a look-up that found nothing must not lie
//! wholly within a sure hold.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use testkit::{Api, Daemon};

const CLIENTS: usize = 64;
const REQUESTS: usize = 24;
const NAMES: [&str; 8] = ["anna", "bert", "carl", "dora", "emil", "frida", "gero", "hanna"];

/// From the beginning of a request to its answer.
#[derive(Debug, Clone, Copy)]
struct Span {
    begin: u64,
    end: u64,
}

/// A container's time with a name.
#[derive(Debug, Clone)]
struct Hold {
    id: String,
    taken: Span,
    /// `None` while it has it.
    given: Option<Span>,
}

/// What a client learned of a name without changing it.
#[derive(Debug, Clone)]
struct Seen {
    span: Span,
    /// Whose it was said to be; `None`: nobody's.
    id: Option<String>,
}

#[derive(Debug, Default)]
struct History {
    holds: BTreeMap<&'static str, Vec<Hold>>,
    seen: BTreeMap<&'static str, Vec<Seen>>,
}

impl Hold {
    fn surely_covers(&self, begin: u64, end: u64) -> bool {
        self.taken.end < begin && self.given.is_none_or(|given| end < given.begin)
    }

    fn perhaps_overlaps(&self, span: Span) -> bool {
        self.taken.begin < span.end && self.given.is_none_or(|given| span.begin < given.end)
    }
}

impl History {
    fn take(&mut self, name: &'static str, id: &str, taken: Span) {
        self.holds.entry(name).or_default().push(Hold { id: id.to_owned(), taken, given: None });
    }

    fn give(&mut self, name: &'static str, id: &str, given: Span) {
        let holds = self.holds.get_mut(name).into_iter().flatten();
        let hold = holds.filter(|hold| hold.id == id).find(|hold| hold.given.is_none());
        hold.expect("what is given up was taken").given = Some(given);
    }

    /// What fits no order.
    fn contradictions(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (name, holds) in &self.holds {
            for (n, one) in holds.iter().enumerate() {
                let others = holds.iter().enumerate().filter(|(other, _)| *other != n).map(|(_, hold)| hold);
                for other in others {
                    let begin = one.taken.end.max(other.taken.end);
                    let until = |hold: &Hold| hold.given.map_or(u64::MAX, |given| given.begin);
                    if begin < until(one).min(until(other)) {
                        wrong.push(format!("{name} was held by two: {one:?} {other:?}"));
                    }
                    if other.surely_covers(one.taken.begin, one.taken.end) {
                        wrong.push(format!("{name} was taken from its holder: {one:?} {other:?}"));
                    }
                }
            }
        }
        for (name, all) in &self.seen {
            let holds = self.holds.get(name).map_or(&[][..], Vec::as_slice);
            for seen in all {
                let fits = match &seen.id {
                    Some(id) => holds.iter().any(|hold| hold.id == *id && hold.perhaps_overlaps(seen.span)),
                    None => !holds.iter().any(|hold| hold.surely_covers(seen.span.begin, seen.span.end)),
                };
                if !fits {
                    wrong.push(format!("{name} cannot have been seen so: {seen:?}"));
                }
            }
        }
        wrong
    }
}

/// The ID in quotes or the like in an error's text.
fn holder(text: &str) -> Option<String> {
    let id = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split(|c: char| !c.is_ascii_alphanumeric()).find(id).map(str::to_owned)
}

struct Client<'a> {
    api: Api,
    clock: &'a AtomicU64,
    history: &'a Mutex<History>,
    /// Its containers and their names.
    own: Vec<(String, &'static str)>,
    random: usize,
}

impl Client<'_> {
    fn below(&mut self, limit: usize) -> usize {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % limit
    }

    fn timed<T>(&self, work: impl FnOnce() -> T) -> (T, Span) {
        let begin = self.clock.fetch_add(1, Ordering::SeqCst);
        let result = work();
        (result, Span { begin, end: self.clock.fetch_add(1, Ordering::SeqCst) })
    }

    fn see(&self, name: &'static str, span: Span, id: Option<String>) {
        self.history.lock().expect("the history").seen.entry(name).or_default().push(Seen { span, id });
    }

    fn step(&mut self) {
        let name = NAMES[self.below(NAMES.len())];
        match (self.own.is_empty(), self.below(5)) {
            (false, 0 | 1) => self.remove(),
            (false, 2) => self.rename(name),
            (true, 0..=2) | (false, 3) => self.create(name),
            _ => self.look(name),
        }
    }

    fn create(&mut self, name: &'static str) {
        let path = format!("/containers/create?name={name}");
        let (answer, span) =
            self.timed(|| self.api.post(&path, &json!({ "Image": "busybox" })).expect("an answer"));
        match answer.status {
            201 => {
                let id = answer.json()["Id"].as_str().expect("an ID").to_owned();
                self.history.lock().expect("the history").take(name, &id, span);
                self.own.push((id, name));
            }
            409 => self.see(name, span, Some(holder(&answer.text()).expect("the holder"))),
            other => panic!("create {name}: {other} {}", answer.text()),
        }
    }

    fn rename(&mut self, name: &'static str) {
        let which = self.below(self.own.len());
        let (id, old) = self.own[which].clone();
        if old == name {
            return;
        }
        let path = format!("/containers/{id}/rename?name={name}");
        let (answer, span) = self.timed(|| self.api.call("POST", &path).expect("an answer"));
        match answer.status {
            204 => {
                let mut history = self.history.lock().expect("the history");
                history.give(old, &id, span);
                history.take(name, &id, span);
                self.own[which].1 = name;
            }
            409 => self.see(name, span, Some(holder(&answer.text()).expect("the holder"))),
            other => panic!("rename to {name}: {other} {}", answer.text()),
        }
    }

    fn remove(&mut self) {
        let which = self.below(self.own.len());
        let (id, name) = self.own.swap_remove(which);
        let path = format!("/containers/{id}");
        let (answer, span) = self.timed(|| self.api.call("DELETE", &path).expect("an answer"));
        assert_eq!(answer.status, 204, "remove {name}: {}", answer.text());
        self.history.lock().expect("the history").give(name, &id, span);
    }

    fn look(&self, name: &'static str) {
        let path = format!("/containers/{name}/json");
        let (answer, span) = self.timed(|| self.api.call("GET", &path).expect("an answer"));
        match answer.status {
            200 => {
                let id = answer.json()["Id"].as_str().expect("an ID").to_owned();
                // Its name may have changed since it was found by it.
                self.see(name, span, Some(id));
            }
            404 => self.see(name, span, None),
            other => panic!("look for {name}: {other} {}", answer.text()),
        }
    }
}

#[test]
fn names_are_linearizable() {
    let daemon = Daemon::start();
    let (clock, history) = (AtomicU64::new(0), Mutex::new(History::default()));
    std::thread::scope(|scope| {
        for which in 0..CLIENTS {
            let mut client = Client {
                api: daemon.door(),
                clock: &clock,
                history: &history,
                own: Vec::new(),
                random: which + 1,
            };
            scope.spawn(move || (0..REQUESTS).for_each(|_| client.step()));
        }
    });
    let history = history.into_inner().expect("the history");
    let (taken, seen) = (history.holds.values().flatten().count(), history.seen.values().flatten().count());
    eprintln!("{taken} times a name was taken, {seen} times one was seen");
    assert!(taken > CLIENTS / 2 && seen > CLIENTS, "the clients have hardly met");
    assert_eq!(history.contradictions(), Vec::<String>::new());
    daemon.check_state();
}

#[test]
fn the_judge_of_histories_finds_contradictions() {
    let span = |begin, end| Span { begin, end };
    let mut history = History::default();
    history.take("anna", "a", span(0, 1));
    history.give("anna", "a", span(10, 13));
    history.take("anna", "b", span(9, 12));
    history.seen.entry("anna").or_default().push(Seen { span: span(11, 14), id: Some("a".into()) });
    assert_eq!(history.contradictions(), Vec::<String>::new());
    history.seen.entry("anna").or_default().push(Seen { span: span(3, 4), id: None });
    history.seen.entry("anna").or_default().push(Seen { span: span(15, 16), id: Some("a".into()) });
    assert_eq!(history.contradictions().len(), 2);
    history.take("anna", "c", span(20, 21));
    // Held by two, and taken from its holder, each seen from both sides where it has two.
    assert!(history.contradictions().len() > 3);
}
