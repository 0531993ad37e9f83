//! Parser of `WWW-Authenticate` challenges (RFC 9110 §11.6.1) as registries send them.
//!
//! Pure. What it cannot read it leaves out: a header from a registry must not be able to stop us from understanding
//! the next one.

/// One challenge: a scheme and its parameters, both names in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) scheme: String,
    pub(crate) parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The value of a parameter; of two with one name the first counts.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The challenges in one header value, in order.
pub(crate) fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = token(rest);
        if word.is_empty() {
            return challenges;
        }
        let spaced = after.trim_start_matches([' ', '\t']);
        if let Some(value) = spaced.strip_prefix('=').filter(|_| !challenges.is_empty()) {
            let Some((value, after)) = parameter_value(value.trim_start_matches([' ', '\t'])) else {
                return challenges;
            };
            if let Some(last) = challenges.last_mut() {
                last.parameters.push((word.to_ascii_lowercase(), value));
            }
            rest = after;
        } else if spaced.starts_with('=') {
            return challenges;
        } else {
            challenges.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: Vec::new() });
            rest = after;
        }
    }
}

/// Splits an RFC 9110 token off the front.
fn token(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)))
        .unwrap_or(text.len());
    text.split_at(end)
}

/// Reads a token or a quoted string; `None` if the quote is not closed.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        // Some registries leave URLs unquoted, so more than a token is taken.
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scheme key=value key=value; scheme ...`
    fn show(header: &str) -> String {
        let one = |challenge: &Challenge| {
            let parameters = challenge.parameters.iter().map(|(key, value)| format!(" {key}={value}"));
            format!("{}{}", challenge.scheme, parameters.collect::<String>())
        };
        parse(header).iter().map(one).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn challenges_of_real_registries() {
        for (header, expected) in [
            (
                r#"Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="repository:a/b:pull""#,
                "bearer realm=https://auth.example.com/token service=registry.example.com scope=repository:a/b:pull",
            ),
            (r#"Basic realm="test""#, "basic realm=test"),
            (r#"BASIC Realm="a \"b\" c""#, r#"basic realm=a "b" c"#),
            (
                r#"Basic realm="x", Bearer realm="y",error="insufficient_scope""#,
                "basic realm=x; bearer realm=y error=insufficient_scope",
            ),
            ("Bearer realm=https://a/t , service=b", "bearer realm=https://a/t service=b"),
            ("Negotiate, Basic realm=\"x\"", "negotiate; basic realm=x"),
        ] {
            assert_eq!(show(header), expected, "{header}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read_without_a_panic(header in "(Bearer|Basic|realm|=|\"|,|\\\\| |[a-zé:/.]){0,40}") {
            for challenge in parse(&header) {
                proptest::prop_assert!(!challenge.scheme.is_empty());
            }
        }

        #[test]
        fn what_is_quoted_comes_back(value in "[ -~é]{0,40}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let header = format!("Bearer realm=\"{quoted}\",service=\"s\"");
            let challenges = parse(&header);
            proptest::prop_assert_eq!(challenges[0].parameter("realm"), Some(value.as_str()));
            proptest::prop_assert_eq!(challenges[0].parameter("service"), Some("s"));
        }
    }

    #[test]
    fn broken_challenges_end_the_list_without_a_panic() {
        for (header, expected) in [
            ("", ""),
            ("=", ""),
            ("realm=\"x\"", ""),
            ("Basic realm=\"x", "basic"),
            ("Basic realm=\"x\\", "basic"),
            ("Bearer realm=\"é\",\u{1}", "bearer realm=é"),
            (",,,", ""),
        ] {
            assert_eq!(show(header), expected, "{header}");
        }
    }
}
