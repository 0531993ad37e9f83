//! `--link`: names, variables and the link's own name, on the default bridge and in networks.

use testkit::Daemon;

#[test]
fn a_link_gives_names_and_variables_and_can_be_removed() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "db", "-e", "FOO=bar", "--expose", "80", "busybox", "top"]).ok();
    daemon.hythe(["run", "-d", "--name", "web", "--link", "db:the-db", "busybox", "top"]).ok();
    let address = daemon.hythe(["inspect", "-f", "{{.NetworkSettings.IPAddress}}", "db"]).ok();
    let short = daemon.hythe(["ps", "-q", "--filter", "name=^db$"]).ok();
    let hosts = daemon.hythe(["exec", "web", "cat", "/etc/hosts"]).ok();
    assert!(hosts.contains(&format!("{address}\tthe-db {short} db")), "{hosts}");
    let variables = daemon.hythe(["exec", "web", "env"]).ok();
    for expected in [
        &format!("THE_DB_PORT=tcp://{address}:80"),
        &format!("THE_DB_PORT_80_TCP_ADDR={address}"),
        "THE_DB_NAME=/web/the-db",
        "THE_DB_ENV_FOO=bar",
    ] {
        assert!(variables.lines().any(|line| line == expected), "{expected} in\n{variables}");
    }
    let shown = || daemon.docker(["inspect", "-f", "{{json .HostConfig.Links}}", "web"]).ok();
    assert_eq!(shown(), "[\"/db:/web/the-db\"]");
    let names = || daemon.docker(["ps", "--no-trunc", "--format", "{{.Names}}"]).ok();
    assert_eq!(names(), "web\ndb,web/the-db");
    daemon.hythe(["rename", "db", "data"]).ok();
    assert_eq!(shown(), "[\"/data:/web/the-db\"]");
    let error = daemon.hythe(["rm", "--link", "web/other"]).fails_with(1);
    assert_eq!(error, "Error response from daemon: No such container: web/other");
    let error = daemon.hythe(["rm", "--link", "web"]).fails_with(1);
    assert!(error.contains("Conflict, cannot remove the default link name of the container"), "{error}");
    daemon.docker(["rm", "--link", "web/the-db"]).ok();
    assert_eq!(shown(), "null");
    assert_eq!(names(), "web\ndata");
    assert!(!daemon.hythe(["exec", "web", "cat", "/etc/hosts"]).ok().contains("the-db"));
}

#[test]
fn in_a_network_a_link_is_one_more_name() {
    let daemon = Daemon::start();
    daemon.hythe(["network", "create", "mine"]).ok();
    daemon.hythe(["run", "-d", "--name", "db", "--network", "mine", "busybox", "top"]).ok();
    let run = ["run", "--rm", "--network", "mine", "--link", "db:alias", "busybox", "sh", "-c"];
    let script = "ping -c 1 -W 5 alias >&2 && env | grep -c ALIAS";
    let output = daemon.hythe(run.into_iter().chain([script]));
    assert_eq!((output.code, output.stdout.trim()), (1, "0"), "{output:?}");
    daemon.hythe(["rm", "-f", "db"]).ok();
    daemon.hythe(["network", "rm", "mine"]).ok();
}

#[test]
fn subnets_of_a_family_that_is_off_are_not_looked_at() {
    let daemon = Daemon::start();
    let subnets = ["--subnet", "10.91.0.0/24", "--subnet", "2001:389::1/64"];
    daemon.hythe(["network", "create"].into_iter().chain(subnets).chain(["mine"])).ok();
    daemon.hythe(["run", "--rm", "--network", "mine", "--ip6", "2001:389::f00d", "busybox", "true"]).ok();
    daemon.hythe(["network", "rm", "mine"]).ok();
    let error = daemon.hythe(["network", "create", "--ipv6"].into_iter().chain(subnets).chain(["six"]));
    assert!(error.stderr.contains("invalid subnet 2001:389::1/64: it should be 2001:389::/64"), "{error:?}");
}
