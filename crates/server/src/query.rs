//! Query strings: decoding, and Docker's idea of a boolean.

use errdefs::Result;

/// The parameters in their order; a name may occur several times.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what follows the `?`.
    ///
    /// # Errors
    /// InvalidParameter for a semicolon, which once divided parameters, and for a broken escape.
    pub(crate) fn parse(query: &str) -> Result<Self> {
        if query.contains(';') {
            return Err(errdefs::invalid("invalid semicolon separator in query"));
        }
        if let Some(broken) = broken_escape(query) {
            return Err(errdefs::invalid(format!("invalid URL escape {broken:?}")));
        }
        Ok(Self::of_parts(query.split('&')))
    }

    /// Reads the parameters that [`Query::parse`] would take if they stood alone, and leaves out the others.
    pub(crate) fn parse_whole_parts(query: &str) -> Self {
        let whole = |part: &&str| !part.contains(';') && broken_escape(part).is_none();
        Self::of_parts(query.split('&').filter(whole))
    }

    fn of_parts<'q>(parts: impl Iterator<Item = &'q str>) -> Self {
        let pairs = parts.filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name, true), decode(value, true))
        });
        Self(pairs.collect())
    }

    /// The first value, or the empty string.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or("")
    }

    /// The first value, if the name occurs at all.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// All values of a name.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| value.clone()).collect()
    }

    /// Docker's boolean: empty, `0`, `no`, `false`, `none` are false, everything else is true.
    pub(crate) fn bool(&self, name: &str) -> bool {
        is_true(self.get(name))
    }

    /// The same with a value for a missing name.
    pub(crate) fn bool_or(&self, name: &str, default: bool) -> bool {
        self.find(name).map_or(default, is_true)
    }

    /// A number, if the name is there and not empty.
    ///
    /// # Errors
    /// InvalidParameter in the words of Go's `strconv`.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>> {
        let text = self.get(name);
        if text.is_empty() {
            return Ok(None);
        }
        let bad = |_| errdefs::invalid(format!("strconv.Atoi: parsing {text:?}: {}", why(text)));
        text.parse().map(Some).map_err(bad)
    }

    /// The decoded `filters` parameter.
    ///
    /// # Errors
    /// InvalidParameter if it is not one.
    pub(crate) fn filters(&self) -> Result<api::filters::Filters> {
        api::filters::Filters::from_json(self.get("filters"))
    }
}

/// Why Go does not take a text for a number.
pub(crate) fn why(text: &str) -> &'static str {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if number { "value out of range" } else { "invalid syntax" }
}

/// The first escape that is none, as far as its part of the query goes.
fn broken_escape(query: &str) -> Option<&str> {
    let parts = query.split(['&', '=']);
    parts.flat_map(|part| part.match_indices('%').map(move |(at, _)| &part[at..])).find_map(|from| {
        let hex = |at| from.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
        let end = from.char_indices().nth(3).map_or(from.len(), |(at, _)| at);
        (!(hex(1) && hex(2))).then(|| &from[..end])
    })
}

/// A path as Go's `url.URL` writes it.
pub(crate) fn encode(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte);
    path.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn is_true(value: &str) -> bool {
    !matches!(value.trim().to_ascii_lowercase().as_str(), "" | "0" | "no" | "false" | "none")
}

/// Undoes percent-encoding; `plus` also turns `+` into a space, as in query strings.
pub(crate) fn decode(text: &str, plus: bool) -> String {
    if !text.bytes().any(|b| b == b'%' || (plus && b == b'+')) {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = bytes.get(at + 1..at + 3).and_then(|hex| {
            let digit = |b: u8| char::from(b).to_digit(16);
            u8::try_from(digit(hex[0])? * 16 + digit(hex[1])?).ok()
        });
        match (bytes[at], escaped) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
                continue;
            }
            (b'+', _) if plus => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding() {
        let query = Query::parse("a=1&b=%7B%22x%22%3Atrue%7D&c=a+b&d&a=2&=x").unwrap();
        assert_eq!(query.get("a"), "1");
        assert_eq!(query.all("a"), ["1", "2"]);
        assert_eq!(query.get("b"), r#"{"x":true}"#);
        assert_eq!(query.get("c"), "a b");
        assert_eq!((query.find("d"), query.find("e")), (Some(""), None));
        assert_eq!(decode("a+b%2Fc%zz%2", false), "a+b/c%zz%2");
        assert_eq!(encode("/a b/ä\"+"), "/a%20b/%C3%A4%22+");
        for (query, expected) in [
            ("a=%zz&b", "invalid URL escape \"%zz\""),
            ("a=1&b=%2", "invalid URL escape \"%2\""),
            ("%=%q", "invalid URL escape \"%\""),
            ("a=%zz&b;c", "invalid semicolon separator in query"),
        ] {
            assert_eq!(Query::parse(query).unwrap_err().to_string(), expected, "{query}");
        }
    }

    #[test]
    fn booleans_are_docker_s() {
        for (text, expected) in [
            ("", false),
            ("0", false),
            ("no", false),
            ("False", false),
            ("NONE", false),
            ("1", true),
            ("true", true),
            ("yes", true),
            ("foo", true),
        ] {
            assert_eq!(Query::parse(&format!("x={text}")).unwrap().bool("x"), expected, "{text}");
        }
        assert!(Query::parse("").unwrap().bool_or("x", true));
        assert!(!Query::parse("x=0").unwrap().bool_or("x", true));
    }

    #[test]
    fn numbers() {
        assert_eq!(Query::parse("t=-1").unwrap().number::<i64>("t").unwrap(), Some(-1));
        assert_eq!(Query::parse("").unwrap().number::<i64>("t").unwrap(), None);
        assert!(Query::parse("t=x").unwrap().number::<u32>("t").is_err());
    }
}
