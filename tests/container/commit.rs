//! `commit`: a container that ends at that moment is committed all the same.

use serde_json::json;
use testkit::Daemon;

/// Containers that end while they are committed.
const TRIES: usize = 40;

#[test]
fn an_end_in_the_middle_is_no_conflict() {
    let daemon = Daemon::start();
    let door = daemon.door();
    for number in 0..TRIES {
        let name = format!("short-{number}");
        let body = json!({"Image": "busybox", "Cmd": ["touch", "/test"]});
        assert_eq!(
            door.post(&format!("/containers/create?name={name}"), &body).expect("an answer").status,
            201
        );
        assert_eq!(door.call("POST", &format!("/containers/{name}/start")).expect("an answer").status, 204);
        let answer = door.call("POST", &format!("/commit?container={name}&repo={name}")).expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(
            door.call("DELETE", &format!("/containers/{name}?force=1")).expect("an answer").status,
            204
        );
        assert_eq!(door.call("DELETE", &format!("/images/{name}")).expect("an answer").status, 200);
    }
    daemon.check_leaks();
}
