//! Tables of what Docker 28.5 accepts and refuses, with its words.

use super::*;

fn mount(kind: &str, source: &str, target: &str) -> Mount {
    Mount { r#type: kind.into(), source: source.into(), target: target.into(), ..Mount::default() }
}

fn tmpfs(options: &[&[&str]]) -> Mount {
    let options =
        options.iter().map(|option| option.iter().map(|word| (*word).to_owned()).collect()).collect();
    let tmpfs_options = Some(TmpfsOptions { options: Some(options), ..TmpfsOptions::default() });
    Mount { tmpfs_options, ..mount("tmpfs", "", "/x") }
}

#[test]
fn short_forms_read_as_docker_reads_them() {
    // raw, kind, name, source, destination, mode, read_write, propagation, copy_up
    let table = [
        ("nv:/a", Kind::Volume, "nv", "", "/a", "z", true, "", true),
        ("nv2:/b:ro,nocopy", Kind::Volume, "nv2", "", "/b", "ro,nocopy", false, "", false),
        ("/tmp:/c:rshared,z", Kind::Bind, "", "/tmp", "/c", "rshared,z", true, "rshared", false),
        ("/tmp/:/c/../d/", Kind::Bind, "", "/tmp", "/d", "", true, "rprivate", false),
        ("/x", Kind::Volume, "", "", "/x", "z", true, "", true),
    ];
    for (raw, kind, name, source, destination, mode, rw, propagation, copy_up) in table {
        let point = parse_short(raw, "").unwrap();
        assert_eq!(
            (point.kind, point.name.as_str(), point.source.as_str(), point.destination.as_str()),
            (kind, name, source, destination),
            "{raw}"
        );
        assert_eq!(
            (point.mode.as_str(), point.read_write, point.propagation.as_str(), point.copy_up),
            (mode, rw, propagation, copy_up),
            "{raw}"
        );
    }
}

#[test]
fn short_forms_are_refused_in_dockers_words() {
    let table = [
        ("/a:/b:zz", "invalid mode: zz"),
        ("/a:/b:ro,rw", "invalid mode: ro,rw"),
        ("/a:/b:shared,slave", "invalid mode: shared,slave"),
        ("/x:rw", "invalid volume specification: '/x:rw'"),
        ("x:/y:z:w", "invalid volume specification: 'x:/y:z:w'"),
        (
            "/tmp:/x:nocopy",
            "invalid volume specification: '/tmp:/x:nocopy': invalid mount config for type \"bind\": field VolumeOptions \
             must not be specified",
        ),
        (
            "v:/x:shared",
            "invalid volume specification: 'v:/x:shared': invalid mount config for type \"volume\": field BindOptions must \
             not be specified",
        ),
        (":/b", "invalid volume specification: ':/b'"),
        ("", "invalid volume specification: ''"),
        (
            "/:/:ro",
            "invalid volume specification: '/:/:ro': invalid mount config for type \"bind\": invalid specification: \
             destination can't be '/'",
        ),
        (
            "a:b",
            "invalid volume specification: 'a:b': invalid mount config for type \"volume\": invalid mount path: 'b' \
             mount path must be absolute",
        ),
    ];
    for (raw, text) in table {
        assert_eq!(parse_short(raw, "").unwrap_err().to_string(), text);
    }
}

#[test]
fn long_forms_are_refused_in_dockers_words() {
    let with = |change: fn(&mut Mount), mut base: Mount| {
        change(&mut base);
        base
    };
    let table = [
        (mount("foo", "", "/x"), "mount type unknown"),
        (mount("tmpfs", "/x", "/y"), "field Source must not be specified"),
        (mount("bind", "", "/y"), "field Source must not be empty"),
        (mount("bind", "tmp", "x"), "invalid mount path: 'x' mount path must be absolute"),
        (mount("bind", "tmp", "/x"), "invalid mount path: 'tmp' mount path must be absolute"),
        (mount("volume", "v", ""), "field Target must not be empty"),
        (mount("volume", "v", "/./"), "invalid specification: destination can't be '/'"),
        (
            with(|mount| mount.read_only = true, mount("volume", "", "/x")),
            "must not set ReadOnly mode when using anonymous volumes",
        ),
        (
            with(|mount| mount.bind_options = Some(BindOptions::default()), mount("volume", "v", "/x")),
            "field BindOptions must not be specified",
        ),
        (
            with(
                |mount| {
                    let subpath = "../x".to_owned();
                    mount.volume_options = Some(VolumeOptions { subpath, ..VolumeOptions::default() });
                },
                mount("volume", "v", "/x"),
            ),
            "subpath must be a relative path within the volume",
        ),
        (
            with(
                |mount| {
                    let subpath = "a".to_owned();
                    mount.volume_options = Some(VolumeOptions { subpath, ..VolumeOptions::default() });
                },
                mount("volume", "", "/x"),
            ),
            "must not set Subpath when using anonymous volumes",
        ),
        (tmpfs(&[&["exec"], &["suid"]]), "invalid option: suid"),
        (tmpfs(&[&["mode", "755"]]), "invalid option: mode"),
        (tmpfs(&[&[]]), "invalid option array length"),
    ];
    for (given, text) in table {
        let expected = format!("invalid mount config for type \"{}\": {text}", given.r#type);
        assert_eq!(parse_long(&given).unwrap_err().to_string(), expected);
    }
}

#[test]
fn paths_are_cleaned_as_go_cleans_them() {
    let table = [
        ("/a/b/", "/a/b"),
        ("/a/../..", "/"),
        ("//a//b", "/a/b"),
        ("a/..", "."),
        ("../a", "../a"),
        ("a/../../b", "../b"),
        ("/./a", "/a"),
        ("", "."),
    ];
    for (given, expected) in table {
        assert_eq!(clean(given), expected, "{given:?}");
    }
}
