//! Tokens and passwords: who gets to see them.

use distribution::Auth;
use errdefs::Class;

use super::hostile::{Answer, Request, Server};
use super::support::{Bench, Count, Fixture, bump, serve};

fn user() -> Auth {
    Auth { username: "ann".into(), password: "s3cret".into(), ..Auth::default() }
}

/// `Basic` of ann:s3cret.
const BASIC: &str = "Basic YW5uOnMzY3JldA==";

/// A registry that wants the token `T` from `realm`.
fn token_registry(fixture: &Fixture, realm: String) -> Server {
    serve(fixture, move |request| {
        (request.header("authorization") != Some("Bearer T")).then(|| {
            Answer::new(401)
                .header("WWW-Authenticate", format!("Bearer realm=\"{realm}\",service=\"svc\""))
                .body(r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#)
        })
    })
}

fn grant() -> Answer {
    Answer::new(200).body(r#"{"token":"T","expires_in":300}"#)
}

#[test]
fn an_anonymous_token_is_asked_for_once() {
    let fixture = Fixture::new(&[10, 20, 30, 40]);
    let service = Server::start(|_| grant());
    let server = token_registry(&fixture, service.url("/token"));
    let bench = Bench::new();
    bench.pull(&format!("{}/a/b", server.address)).unwrap();
    bench.pull(&format!("{}/a/b", server.address)).unwrap();
    let asked: Vec<Request> = service.requests();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].path, "/token?service=svc&scope=repository%3Aa%2Fb%3Apull");
    assert!(asked[0].header("authorization").is_none());
    // Another repository is another scope.
    bench.pull(&format!("{}/c", server.address)).unwrap();
    assert_eq!(service.requests().len(), 2);
}

#[test]
fn a_password_goes_to_the_token_service_and_not_to_the_registry() {
    let fixture = Fixture::new(&[10]);
    let service = Server::start(|_| grant());
    let server = token_registry(&fixture, service.url("/token"));
    Bench::new().pull_as(&format!("{}/a", server.address), &user()).unwrap();
    assert_eq!(service.requests()[0].header("authorization"), Some(BASIC));
    assert!(service.requests()[0].path.contains("account=ann"));
    assert_eq!(
        server.count(|request| request.header("authorization").is_some_and(|sent| sent.contains("Basic"))),
        0
    );
}

#[test]
fn credentials_of_one_user_are_not_used_for_another() {
    // CVE-2026-103868: a cached token must not serve someone else.
    let fixture = Fixture::new(&[10]);
    let service = Server::start(|request| {
        if request.header("authorization") == Some(BASIC) {
            grant()
        } else {
            Answer::new(401).body(r#"{"details":"incorrect username or password"}"#)
        }
    });
    let server = token_registry(&fixture, service.url("/token"));
    let bench = Bench::new();
    let name = format!("{}/a", server.address);
    bench.pull_as(&name, &user()).unwrap();
    let wrong = Auth { password: "guess".into(), ..user() };
    let error = bench.pull_as(&name, &wrong).unwrap_err();
    assert_eq!(error.class(), Class::Unauthorized);
    assert!(error.to_string().ends_with("unauthorized: incorrect username or password"), "{error}");
    assert!(bench.pull(&name).is_err());
}

#[test]
fn an_identity_token_is_posted_and_not_put_in_a_url() {
    let fixture = Fixture::new(&[10]);
    let service = Server::start(|_| Answer::new(200).body(r#"{"access_token":"T"}"#));
    let server = token_registry(&fixture, service.url("/token"));
    let auth = Auth { identity_token: "refresh me".into(), ..Auth::default() };
    Bench::new().pull_as(&format!("{}/a", server.address), &auth).unwrap();
    let asked = &service.requests()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/token"));
    let body = String::from_utf8(asked.body.clone()).unwrap();
    assert!(body.contains("grant_type=refresh_token&refresh_token=refresh%20me"), "{body}");
}

#[test]
fn a_registry_token_is_sent_as_it_is() {
    let fixture = Fixture::new(&[10]);
    let service = Server::start(|_| grant());
    let server = token_registry(&fixture, service.url("/token"));
    let auth = Auth { registry_token: "T".into(), ..Auth::default() };
    Bench::new().pull_as(&format!("{}/a", server.address), &auth).unwrap();
    assert!(service.requests().is_empty());
}

#[test]
fn an_expired_token_is_replaced_once_and_not_in_a_loop() {
    let fixture = Fixture::new(&[10]);
    let count = Count::default();
    let served = count.clone();
    let service = Server::start(move |_| {
        Answer::new(200).body(format!(r#"{{"token":"T{}"}}"#, bump(&served, "token")))
    });
    let realm = service.url("/token");
    let challenge = format!("Bearer realm=\"{realm}\",service=\"s\"");
    let only = challenge.clone();
    // Accepts only the second token.
    let server = serve(&fixture, move |request| {
        (request.header("authorization") != Some("Bearer T1"))
            .then(|| Answer::new(401).header("WWW-Authenticate", only.clone()))
    });
    Bench::new().pull(&format!("{}/a", server.address)).unwrap();
    assert_eq!(service.requests().len(), 2);

    let never =
        serve(&fixture, move |_| Some(Answer::new(401).header("WWW-Authenticate", challenge.clone())));
    let error = Bench::new().pull(&format!("{}/a", never.address)).unwrap_err();
    assert_eq!(error.class(), Class::Unauthorized, "{error}");
    assert!(never.requests().len() <= 4, "{}", never.requests().len());
}

#[test]
fn denied_is_told_as_docker_tells_it() {
    let fixture = Fixture::new(&[10]);
    let service = Server::start(|_| grant());
    let challenge = format!(
        "Bearer realm=\"{}\",service=\"s\",scope=\"repository:a:pull\",error=\"insufficient_scope\"",
        service.url("/token")
    );
    let first = challenge.replace(",error=\"insufficient_scope\"", "");
    let server = serve(&fixture, move |request| {
        let challenge = if request.path == "/v2/" { &first } else { &challenge };
        Some(Answer::new(401).header("WWW-Authenticate", challenge.clone()))
    });
    let name = format!("{}/a", server.address);
    let error = Bench::new().pull(&name).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "pull access denied for {name}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
        )
    );
    assert_eq!(error.class(), Class::NotFound);
}

#[test]
fn a_redirect_target_cannot_ask_for_credentials() {
    // CVE-2020-15157: a foreign host answers 401 and names its own token service.
    let fixture = Fixture::new(&[10]);
    let thief = Server::start(|_| grant());
    let realm = thief.url("/token");
    let foreign = Server::start(move |_| {
        Answer::new(401).header("WWW-Authenticate", format!("Bearer realm=\"{realm}\""))
    });
    let target = foreign.url("/blob");
    let server = serve(&fixture, move |request| {
        if request.header("authorization") != Some(BASIC) {
            return Some(Answer::new(401).header("WWW-Authenticate", "Basic realm=\"x\""));
        }
        request.path.contains("/blobs/").then(|| Answer::new(307).header("Location", target.clone()))
    });
    assert!(Bench::new().pull_as(&format!("{}/a", server.address), &user()).is_err());
    assert!(!foreign.requests().is_empty());
    assert!(thief.requests().is_empty(), "{:?}", thief.requests());
    assert_eq!(foreign.count(|request| request.header("authorization").is_some()), 0);
}

#[test]
fn missing_basic_credentials_have_dockers_words() {
    let fixture = Fixture::new(&[10]);
    let server = serve(&fixture, |request| {
        (request.header("authorization") != Some(BASIC))
            .then(|| Answer::new(401).header("WWW-Authenticate", "Basic realm=\"x\""))
    });
    let name = format!("{}/a", server.address);
    let error = Bench::new().pull(&name).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("Get \"http://{}/v2/a/manifests/latest\": no basic auth credentials", server.address)
    );
    assert_eq!(error.class(), Class::System, "so that a client does not ask for a password");
    Bench::new().pull_as(&name, &user()).unwrap();
}

#[test]
fn logins() {
    let fixture = Fixture::new(&[10]);
    let service = Server::start(|request| {
        if request.header("authorization") != Some(BASIC) {
            return Answer::new(401).body(r#"{"details":"incorrect username or password"}"#);
        }
        Answer::new(200).body(r#"{"token":"T","refresh_token":"R"}"#)
    });
    let server = token_registry(&fixture, service.url("/token"));
    let bench = Bench::new();
    let host = server.address.to_string();
    let login = bench.client.login(&host, &user(), &bench.cancel).unwrap();
    assert_eq!((login.status.as_str(), login.identity_token.as_str()), ("Login Succeeded", "R"));
    assert!(service.requests()[0].path.contains("offline_token=true"));
    let wrong = Auth { password: "x".into(), ..user() };
    let error = bench.client.login(&host, &wrong, &bench.cancel).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("Get \"http://{host}/v2/\": unauthorized: incorrect username or password")
    );

    let basic = serve(&fixture, |request| {
        (request.header("authorization") != Some(BASIC))
            .then(|| Answer::new(401).header("WWW-Authenticate", "Basic realm=\"x\""))
    });
    let host = basic.address.to_string();
    assert_eq!(bench.client.login(&host, &user(), &bench.cancel).unwrap().identity_token, "");
    let error = bench.client.login(&host, &wrong, &bench.cancel).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("login attempt to http://{host}/v2/ failed with status: 401 Unauthorized")
    );
}
