//! Mappings and the files they come from, by table and by property.

use proptest::prelude::*;

use super::*;

fn range(container: u32, host: u32, size: u32) -> Range {
    Range { container, host, size }
}

fn map(ranges: &[Range]) -> Result<IdMap> {
    IdMap::new(ranges.to_vec(), vec![range(0, 1, 1)])
}

#[test]
fn what_the_kernel_would_refuse_or_misuse_is_no_mapping() {
    for (ranges, text) in [
        (&[][..], "the ranges of user IDs do not map 0"),
        (&[range(1, 100, 5)], "the ranges of user IDs do not map 0"),
        (&[range(0, 100, 0)], "invalid range of user IDs: 0 100 0"),
        (&[range(0, u32::MAX, 1)], "invalid range of user IDs: 0 4294967295 1"),
        (&[range(0, 4_294_967_290, 10)], "invalid range of user IDs: 0 4294967290 10"),
        (&[range(0, 100, 10), range(9, 500, 1)], "ranges of user IDs overlap: 0 and 9"),
        (&[range(0, 100, 10), range(10, 109, 1)], "ranges of user IDs overlap: 100 and 109"),
        (&[range(0, 109, 1), range(10, 100, 10)], "ranges of user IDs overlap: 100 and 109"),
    ] {
        assert_eq!(map(ranges).unwrap_err().to_string(), text, "{ranges:?}");
    }
    let many: Vec<Range> = (0..=340).map(|n| range(n, n + 1, 1)).collect();
    assert!(map(&many).unwrap_err().to_string().starts_with("341 ranges"));
    assert!(map(&many[1..]).is_err() && map(&many[..340]).is_ok());
}

#[test]
fn ids_go_both_ways_or_are_refused_in_dockers_words() {
    let map = IdMap::new(vec![range(0, 1000, 1), range(1, 100_000, 10)], vec![range(0, 7, 3)]).unwrap();
    assert_eq!(map.root(), (1000, 7));
    assert_eq!(map.to_host(10, 2).unwrap(), (100_009, 9));
    assert_eq!(map.to_container(100_009, 9).unwrap(), (10, 2));
    assert_eq!(map.to_host(11, 0).unwrap_err().to_string(), "container ID 11 cannot be mapped to a host ID");
    assert_eq!(
        map.to_container(1000, 0).unwrap_err().to_string(),
        "host ID 0 cannot be mapped to a container ID"
    );
}

#[test]
fn lines_of_the_user_are_taken_by_name_and_number() {
    let parse = |text: &str| subid::parse(text.as_bytes(), "ann", 1000);
    let table = [
        ("", vec![]),
        ("ann:100000:65536\n", vec![range(0, 100_000, 65_536)]),
        ("ann:100000:65536", vec![range(0, 100_000, 65_536)]),
        ("  ann:1:2  \r\n#ann:5:6\n\nbob:7:8\n1000:20:3\n", vec![range(0, 1, 2), range(2, 20, 3)]),
        // Others' lines are theirs, whatever is in them.
        ("bob\nbob:x:y\nann2:1:1\nAnn:1:1\n01000:1:1\n::\n", vec![]),
    ];
    for (text, ranges) in table {
        assert_eq!(parse(text).unwrap(), ranges, "{text:?}");
    }
}

#[test]
fn a_line_of_the_users_own_that_is_wrong_is_an_error() {
    for (line, why) in [
        ("ann", "not of the form name:first:count"),
        ("ann:1", "not of the form name:first:count"),
        ("ann:1:2:3", "not of the form name:first:count"),
        ("ann::2", "the first ID is not a number of 32 bits"),
        ("ann:-1:2", "the first ID is not a number of 32 bits"),
        ("ann:+1:2", "the first ID is not a number of 32 bits"),
        ("ann:0x10:2", "the first ID is not a number of 32 bits"),
        ("ann: 1:2", "the first ID is not a number of 32 bits"),
        ("ann:4294967296:2", "the first ID is not a number of 32 bits"),
        ("ann:99999999999999999999:2", "the first ID is not a number of 32 bits"),
        ("ann:1:", "the count is not a number of 32 bits"),
        ("ann:1:2x", "the count is not a number of 32 bits"),
        ("ann:0:5", "the host's ID 0 cannot be given away"),
        ("ann:1:4294967295\nann:5:5", "more IDs than there are"),
    ] {
        let text = format!("bob:1:1\n{line}\n");
        let error = subid::parse(text.as_bytes(), "ann", 1000).unwrap_err().to_string();
        let at = 1 + text.trim_end().lines().count();
        assert_eq!(error, format!("line {}: {why}", at - 1), "{line}");
    }
}

#[test]
fn a_file_that_is_hostile_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("subuid");
    let error = |path: &std::path::Path| subid::read(path, "ann", 1000).unwrap_err().to_string();
    std::fs::write(&path, vec![b'#'; 5 << 20]).unwrap();
    assert!(error(&path).ends_with("is larger than 4194304 bytes"), "{}", error(&path));
    std::fs::write(&path, "x:1:1\n").unwrap();
    assert_eq!(error(&path), "no subuid ranges found for user \"ann\"");
    std::fs::write(&path, "ann:1:x\n").unwrap();
    assert!(error(&path).ends_with("subuid: line 1: the count is not a number of 32 bits"));
    assert!(error(dir.path()).ends_with("is not a file"));
    assert!(error(&dir.path().join("missing")).starts_with("open "));
}

#[test]
fn a_namespace_is_made_with_its_ids() {
    let map = IdMap::new(vec![range(0, 100_000, 65_536)], vec![range(0, 200_000, 65_536)]).unwrap();
    let made = Namespaces::make(&map, true).unwrap();
    assert!(made.network.is_some());
    assert!(Namespaces::make(&map, false).unwrap().network.is_none());
    // A process of the host's has no root of its own; which ids a namespace has is proven where it shows files.
    assert_eq!(of_process(std::process::id()).unwrap(), None);
    let taken = IdMap::new(vec![range(0, 1, 340); 1], vec![range(0, 1, 1)]).unwrap();
    assert!(Namespaces::make(&taken, false).is_ok());
}

proptest! {
    #[test]
    fn parsing_never_panics_and_gives_what_fits_together(text in "(ann|bob|1000|#|:|[0-9]{1,11}|\\n|\\PC){0,40}") {
        if let Ok(ranges) = subid::parse(text.as_bytes(), "ann", 1000) {
            let mut next = 0;
            for range in ranges {
                prop_assert_eq!(range.container, next);
                prop_assert!(range.host > 0);
                next += range.size;
            }
        }
    }

    #[test]
    fn what_is_written_is_read(ranges in prop::collection::vec((1_u32..=u32::MAX, 0_u32..=12_000_000), 0..300)) {
        let text: String = ranges.iter().map(|(first, size)| format!("ann:{first}:{size}\nx:{size}:{first}\n")).collect();
        let parsed = subid::parse(text.as_bytes(), "ann", 1000).unwrap();
        prop_assert_eq!(parsed.iter().map(|r| (r.host, r.size)).collect::<Vec<_>>(), ranges);
    }

    #[test]
    fn to_host_and_back_is_the_same(
        sizes in prop::collection::vec((1_u32..1000, 0_u32..1000), 1..20), id in 0_u32..20_000
    ) {
        let (mut container, mut host, mut ranges) = (0, 500, Vec::new());
        for (size, gap) in sizes {
            ranges.push(range(container, host, size));
            container += size;
            host += size + gap;
        }
        let map = IdMap::new(ranges.clone(), ranges).unwrap();
        match map.to_host(id, id) {
            Ok(there) => prop_assert_eq!(map.to_container(there.0, there.1).unwrap(), (id, id)),
            Err(_) => prop_assert!(id >= container),
        }
    }
}
