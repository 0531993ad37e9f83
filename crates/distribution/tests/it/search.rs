//! Searching an index: what is asked, what is understood, what is refused.

use distribution::{Auth, Cancel, Client};
use errdefs::{Class, Result};

use super::hostile::{Answer, Server};
use super::support::quick;

const PAGE: &str = r#"{"num_results":2,"query":"redis","results":[
    {"name":"redis","description":"fast","star_count":13000,"is_official":true,"is_automated":false},
    {"name":"ann/redis","description":"","star_count":3,"is_official":false,"extra":{}}]}"#;

fn search(term: &str, limit: u32) -> Result<Vec<distribution::Found>> {
    Client::new(quick()).search(term, limit, &Auth::anonymous(), &Cancel::new())
}

#[test]
fn an_index_is_asked_in_its_old_protocol() {
    let server = Server::start(|request| match request.path.as_str() {
        "/v1/_ping" => Answer::new(200),
        _ => Answer::new(200).body(PAGE),
    });
    let found = search(&format!("{}/a redis&x", server.address), 0).unwrap();
    let names: Vec<_> =
        found.iter().map(|one| (one.name.as_str(), one.star_count, one.is_official)).collect();
    assert_eq!(names, [("redis", 13000, true), ("ann/redis", 3, false)]);
    let asked = server.requests();
    let last = asked.last().unwrap();
    assert_eq!(last.path, "/v1/search?q=a%20redis%26x&n=25");
    assert_eq!(last.header("x-docker-token"), Some("true"));
    search(&format!("{}/redis", server.address), 7).unwrap();
    assert!(server.requests().last().unwrap().path.ends_with("&n=7"));
}

#[test]
fn a_password_is_sent_only_when_the_index_asks() {
    let server = Server::start(|request| match (request.path.as_str(), request.header("authorization")) {
        ("/v1/_ping", _) => Answer::new(200),
        (_, Some("Basic YW5uOnMzY3JldA==")) => Answer::new(200).body(PAGE),
        _ => Answer::new(401).header("WWW-Authenticate", "Basic realm=\"index\""),
    });
    let auth = Auth { username: "ann".into(), password: "s3cret".into(), ..Auth::default() };
    let term = format!("{}/redis", server.address);
    assert_eq!(Client::new(quick()).search(&term, 0, &auth, &Cancel::new()).unwrap().len(), 2);
    assert_eq!(server.count(|request| request.header("authorization").is_some()), 1);
    assert!(search(&term, 0).is_err());
}

#[test]
fn bad_answers_and_wrong_terms_are_refused_in_dockers_words() {
    let server = Server::start(|request| match request.path.split('?').next().unwrap() {
        "/v1/_ping" => Answer::new(404),
        _ if request.path.contains("q=large") => Answer::new(200).body(vec![b' '; 9 << 20]),
        _ if request.path.contains("q=garbage") => Answer::new(200).body("<html>"),
        _ => Answer::new(418),
    });
    let ask = |term: &str| search(&format!("{}/{term}", server.address), 0).unwrap_err();
    assert_eq!(ask("x").message(), "Unexpected status code 418");
    assert!(ask("garbage").message().starts_with("error decoding registry search results: "));
    assert!(ask("large").message().contains("is larger than"));
    for (term, limit, expected) in [
        ("http://a/b", 0, "invalid repository name: repository name (http://a/b) should not have a scheme"),
        ("redis", 101, "limit 101 is outside the range of [1, 100]"),
    ] {
        let error = search(term, limit).unwrap_err();
        assert_eq!((error.class(), error.message()), (Class::InvalidParameter, expected));
    }
    let error = search("127.0.0.1:1/x", 0).unwrap_err().to_string();
    let expected = "invalid registry endpoint \"http://127.0.0.1:1/v1/\". HTTPS attempt: Get \"https://127.0.0.1:1/v1/_ping\": ";
    assert!(error.starts_with(expected), "{error}");
    assert!(error.contains(". HTTP attempt: Get \"http://127.0.0.1:1/v1/_ping\": "), "{error}");
}
