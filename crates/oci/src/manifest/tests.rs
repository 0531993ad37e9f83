//! Tests of manifests and indexes, the hostile families.

use proptest::prelude::*;

use super::*;

const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn descriptor(media_type: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"sha256:{HEX}","size":7}}"#)
}

fn manifest(media_type: &str) -> String {
    let (config, layer) = (descriptor(media_type::OCI_CONFIG), descriptor(media_type::OCI_LAYER_GZIP));
    format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{config},"layers":[{layer}]}}"#)
}

fn index(media_type: &str, manifests: &str) -> String {
    format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","manifests":[{manifests}]}}"#)
}

#[test]
fn both_formats_parse_with_and_without_a_content_type() {
    for media_type in [media_type::OCI_MANIFEST, media_type::DOCKER_MANIFEST] {
        for content_type in [None, Some(media_type), Some("application/json")] {
            let parsed = Manifest::parse(manifest(media_type).as_bytes(), content_type).unwrap();
            assert_eq!((parsed.layers.len(), parsed.config.size), (1, 7));
        }
        let with_parameter = format!("{media_type}; charset=utf-8");
        assert!(Manifest::parse(manifest(media_type).as_bytes(), Some(&with_parameter)).is_ok());
    }
    let untyped = format!(r#"{{"schemaVersion":2,"config":{},"layers":[]}}"#, descriptor("x"));
    assert!(matches!(Document::parse(untyped.as_bytes(), None), Ok(Document::Manifest(_))));
    let null = r#"{"schemaVersion":2,"manifests":null}"#; // Go writes an empty list so
    assert!(
        Document::parse(null.as_bytes(), Some(media_type::OCI_INDEX)).is_err(),
        "neither layers nor manifests"
    );
    let parsed =
        Index::parse(index(media_type::DOCKER_INDEX, "").as_bytes(), Some(media_type::DOCKER_INDEX)).unwrap();
    assert!(parsed.manifests.is_empty());
}

#[test]
fn cve_2021_41190_what_two_parsers_read_differently_is_refused() {
    let m = manifest(media_type::OCI_MANIFEST);
    let body = &m[1..m.len() - 1];
    for (text, content_type, words) in [
        (format!("\u{feff}{m}"), None, "byte order mark"),
        (format!("{m}x"), None, "trailing"),
        (format!("{m}{m}"), None, "trailing"),
        (format!(r#"{{{body},"layers":[]}}"#), None, "duplicate key \"layers\""),
        (format!(r#"{{{body},"Layers":[]}}"#), None, "duplicate key \"Layers\""),
        (format!(r#"{{{body},"l\u0061yers":[]}}"#), None, "duplicate key \"layers\""),
        (format!(r#"{{{body},"mediaType":"{}"}}"#, media_type::OCI_INDEX), None, "duplicate key"),
        (m.replace(r#""size":7"#, r#""size":7,"size":8"#), None, "duplicate key \"size\""),
        (format!(r#"{{{body},"annotations":{{"a":"1","a":"2"}}}}"#), None, "duplicate key \"a\""),
        (format!(r#"{{{body},"manifests":[]}}"#), None, "both layers and manifests"),
        (index(media_type::OCI_MANIFEST, ""), None, "its members are not those of"),
        (manifest(media_type::OCI_INDEX), None, "its members are not those of"),
        (m.clone(), Some(media_type::OCI_INDEX), "was sent as"),
        (m.clone(), Some(media_type::DOCKER_MANIFEST), "was sent as"),
        (
            format!(r#"{{"schemaVersion":2,"config":{},"layers":[]}}"#, descriptor("x")),
            Some(media_type::OCI_INDEX),
            "its members",
        ),
        (r#"{"schemaVersion":2}"#.into(), None, "neither layers nor manifests"),
        (m.replace(r#""schemaVersion":2"#, r#""schemaVersion":3"#), None, "schemaVersion is not 2"),
        (m.replace(r#""schemaVersion":2,"#, ""), None, "schemaVersion is not 2"),
        (m.replace(r#""size":7"#, r#""size":-7"#), None, "invalid value"),
        (m.replace(HEX, "../../x"), None, "invalid checksum digest length"),
        (m.replace("sha256:", "sha512:"), None, "unsupported digest algorithm"),
        ("[".repeat(10_000), None, "recursion limit"),
        ("null".into(), None, "invalid type"),
        (format!("{m}{}", " ".repeat(MANIFEST_BYTES_MAX)), None, "the limit is"),
    ] {
        let error = Document::parse(text.as_bytes(), content_type).expect_err(words);
        assert!(error.to_string().contains(words), "{words}: {error}");
        assert_eq!(error.class(), errdefs::Class::InvalidParameter);
    }
    let annotated = format!(r#"{{{body},"annotations":{{"a":"1","A":"2"}}}}"#);
    assert!(Manifest::parse(annotated.as_bytes(), None).is_ok(), "free text may differ by case");
}

#[test]
fn schema_1_is_refused_with_advice() {
    for (text, content_type) in [
        (r#"{"schemaVersion":1,"fsLayers":[]}"#, None),
        (r#"{"schemaVersion":2,"fsLayers":[]}"#, None),
        (r#"{"schemaVersion":2,"config":{},"layers":[]}"#, Some(media_type::DOCKER_SCHEMA1_SIGNED)),
    ] {
        let error = Document::parse(text.as_bytes(), content_type).unwrap_err();
        assert!(error.to_string().contains("schema 1 is not supported"), "{error}");
    }
}

#[test]
fn the_best_platform_of_an_index_is_chosen_and_attestations_never() {
    let entry = |digit: char, platform: &str| {
        let digest = digit.to_string().repeat(64);
        format!(
            r#"{{"mediaType":"{}","digest":"sha256:{digest}","size":1{platform}}}"#,
            media_type::OCI_MANIFEST
        )
    };
    let platform = |architecture: &str, variant: &str| {
        format!(r#","platform":{{"os":"linux","architecture":"{architecture}","variant":"{variant}"}}"#)
    };
    let entries = [
        entry('0', ""),
        entry('1', r#","platform":{"os":"unknown","architecture":"unknown"}"#),
        entry('2', &platform("386", "")),
        entry('3', &platform("amd64", "")),
        entry('4', &platform("arm", "v5")),
        entry('5', &platform("arm", "v7")),
        entry('6', &platform("amd64", "")),
    ];
    let index = Index::parse(index(media_type::OCI_INDEX, &entries.join(",")).as_bytes(), None).unwrap();
    let chosen = |wanted: &str| {
        let found = index.select(&Platform::parse(wanted).unwrap());
        found.map(|descriptor| descriptor.digest.hex().chars().next().unwrap())
    };
    assert_eq!(chosen("linux/amd64"), Some('3'));
    assert_eq!(chosen("linux/amd64/v3"), Some('3'));
    assert_eq!(chosen("linux/386"), Some('2'));
    assert_eq!(chosen("linux/arm64"), Some('5'));
    assert_eq!(chosen("linux/arm/v6"), Some('4'));
    assert_eq!(chosen("linux/s390x"), None);
    assert_eq!(chosen("windows/amd64"), None);
}

#[test]
fn what_is_written_parses() {
    let layer = Descriptor::of(media_type::OCI_LAYER, b"layer");
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(media_type::OCI_MANIFEST.into()),
        artifact_type: None,
        config: Descriptor::of(media_type::OCI_CONFIG, b"{}"),
        layers: vec![layer],
        subject: None,
        annotations: BTreeMap::new(),
    };
    assert_eq!(Manifest::parse(&manifest.to_bytes(), Some(media_type::OCI_MANIFEST)).unwrap(), manifest);
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..300, flip in any::<u8>()) {
        let _ = Document::parse(&bytes, None);
        let mut text = manifest(media_type::OCI_MANIFEST).into_bytes();
        let at = cut % text.len();
        text[at] ^= flip;
        let _ = Document::parse(&text, None);
        let _ = Document::parse(&text[..at], None);
    }
}
