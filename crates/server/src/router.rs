//! Finding the handler: a pattern is a path with at most one variable, for any text, with slashes as well (image names).
//!
//! Why not a routing library: the table is a hundred rows with one variable each, walked in a microsecond.

use hyper::Method;

/// One row of the table.
pub(crate) struct Route<H> {
    /// The HTTP method.
    pub(crate) method: Method,
    /// The path without version.
    pub(crate) pattern: &'static str,
    /// Whatever answers.
    pub(crate) handler: H,
}

/// Operations of which Docker does not look at the query, or only for one parameter: what is broken in it is no reason to
/// refuse them.
const BROKEN_QUERIES: [&str; 7] = [
    "/_ping",
    "/version",
    "/info",
    "/containers/{id}/json",
    "/containers/{id}/changes",
    "/containers/{id}/export",
    "/exec/{id}/json",
];

impl<H> Route<H> {
    /// Whether a query that cannot be read whole is taken as far as it can.
    pub(crate) fn takes_broken_query(&self) -> bool {
        let reads = matches!(self.method, Method::GET | Method::HEAD);
        reads && BROKEN_QUERIES.contains(&self.pattern)
    }
}

/// The first row for this method and (decoded) path, with the variable's text.
pub(crate) fn find<'r, 'p, H>(
    routes: &'r [Route<H>],
    method: &Method,
    path: &'p str,
) -> Option<(&'r Route<H>, &'p str)> {
    routes
        .iter()
        .filter(|route| route.method == method)
        .find_map(|route| matched(route.pattern, path).map(|variable| (route, variable)))
}

fn matched<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let Some((before, rest)) = pattern.split_once('{') else { return (pattern == path).then_some("") };
    let (_, after) = rest.split_once('}')?;
    path.strip_prefix(before)?.strip_suffix(after)
}

/// The path without doubled slashes, `.` and `..`, if it has any; a slash at its end stays.
pub(crate) fn clean(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let mut clean = format!("/{}", parts.join("/"));
    if path.ends_with('/') && !parts.is_empty() {
        clean.push('/');
    }
    (clean != path).then_some(clean)
}

/// Takes the version off a path: `/v1.51/info` is `1.51` and `/info`.
pub(crate) fn split_version(path: &str) -> (Option<&str>, &str) {
    let Some(rest) = path.strip_prefix("/v") else { return (None, path) };
    let (version, _) = rest.split_once('/').unwrap_or((rest, ""));
    let digits = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    // `/volumes` begins with `/v` too.
    if digits { (Some(version), &rest[version.len()..]) } else { (None, path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, path, expected) in [
            ("/info", "/info", Some("")),
            ("/info", "/info/", None),
            ("/containers/{id}/json", "/containers/abc/json", Some("abc")),
            ("/containers/{id}/json", "/containers/json", None),
            ("/containers/{id}/json", "/containers/a/b/json", Some("a/b")),
            ("/containers/{id}", "/containers/", Some("")),
            ("/images/{name}/json", "/images/reg:5000/a/b/json", Some("reg:5000/a/b")),
            ("/images/{name}/json", "/images/json", None),
            ("/volumes/{name}", "/volumes/v", Some("v")),
        ] {
            assert_eq!(matched(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn the_first_row_of_the_method_wins() {
        let routes = [
            Route { method: Method::GET, pattern: "/images/get", handler: 0 },
            Route { method: Method::GET, pattern: "/images/{name}/get", handler: 1 },
            Route { method: Method::POST, pattern: "/images/get", handler: 2 },
        ];
        let at = |method: &Method, path| find(&routes, method, path).map(|(route, _)| route.handler);
        assert_eq!(at(&Method::GET, "/images/get"), Some(0));
        assert_eq!(at(&Method::GET, "/images/a/get"), Some(1));
        assert_eq!(at(&Method::POST, "/images/get"), Some(2));
        assert_eq!(at(&Method::DELETE, "/images/get"), None);
    }

    #[test]
    fn paths_are_cleaned() {
        for (path, expected) in [
            ("/info", None),
            ("/info/", None),
            ("/", None),
            ("//info", Some("/info")),
            ("/containers//json/", Some("/containers/json/")),
            ("/a/b/../../info", Some("/info")),
            ("/../..", Some("/")),
            ("/./x/.", Some("/x")),
            ("*", Some("/*")),
        ] {
            assert_eq!(clean(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn versions() {
        assert_eq!(split_version("/v1.51/info"), (Some("1.51"), "/info"));
        assert_eq!(split_version("/info"), (None, "/info"));
        assert_eq!(split_version("/volumes"), (None, "/volumes"));
        assert_eq!(split_version("/v1.51"), (Some("1.51"), ""));
        assert_eq!(split_version("/version"), (None, "/version"));
    }
}
