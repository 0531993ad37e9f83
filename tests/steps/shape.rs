//! What a daemon shows of everything it has, by the names that a test has given: comparable between runs.

use std::collections::BTreeSet;
use std::io;

use serde_json::Value;
use testkit::{Api, wait};

/// One line a thing.
pub(crate) type Shape = BTreeSet<String>;

/// The image that is there before and after each operation.
pub(crate) const IMAGE: &str = "busybox:latest";

/// Everything, now.
pub(crate) fn of(api: &Api) -> Shape {
    try_of(api).expect("a list")
}

/// Everything, now, of a daemon that may be dying.
pub(crate) fn try_of(api: &Api) -> io::Result<Shape> {
    let mut shape = Shape::new();
    let list = |path: &str| Ok::<_, io::Error>(api.call("GET", path)?.json());
    for one in array(&list("/containers/json?all=1")?) {
        let networks: Vec<&String> =
            one["NetworkSettings"]["Networks"].as_object().into_iter().flat_map(|map| map.keys()).collect();
        let mut mounts: Vec<String> =
            array(&one["Mounts"]).map(|mount| text(&mount["Name"])).map(known).collect();
        mounts.sort();
        let names = array(&one["Names"]).map(text).collect::<Vec<_>>().join(",");
        let state = match one["Status"].as_str().and_then(|status| status.strip_prefix("Exited (")) {
            Some(code) => format!("exited({}", code.split_inclusive(')').next().unwrap_or_default()),
            None => text(&one["State"]),
        };
        shape.insert(format!("container {names} {state} {networks:?} {mounts:?}"));
    }
    for one in array(&list("/containers/json")?) {
        let hosts = hosts(api, &text(&one["Id"]))?;
        // Nothing of what its users rely on is lost.
        let whole =
            if hosts.contains("127.0.0.1\tlocalhost") { "knows" } else { "has lost localhost, knows" };
        let others: BTreeSet<&str> =
            hosts.split_whitespace().filter(|name| ["box", "other", "neighbour"].contains(name)).collect();
        let others = match others.is_empty() {
            true => "nobody".to_owned(),
            false => others.into_iter().collect::<Vec<_>>().join(" "),
        };
        shape.insert(format!("hosts {} {whole} {others}", text(&one["Names"][0]).trim_start_matches('/')));
    }
    let volumes = list("/volumes")?;
    let (anonymous, named): (Vec<String>, Vec<String>) =
        array(&volumes["Volumes"]).map(|volume| text(&volume["Name"])).partition(|name| name.len() == 64);
    shape.extend(named.into_iter().map(|name| format!("volume {name}")));
    shape.insert(format!("volumes without a name: {}", anonymous.len()));
    for network in array(&list("/networks")?) {
        let inside = list(&format!("/networks/{}", text(&network["Id"])))?;
        let mut names: Vec<String> = inside["Containers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(_, one)| text(&one["Name"]))
            .collect();
        names.sort();
        shape.insert(format!("network {} {names:?}", text(&network["Name"])));
    }
    for image in array(&list("/images/json?all=1")?) {
        let mut names: Vec<String> = array(&image["RepoTags"]).map(text).collect();
        names.sort();
        shape.insert(format!("image here {names:?}"));
    }
    Ok(shape)
}

/// Takes everything away but the image, which is loaded from `archive` if it is not there.
pub(crate) fn reset(api: &Api, archive: &[u8]) {
    let list = |path: &str| api.call("GET", path).expect("a list").json();
    let delete = |path: String| {
        let answer = api.call("DELETE", &path).expect("an answer");
        assert!(answer.is_ok() || answer.status == 404, "DELETE {path}: {}", answer.text());
    };
    for one in array(&list("/containers/json?all=1")) {
        let path = format!("/containers/{}?force=1&v=1", text(&one["Id"]));
        // 409: it is being removed already.
        wait::until_true("it is removed", || {
            let answer = api.call("DELETE", &path).expect("an answer");
            assert!(answer.is_ok() || matches!(answer.status, 404 | 409), "DELETE {path}: {}", answer.text());
            answer.status != 409
        });
    }
    for volume in array(&list("/volumes")["Volumes"]) {
        delete(format!("/volumes/{}", text(&volume["Name"])));
    }
    for network in
        array(&list("/networks")).filter(|one| !["bridge", "host", "none"].contains(&&*text(&one["Name"])))
    {
        delete(format!("/networks/{}", text(&network["Id"])));
    }
    let mut there = false;
    for image in array(&list("/images/json")) {
        for name in array(&image["RepoTags"]).map(text) {
            match name == IMAGE {
                true => there = true,
                false => delete(format!("/images/{name}")),
            }
        }
        if array(&image["RepoTags"]).next().is_none() {
            delete(format!("/images/{}", text(&image["Id"])));
        }
    }
    if !there {
        let answer = api.send("POST", "/images/load", "application/x-tar", archive).expect("an answer");
        assert!(answer.is_ok(), "{}", answer.text());
    }
}

/// A container's hosts file.
fn hosts(api: &Api, id: &str) -> io::Result<String> {
    let answer = api.call("GET", &format!("/containers/{id}/archive?path=/etc/hosts"))?;
    // One that has ended meanwhile and is removed has none.
    Ok(String::from_utf8_lossy(&answer.body).into_owned())
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn known(name: String) -> String {
    if name.len() == 64 { "anonymous".to_owned() } else { name }
}
