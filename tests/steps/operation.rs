//! The operations: what is made before, the request, and what may be seen between.

use std::io;

use rustix::process::{Pid, Signal, kill_process};
use testkit::{Answer, Api};

use crate::survives;

/// One request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Request {
    /// Method, path, JSON body.
    Call(&'static str, &'static str, &'static str),
    /// `load` of the image's archive.
    Load,
    /// A file put into container `box`.
    Put,
    /// A command in container `box`, to its end.
    Exec(&'static str),
    /// The archive with the file `put`, as an image.
    Import,
    /// The end of container `box`, which nobody asked the daemon for.
    End,
}

/// An operation.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// What it needs.
    pub(crate) before: &'static [Request],
    pub(crate) act: Request,
    /// Lines that may be there instead of those before, if it was not answered: what a client sees too that looks in the
    /// middle of the operation.
    pub(crate) between: &'static [&'static str],
    /// Whether it needs a registry.
    pub(crate) registry: bool,
    /// The init layer, which the first container makes for all others, is made anew.
    pub(crate) fresh: bool,
    /// What comes some time after the answer.
    pub(crate) until: fn(&Api) -> bool,
}

impl Request {
    pub(crate) fn send(&self, api: &Api, archive: &[u8]) -> io::Result<Answer> {
        let json = |method: &str, path: &str, body: &str| {
            api.send(method, path, "application/json", body.as_bytes())
        };
        match self {
            Self::Call(method, path, body) => json(method, path, body),
            Self::Load => api.send("POST", "/images/load", "application/x-tar", archive),
            Self::Put => {
                api.send("PUT", "/containers/box/archive?path=/etc", "application/x-tar", &one_file())
            }
            Self::Exec(line) => {
                let body = serde_json::json!({ "AttachStdout": true, "Cmd": ["sh", "-c", line] });
                let made = api.post("/containers/box/exec", &body)?;
                let id = made.json()["Id"].as_str().unwrap_or_default().to_owned();
                json("POST", &format!("/exec/{id}/start"), r#"{"Detach":false}"#)
            }
            Self::Import => {
                let path = "/images/create?fromSrc=-&repo=made&tag=1";
                api.send("POST", path, "application/x-tar", &one_file())
            }
            Self::End => {
                let state = &api.call("GET", "/containers/box/json")?.json()["State"];
                let pid = state["Pid"].as_i64().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
                kill_process(pid.expect("it runs"), Signal::KILL)?;
                Ok(Answer { status: 204, body: Vec::new() })
            }
        }
    }
}

/// An archive with the file `put`.
fn one_file() -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(7);
    header.set_mode(0o644);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "put", &b"content"[..]).expect("an archive");
    archive.into_inner().expect("an archive")
}

const VOLUME: Request = Request::Call("POST", "/volumes/create", r#"{"Name":"kept"}"#);
const NETWORK: Request = Request::Call("POST", "/networks/create", r#"{"Name":"net"}"#);
const SECOND: Request = Request::Call("POST", "/networks/create", r#"{"Name":"second"}"#);
/// With a volume of each kind, a published port and a network of the user's.
const CREATE: Request = Request::Call(
    "POST",
    "/containers/create?name=box",
    r#"{"Image":"busybox","Cmd":["sleep","1000000"],"StopSignal":"KILL","Volumes":{"/anonymous":{}},
        "ExposedPorts":{"80/tcp":{}},
        "HostConfig":{"Binds":["kept:/data"],"NetworkMode":"net","PortBindings":{"80/tcp":[{"HostPort":""}]}}}"#,
);
const TRANSIENT: Request = Request::Call(
    "POST",
    "/containers/create?name=box",
    r#"{"Image":"busybox","Cmd":["sleep","1000000"],"Volumes":{"/anonymous":{}},"HostConfig":{"AutoRemove":true}}"#,
);
const UNTAG: Request = Request::Call("DELETE", "/images/busybox", "");
const START: Request = Request::Call("POST", "/containers/box/start", "");
const PAUSE: Request = Request::Call("POST", "/containers/box/pause", "");
const STOPPED: &[Request] = &[VOLUME, NETWORK, CREATE];
const RUNNING: &[Request] = &[VOLUME, NETWORK, CREATE, START];
/// One that is told the names of the others in its network.
const NEIGHBOUR: Request = Request::Call(
    "POST",
    "/containers/create?name=neighbour",
    r#"{"Image":"busybox","Cmd":["sleep","1000000"],"StopSignal":"KILL","HostConfig":{"NetworkMode":"net"}}"#,
);
const START_NEIGHBOUR: Request = Request::Call("POST", "/containers/neighbour/start", "");
const STOPPED_BESIDE: &[Request] = &[VOLUME, NETWORK, NEIGHBOUR, START_NEIGHBOUR, CREATE];
const RUNNING_BESIDE: &[Request] = &[VOLUME, NETWORK, NEIGHBOUR, START_NEIGHBOUR, CREATE, START];
const JOIN: Request = Request::Call("POST", "/networks/second/connect", r#"{"Container":"neighbour"}"#);
/// What a client sees between its end and what follows.
const EXITED: &[&str] = &[
    r#"container /box exited(137) ["net"] ["anonymous", "kept"]"#,
    r#"network net ["neighbour"]"#,
    "hosts neighbour knows nobody",
    "hosts box",
];
const REMOVE: Request = Request::Call("DELETE", "/containers/box?v=1", "");

/// Started again by its policy.
const LASTING: Request = Request::Call(
    "POST",
    "/containers/create?name=box",
    r#"{"Image":"busybox","Cmd":["sleep","1000000"],"StopSignal":"KILL","ExposedPorts":{"80/tcp":{}},
        "HostConfig":{"NetworkMode":"net","PortBindings":{"80/tcp":[{"HostPort":""}]},
        "RestartPolicy":{"Name":"always"}}}"#,
);
const COMMIT: Request = Request::Call("POST", "/commit?container=box&repo=made&tag=1", "{}");
const PUSHED: Request = Request::Call("POST", "/images/made:1/tag?repo=127.0.0.1:5000/pushed&tag=1", "");

const PLAIN: Operation = Operation {
    name: "",
    before: &[],
    act: START,
    between: &[],
    registry: false,
    fresh: false,
    until: |_| true,
};

fn state(api: &Api) -> Option<serde_json::Value> {
    api.call("GET", "/containers/box/json").ok().filter(Answer::is_ok).map(|answer| answer.json())
}

fn gone(api: &Api) -> bool {
    api.call("GET", "/containers/box/json").is_ok_and(|answer| answer.status == 404)
}

fn exited(api: &Api) -> bool {
    state(api).is_some_and(|state| state["State"]["Status"] == "exited")
}

fn runs_again(api: &Api) -> bool {
    state(api).is_some_and(|state| state["RestartCount"] == 1 && state["State"]["Status"] == "running")
}

/// A test of each: what it needs, its request.
macro_rules! operations {
    ($($name:ident($before:expr, $act:expr $(, $field:ident: $value:expr)*);)*) => {
        $(#[test]
        fn $name() {
            let operation = Operation { before: $before, act: $act, $($field: $value,)* ..PLAIN };
            survives(&Operation { name: stringify!($name), ..operation });
        })*
    };
}

operations! {
    create(&[VOLUME, NETWORK], CREATE);
    create_first(&[VOLUME, NETWORK], CREATE, fresh: true);
    start(STOPPED_BESIDE, START);
    stop(RUNNING_BESIDE, Request::Call("POST", "/containers/box/stop?t=0", ""));
    kill(RUNNING, Request::Call("POST", "/containers/box/kill", ""));
    restart(RUNNING_BESIDE, Request::Call("POST", "/containers/box/restart?t=0", ""), between: EXITED);
    end(RUNNING_BESIDE, Request::End, until: exited);
    end_of_one_that_is_started_again(&[NETWORK, NEIGHBOUR, START_NEIGHBOUR, LASTING, START], Request::End, until: runs_again);
    pause(RUNNING, PAUSE);
    unpause(&[VOLUME, NETWORK, CREATE, START, PAUSE], Request::Call("POST", "/containers/box/unpause", ""));
    rename(RUNNING_BESIDE, Request::Call("POST", "/containers/box/rename?name=other", ""));
    update(RUNNING, Request::Call("POST", "/containers/box/update", r#"{"PidsLimit":100}"#));
    remove(STOPPED, REMOVE);
    remove_running(RUNNING_BESIDE, Request::Call("DELETE", "/containers/box?v=1&force=1", ""), between: EXITED);
    remove_automatically(&[TRANSIENT, START], Request::Call("POST", "/containers/box/kill", ""), until: gone);
    prune(STOPPED, Request::Call("POST", "/containers/prune", ""));
    exec(RUNNING, Request::Exec("echo done > /etc/done"));
    copy(STOPPED, Request::Put);
    commit(&[VOLUME, NETWORK, CREATE, Request::Put], COMMIT);
    volume_create(&[], VOLUME);
    volume_remove(&[VOLUME], Request::Call("DELETE", "/volumes/kept", ""));
    volume_prune(&[VOLUME], Request::Call("POST", "/volumes/prune?filters=%7B%22all%22%3A%5B%22true%22%5D%7D", ""));
    network_create(&[], NETWORK);
    network_remove(&[NETWORK], Request::Call("DELETE", "/networks/net", ""));
    network_connect(
        &[VOLUME, NETWORK, SECOND, NEIGHBOUR, START_NEIGHBOUR, JOIN, CREATE, START],
        Request::Call("POST", "/networks/second/connect", r#"{"Container":"box"}"#)
    );
    network_disconnect(RUNNING_BESIDE, Request::Call("POST", "/networks/net/disconnect", r#"{"Container":"box"}"#));
    network_prune(&[NETWORK], Request::Call("POST", "/networks/prune", ""));
    image_load(&[UNTAG], Request::Load);
    image_import(&[], Request::Import);
    image_remove(&[], UNTAG);
    image_remove_with_its_parent(&[VOLUME, NETWORK, CREATE, COMMIT, REMOVE, UNTAG], Request::Call("DELETE", "/images/made:1", ""));
    image_prune(&[], Request::Call("POST", "/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D", ""));
    image_tag(&[], Request::Call("POST", "/images/busybox/tag?repo=other&tag=1", ""));
    image_pull(&[UNTAG], Request::Call("POST", "/images/create?fromImage=busybox&tag=latest", ""), registry: true);
    image_push(&[Request::Import, PUSHED], Request::Call("POST", "/images/127.0.0.1:5000/pushed/push?tag=1", ""), registry: true);
}
