//! Tests of references as distribution/reference reads them.

use proptest::prelude::*;

use super::*;

const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

#[test]
fn names_normalise_as_docker_normalises_them() {
    let digest = format!("foo@sha256:{HEX}");
    let canonical_digest = format!("docker.io/library/{digest}");
    for (text, canonical, familiar) in [
        ("busybox", "docker.io/library/busybox", "busybox"),
        ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
        ("library/busybox", "docker.io/library/busybox", "busybox"),
        ("docker.io/busybox", "docker.io/library/busybox", "busybox"),
        ("index.docker.io/busybox", "docker.io/library/busybox", "busybox"),
        ("index.docker.io/a/b:c", "docker.io/a/b:c", "a/b:c"),
        ("library/foo/bar", "docker.io/library/foo/bar", "library/foo/bar"),
        ("a/b", "docker.io/a/b", "a/b"),
        ("localhost", "docker.io/library/localhost", "localhost"),
        ("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"),
        ("localhost/foo", "localhost/foo", "localhost/foo"),
        ("localhost:5000/foo:tag", "localhost:5000/foo:tag", "localhost:5000/foo:tag"),
        ("foo.com:80", "docker.io/library/foo.com:80", "foo.com:80"),
        ("a.b", "docker.io/library/a.b", "a.b"),
        ("a.b/c", "a.b/c", "a.b/c"),
        ("Local/foo", "Local/foo", "Local/foo"),
        ("FOO:5000/x", "FOO:5000/x", "FOO:5000/x"),
        ("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"),
        ("[::1]/x", "[::1]/x", "[::1]/x"),
        ("a__b", "docker.io/library/a__b", "a__b"),
        ("a--b", "docker.io/library/a--b", "a--b"),
        ("x:_tag", "docker.io/library/x:_tag", "x:_tag"),
        (&digest, &canonical_digest, &digest),
        ("docker.io", "docker.io/library/docker.io", "docker.io"),
    ] {
        let reference = Reference::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(reference.canonical_string(), canonical, "{text}");
        assert_eq!(reference.familiar(), familiar, "{text}");
        assert_eq!(Reference::parse(canonical).unwrap(), reference, "{text}");
    }
}

#[test]
fn tag_and_digest_are_both_kept() {
    let text = format!("localhost:5000/a/b:c@sha256:{HEX}");
    let reference = Reference::parse(&text).unwrap();
    assert_eq!(reference.domain(), "localhost:5000");
    assert_eq!(reference.path(), "a/b");
    assert_eq!(reference.tag(), Some("c"));
    assert_eq!(reference.digest().unwrap().hex(), HEX);
    assert_eq!(reference.to_string(), text);
    assert_eq!(reference.tag_or_latest(), reference);
    assert_eq!(reference.with_tag("d").unwrap().to_string(), "localhost:5000/a/b:d");
    assert_eq!(reference.with_tag("-d").unwrap_err().to_string(), "invalid tag format");
    assert_eq!(Reference::parse("x").unwrap().tag_or_latest().familiar(), "x:latest");
}

#[test]
fn refusals_are_in_the_words_of_docker() {
    const FORMAT: &str = "invalid reference format";
    let lower = |name: &str| format!("{FORMAT}: repository name ({name}) must be lowercase");
    let long = "a".repeat(256);
    let too_long = "repository name must not be more than 255 characters";
    let cases = [
        ("Foo".to_owned(), lower("library/Foo")),
        ("foo/Bar".into(), lower("foo/Bar")),
        ("foo.com/Bar".into(), lower("Bar")),
        ("localhost/Foo".into(), lower("Foo")),
        ("index.docker.io/library/X".into(), lower("library/X")),
        ("Foo@x".into(), lower("library/Foo@x")),
        ("foo/Ü".into(), lower("foo/Ü")),
        ("foo:".into(), FORMAT.into()),
        (":foo".into(), FORMAT.into()),
        ("foo@".into(), FORMAT.into()),
        ("Foo:bar/baz".into(), FORMAT.into()),
        (String::new(), FORMAT.into()),
        (" ".into(), FORMAT.into()),
        ("a..b".into(), FORMAT.into()),
        ("a___b".into(), FORMAT.into()),
        ("a._b".into(), FORMAT.into()),
        ("a/b:c/d".into(), FORMAT.into()),
        ("a:b:c".into(), FORMAT.into()),
        ("foo//bar".into(), FORMAT.into()),
        ("/foo".into(), FORMAT.into()),
        ("foo/".into(), FORMAT.into()),
        ("-foo".into(), FORMAT.into()),
        ("foo_".into(), FORMAT.into()),
        ("docker.io/".into(), FORMAT.into()),
        ("docker.io/foo/".into(), FORMAT.into()),
        ("Ünicode/x".into(), FORMAT.into()),
        ("[fe80::1%eth0]:5000/x".into(), FORMAT.into()),
        ("[::1/x".into(), FORMAT.into()),
        ("[]/x".into(), FORMAT.into()),
        ("[::1]x/y".into(), FORMAT.into()),
        ("foo.com-/bar".into(), FORMAT.into()),
        ("foo.com:/bar".into(), FORMAT.into()),
        ("foo.com:8a/bar".into(), FORMAT.into()),
        ("x:.tag".into(), FORMAT.into()),
        ("foo\n".into(), FORMAT.into()),
        ("../../etc/passwd".into(), FORMAT.into()),
        (format!("foo:{}", "a".repeat(129)), FORMAT.into()),
        (format!("foo@sha256:{}", &HEX[..31]), FORMAT.into()),
        (format!("foo@md5:{HEX}"), "unsupported digest algorithm".into()),
        (format!("foo@sha256:{HEX}b"), "invalid checksum digest length".into()),
        (format!("foo@sha256:{}", HEX.to_uppercase()), "invalid checksum digest format".into()),
        (HEX.into(), format!("invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings")),
        (long.clone(), too_long.into()),
        (format!("example.com/{long}"), too_long.into()),
    ];
    for (text, words) in cases {
        let error = Reference::parse(&text).expect_err(&text);
        assert_eq!(error.to_string(), words, "{text}");
        assert_eq!(error.class(), errdefs::Class::InvalidParameter);
    }
    assert!(Reference::parse(&format!("example.com/{}", &long[1..])).is_ok());
    // Docker takes this for a name without a domain and can then do nothing with it: we refuse it.
    assert!(Reference::parse("foo.com_x/bar").is_err());
}

proptest! {
    #[test]
    fn any_text_parses_to_a_fixed_point_or_is_refused(text in "[a-zA-Z0-9./:@_\\[\\]-]{0,40}|\\PC{0,20}") {
        if let Ok(reference) = Reference::parse(&text) {
            prop_assert_eq!(&Reference::parse(&reference.canonical_string()).unwrap(), &reference);
            prop_assert_eq!(&Reference::parse(&reference.familiar()).unwrap(), &reference);
            prop_assert!(reference.path().split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
        }
    }

    #[test]
    fn names_made_by_the_grammar_parse(
        name in "([a-z0-9]{1,8}((\\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}/){0,3}[a-z0-9]{1,8}((\\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}",
        tag in "[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,20}",
    ) {
        let text = format!("example.com/{name}:{tag}");
        let reference = Reference::parse(&text).unwrap();
        prop_assert_eq!(reference.path(), name);
        prop_assert_eq!(reference.tag(), Some(tag.as_str()));
    }
}
