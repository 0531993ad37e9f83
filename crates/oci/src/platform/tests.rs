//! Tests of platforms as Docker writes and matches them.

use super::*;

#[test]
fn specifiers_parse_as_in_docker() {
    let host = std::env::consts::OS;
    let arch = Platform::host().architecture;
    for (text, os, architecture, variant) in [
        ("linux/amd64", "linux", "amd64", ""),
        ("LINUX/x86_64", "linux", "amd64", ""),
        ("linux/x86-64/v1", "linux", "amd64", ""),
        ("linux/amd64/v3", "linux", "amd64", "v3"),
        ("linux/arm64", "linux", "arm64", ""),
        ("linux/arm64/v8", "linux", "arm64", "v8"),
        ("linux/aarch64/v8", "linux", "arm64", "v8"),
        ("linux/arm", "linux", "arm", ""),
        ("linux/arm/v7", "linux", "arm", "v7"),
        ("linux/arm/7", "linux", "arm", "v7"),
        ("linux/arm/v6", "linux", "arm", "v6"),
        ("linux/i386", "linux", "386", ""),
        ("macos/arm64", "darwin", "arm64", ""),
        ("windows(10.0.17763)/amd64", "windows", "amd64", ""),
        ("linux", "linux", &arch, ""),
        ("windows", "windows", &arch, ""),
        ("arm64", host, "arm64", ""),
        ("armhf", host, "arm", ""),
        ("armel", host, "arm", "v6"),
        ("aarch64", host, "arm64", ""),
        ("i386", host, "386", ""),
        ("a/b", "a", "b", ""),
    ] {
        let platform = Platform::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            (&*platform.os, &*platform.architecture, &*platform.variant),
            (os, architecture, variant),
            "{text}"
        );
    }
    assert_eq!(Platform::parse("windows(10.0.17763)/amd64").unwrap().os_version, "10.0.17763");
}

#[test]
fn refusals_are_in_the_words_of_docker() {
    let os = r#"OSAndVersion specifier component must match "^([A-Za-z0-9_-]+)(?:\\(([A-Za-z0-9_.%-]*)((?:\\+[A-Za-z0-9_.%-]+)*)\\))?$": invalid argument"#;
    let part = r#"platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument"#;
    for (text, words) in [
        ("x y", format!(r#""x y" is an invalid OS component of "x y": {os}"#)),
        ("/", format!(r#""" is an invalid OS component of "/": {os}"#)),
        ("", format!(r#""" is an invalid OS component of "": {os}"#)),
        ("linux/", format!(r#""" is an invalid component of "linux/": {part}"#)),
        ("linux/a b", format!(r#""a b" is an invalid component of "linux/a b": {part}"#)),
        ("a/b/c/d", r#""a/b/c/d": cannot parse platform specifier: invalid argument"#.into()),
        ("linux/arm/v7/x", r#""linux/arm/v7/x": cannot parse platform specifier: invalid argument"#.into()),
        ("nonsense", r#""nonsense": unknown operating system or architecture: invalid argument"#.into()),
        ("linux/*", r#""linux/*": wildcards not yet supported: invalid argument"#.into()),
    ] {
        assert_eq!(Platform::parse(text).unwrap_err().to_string(), words, "{text}");
    }
}

#[test]
fn a_host_runs_its_own_kind_first_then_older_then_32_bit() {
    let parse = |text: &str| Platform::parse(text).unwrap();
    let order = |wanted: &str, candidates: &[&str]| {
        let preferences: Vec<_> = candidates.iter().map(|c| parse(wanted).preference(&parse(c))).collect();
        assert!(
            preferences.windows(2).all(|pair| pair[0].is_some() && pair[0] < pair[1]),
            "{wanted} {preferences:?}"
        );
    };
    order("linux/amd64/v3", &["linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386"]);
    order("linux/amd64", &["linux/amd64", "linux/386"]);
    order("linux/arm64", &["linux/arm64", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]);
    order("linux/arm/v7", &["linux/arm", "linux/arm/v6", "linux/arm/v5"]);
    for (wanted, candidate) in [
        ("linux/amd64", "linux/arm64"),
        ("linux/amd64", "linux/amd64/v2"),
        ("linux/amd64", "windows/amd64"),
        ("linux/arm/v6", "linux/arm/v7"),
        ("linux/386", "linux/amd64"),
    ] {
        assert!(!parse(wanted).matches(&parse(candidate)), "{wanted} {candidate}");
    }
    assert!(parse("linux/arm64").matches(&parse("linux/arm64/v8")));
    let spelled = Platform { os: "linux".into(), architecture: "x86_64".into(), ..Platform::default() };
    assert_eq!(parse("linux/amd64").preference(&spelled), Some(0));
}

#[test]
fn display_is_what_docker_shows() {
    assert_eq!(Platform::parse("linux/arm/v7").unwrap().to_string(), "linux/arm/v7");
    assert_eq!(Platform::new("linux", "x86_64").to_string(), "linux/amd64");
}
