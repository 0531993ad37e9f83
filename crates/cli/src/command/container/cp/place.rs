//! `CONTAINER:PATH` or a local path, and the parts of paths that decide how a copy is named.

/// One side of a copy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Container(String, String),
    Local(String),
}

/// Reads an argument. A path that starts with `/` or `.` is local even with a colon in it.
pub(super) fn split(argument: &str) -> Place {
    if argument.starts_with('/') {
        return Place::Local(argument.to_owned());
    }
    match argument.split_once(':') {
        // Without a name in front of the colon it is a path of here that follows.
        Some(("", path)) => Place::Local(path.to_owned()),
        Some((container, path)) if !container.starts_with('.') => {
            Place::Container(container.to_owned(), path.to_owned())
        }
        _ => Place::Local(argument.to_owned()),
    }
}

/// True for a path whose form says that it is a directory: it ends in `/` or `/.`.
pub(super) fn asserts_directory(path: &str) -> bool {
    path.ends_with('/') || means_content(path)
}

/// True for a path that means what is in the directory, not the directory: it ends in `/.`.
pub(super) fn means_content(path: &str) -> bool {
    path == "." || path.ends_with("/.")
}

/// Directory and last name of a path; the last name of `a/.` is `.`.
pub(super) fn parent_and_name(path: &str) -> (String, String) {
    if means_content(path) {
        let directory = path.strip_suffix('.').unwrap_or_default().trim_end_matches('/');
        let directory = match (directory, path.starts_with('/')) {
            ("", true) => "/",
            ("", false) => ".",
            (directory, _) => directory,
        };
        return (directory.to_owned(), ".".to_owned());
    }
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit_once('/') {
        _ if trimmed.is_empty() => ("/".to_owned(), "/".to_owned()),
        Some(("", name)) => ("/".to_owned(), name.to_owned()),
        Some((directory, name)) => (directory.to_owned(), name.to_owned()),
        None => (".".to_owned(), trimmed.to_owned()),
    }
}

/// The path from the root, so that messages say where it is; how it ends is kept.
pub(super) fn from_here(path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let here = std::env::current_dir().unwrap_or_default();
    let here = here.display().to_string();
    let rest = path.strip_prefix("./").unwrap_or(path);
    format!("{}/{rest}", here.trim_end_matches('/'))
}

/// Where a link at `path` points.
pub(super) fn link_target(path: &str, target: &str) -> String {
    if target.starts_with('/') {
        return target.to_owned();
    }
    let (directory, _) = parent_and_name(path);
    format!("{}/{target}", directory.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let container = |name: &str, path: &str| Place::Container(name.into(), path.into());
        let local = |path: &str| Place::Local(path.into());
        for (argument, place) in [
            ("c:/x", container("c", "/x")),
            ("c:", container("c", "")),
            ("./c:x", local("./c:x")),
            ("/c:x", local("/c:x")),
            ("x", local("x")),
            ("-", local("-")),
        ] {
            assert_eq!(split(argument), place);
        }
    }

    #[test]
    fn parts() {
        for (path, directory, name) in [
            ("/a/b", "/a", "b"),
            ("/a/b/", "/a", "b"),
            ("/a/b/.", "/a/b", "."),
            ("/a", "/", "a"),
            ("a", ".", "a"),
            ("/", "/", "/"),
            ("/.", "/", "."),
            (".", ".", "."),
        ] {
            assert_eq!(parent_and_name(path), (directory.into(), name.into()), "{path}");
        }
        assert_eq!(link_target("/a/l", "b"), "/a/b");
        assert_eq!(link_target("/a/l", "/b"), "/b");
    }
}
