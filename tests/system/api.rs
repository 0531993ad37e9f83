//! The HTTP door itself: versions, errors, and bodies that make no sense.

use testkit::Daemon;

#[test]
fn versions_are_checked_in_dockers_words() {
    let daemon = Daemon::start();
    assert_eq!(daemon.api("GET", "/_ping", ""), (200, "OK".to_owned()));
    assert_eq!(daemon.api("GET", "/v1.24/containers/json", "").0, 200);
    assert_eq!(daemon.api("GET", "/v1.51/containers/json", ""), (200, "[]\n".to_owned()));
    let (code, body) = daemon.api("GET", "/v1.12/containers/json", "");
    assert_eq!(code, 400);
    assert!(body.contains("client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"), "{body}");
    let (code, body) = daemon.api("GET", "/v1.99/containers/json", "");
    assert_eq!(code, 400);
    assert!(body.contains("client version 1.99 is too new. Maximum supported API version is 1.51"), "{body}");
}

#[test]
fn errors_are_json_with_a_message() {
    let daemon = Daemon::start();
    assert_eq!(
        daemon.api("GET", "/containers/nobody/json", ""),
        (404, "{\"message\":\"No such container: nobody\"}\n".to_owned())
    );
    assert_eq!(daemon.api("GET", "/nosuch", ""), (404, "{\"message\":\"page not found\"}\n".to_owned()));
    let bodies = ["{", "[]", "{\"Image\":7}", "{\"Image\":\"busybox\"} trailing", "null"];
    for body in bodies {
        let (code, answer) = daemon.api("POST", "/containers/create", body);
        assert_eq!(code, 400, "{body} -> {answer}");
        assert!(answer.contains("\"message\""), "{answer}");
    }
    let (code, answer) =
        daemon.api("POST", "/containers/create", "{\"Image\":\"busybox\",\"HostConfig\":{\"Memory\":1}}");
    assert_eq!(code, 400, "{answer}");
    assert!(answer.contains("Minimum memory limit allowed is 6MB"), "{answer}");
    assert_eq!(daemon.hythe(["ps", "-aq"]).ok(), "");
}
