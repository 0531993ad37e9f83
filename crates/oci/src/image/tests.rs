//! Tests of image configurations, the hostile ones too.

use super::*;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn a_config_of_the_classic_builder_parses() {
    let text = format!(
        r##"{{"architecture":"arm64","variant":"v8","os":"linux","created":"2024-01-02T03:04:05.678Z","docker_version":"20.10.7",
        "container":"abc","container_config":{{"Hostname":"x","Cmd":["/bin/sh","-c","#(nop) "]}},
        "config":{{"Hostname":"","User":"app","ExposedPorts":{{"80/tcp":{{}},"53/udp":{{}}}},"Env":["PATH=/bin"],"Cmd":["sh"],
        "Image":"sha256:aa","Volumes":null,"WorkingDir":"/w","Entrypoint":null,"OnBuild":null,"Labels":{{"k":"v"}},
        "Healthcheck":{{"Test":["CMD","true"],"Interval":1000000000,"Retries":3}},"StopSignal":"SIGQUIT","Shell":["/bin/bash","-c"]}},
        "rootfs":{{"type":"layers","diff_ids":["{DIGEST}"]}},
        "history":[{{"created":"2024-01-02T03:04:05Z","created_by":"/bin/sh -c #(nop) ADD"}},{{"empty_layer":true,"author":null}}]}}"##
    );
    let config = ImageConfig::parse(text.as_bytes()).unwrap();
    assert_eq!(config.platform().to_string(), "linux/arm64", "v8 is the normal form");
    let c = &config.config;
    assert_eq!(c.exposed_ports.iter().map(String::as_str).collect::<Vec<_>>(), ["53/udp", "80/tcp"]);
    assert_eq!((c.cmd.as_deref(), c.entrypoint.as_deref()), (Some(&["sh".to_owned()][..]), None));
    assert_eq!(c.labels["k"], "v");
    let health = c.healthcheck.as_ref().unwrap();
    assert_eq!((health.interval, health.retries, health.timeout), (1_000_000_000, 3, 0));
    assert_eq!(c.shell.as_ref().unwrap().len(), 2);
    assert_eq!(config.rootfs.diff_ids[0].to_string(), DIGEST);
    assert!(config.history[1].empty_layer && !config.history[0].empty_layer);
    let again = ImageConfig::parse(&config.to_bytes()).unwrap();
    assert_eq!(again, config);
}

#[test]
fn words_may_be_one_string_and_empty_is_not_missing() {
    let parse = |text: &str| serde_json::from_str::<ContainerConfig>(text).unwrap();
    assert_eq!(parse(r#"{"Cmd":"sh"}"#).cmd, Some(vec!["sh".to_owned()]));
    assert_eq!(parse(r#"{"Cmd":[]}"#).cmd, Some(Vec::new()));
    assert_eq!(parse(r#"{"Cmd":null}"#).cmd, None);
    assert_eq!(parse("{}"), ContainerConfig::default());
    assert_eq!(serde_json::to_string(&ContainerConfig::default()).unwrap(), "{}");
    let ports = ContainerConfig { exposed_ports: ["80/tcp".to_owned()].into(), ..ContainerConfig::default() };
    assert_eq!(serde_json::to_string(&ports).unwrap(), r#"{"ExposedPorts":{"80/tcp":{}}}"#);
}

#[test]
fn cve_2021_21285_missing_and_wrong_fields_are_errors_and_no_crash() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"rootfs":null}"#,
        r#"{"rootfs":{"type":"layers","diff_ids":["sha256:../../etc"]}}"#,
        r#"{"rootfs":{"type":"aufs","diff_ids":[]}}"#,
        r#"{"rootfs":{"type":"layers"},"config":{"Env":"PATH=/"}}"#,
        r#"{"rootfs":{"type":"layers"},"config":{"Env":[1]}}"#,
        r#"{"rootfs":{"type":"layers"},"history":{}}"#,
        r#"{"rootfs":{"type":"layers"}} trailing"#,
    ] {
        let error = ImageConfig::parse(text.as_bytes()).expect_err(text);
        assert_eq!(error.class(), errdefs::Class::InvalidParameter, "{text}");
    }
    assert!(ImageConfig::parse(br#"{"rootfs":{"type":"layers"}}"#).is_ok());
    assert!(ImageConfig::parse(&vec![b' '; CONFIG_BYTES_MAX + 1]).is_err());
}
