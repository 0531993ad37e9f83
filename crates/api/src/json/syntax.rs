//! A JSON document as a tree that keeps its order and its numbers as written, or what is wrong with it in Go's words.

/// A value.
#[derive(Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool,
    /// As it is written.
    Number(String),
    Text,
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// Deepest nesting that is looked into.
const MAX_DEPTH: usize = 128;

/// The first document in `bytes`.
///
/// # Errors
/// Go's text for what is wrong with it.
pub(crate) fn parse(bytes: &[u8]) -> Result<Node, String> {
    Parser { bytes, at: 0, depth: 0 }.value()
}

/// Looks for the first thing that is wrong with `bytes` as one document and nothing else.
///
/// # Errors
/// Go's text for it.
pub(crate) fn whole(bytes: &[u8]) -> Result<(), String> {
    let mut parser = Parser { bytes, at: 0, depth: 0 };
    parser.value()?;
    match parser.next() {
        Ok(_) => parser.unexpected("after top-level value"),
        Err(_) => Ok(()),
    }
}

struct Parser<'b> {
    bytes: &'b [u8],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    /// The next byte that is no space.
    fn next(&mut self) -> Result<u8, String> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.bytes.get(self.at) {
            self.at += 1;
        }
        self.peek()
    }

    fn peek(&self) -> Result<u8, String> {
        self.bytes.get(self.at).copied().ok_or_else(|| "unexpected EOF".to_owned())
    }

    /// The error for the character here.
    fn unexpected<T>(&self, wher: &str) -> Result<T, String> {
        let rest = &self.bytes[self.at..self.bytes.len().min(self.at + 4)];
        let text = rest.utf8_chunks().next();
        let quoted = match text.as_ref().and_then(|chunk| chunk.valid().chars().next()) {
            Some('\'') => r"\'".to_owned(),
            Some('"') => '"'.to_string(),
            Some('\u{7}') => r"\a".to_owned(),
            Some('\u{8}') => r"\b".to_owned(),
            Some('\u{b}') => r"\v".to_owned(),
            Some('\u{c}') => r"\f".to_owned(),
            Some(c @ ('\t' | '\n' | '\r' | '\\')) => c.escape_default().to_string(),
            Some(c) if c.is_ascii_control() => format!("\\x{:02x}", u32::from(c)),
            // What cannot be seen is told by its number.
            Some(c) if c == '\u{feff}' || c.is_control() => format!("\\u{:04x}", u32::from(c)),
            Some(c) => c.to_string(),
            None => format!("\\x{:02x}", rest[0]),
        };
        Err(format!("invalid character '{quoted}' {wher}"))
    }

    fn value(&mut self) -> Result<Node, String> {
        match self.next()? {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::list),
            b'"' => self.string().map(|_| Node::Text),
            b't' => self.literal("true", Node::Bool),
            b'f' => self.literal("false", Node::Bool),
            b'n' => self.literal("null", Node::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.unexpected("looking for beginning of value"),
        }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Node, String>) -> Result<Node, String> {
        if self.depth == MAX_DEPTH {
            return Err("exceeded max depth".to_owned());
        }
        self.at += 1;
        self.depth += 1;
        let node = read(self)?;
        self.depth -= 1;
        Ok(node)
    }

    fn object(&mut self) -> Result<Node, String> {
        let mut fields = Vec::new();
        if self.next()? == b'}' {
            self.at += 1;
            return Ok(Node::Object(fields));
        }
        loop {
            if self.next()? != b'"' {
                return self.unexpected("looking for beginning of object key string");
            }
            let key = self.string()?;
            if self.next()? != b':' {
                return self.unexpected("after object key");
            }
            self.at += 1;
            fields.push((key, self.value()?));
            match self.next()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(Node::Object(fields));
                }
                _ => return self.unexpected("after object key:value pair"),
            }
        }
    }

    fn list(&mut self) -> Result<Node, String> {
        let mut items = Vec::new();
        if self.next()? == b']' {
            self.at += 1;
            return Ok(Node::List(items));
        }
        loop {
            items.push(self.value()?);
            match self.next()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(Node::List(items));
                }
                _ => return self.unexpected("after array element"),
            }
        }
    }

    fn literal(&mut self, word: &str, node: Node) -> Result<Node, String> {
        for expected in word.bytes() {
            if self.peek()? != expected {
                let wher = format!("in literal {word} (expecting '{}')", char::from(expected));
                return self.unexpected(&wher);
            }
            self.at += 1;
        }
        Ok(node)
    }

    fn number(&mut self) -> Result<Node, String> {
        let from = self.at;
        self.skip(b"-");
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.skip(b".") {
            self.digits()?;
        }
        if self.skip(b"eE") {
            self.skip(b"+-");
            self.digits()?;
        }
        Ok(Node::Number(String::from_utf8_lossy(&self.bytes[from..self.at]).into_owned()))
    }

    fn skip(&mut self, any: &[u8]) -> bool {
        let found = self.bytes.get(self.at).is_some_and(|byte| any.contains(byte));
        self.at += usize::from(found);
        found
    }

    fn digits(&mut self) -> Result<(), String> {
        if !self.peek()?.is_ascii_digit() {
            return self.unexpected("in numeric literal");
        }
        while self.skip(b"0123456789") {}
        Ok(())
    }

    fn string(&mut self) -> Result<String, String> {
        let from = self.at;
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.escape()?,
                0..0x20 => return self.unexpected("in string"),
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let text = &self.bytes[from..self.at];
        // Lone surrogates are no text; their name is shown as it is written.
        Ok(serde_json::from_slice(text)
            .unwrap_or_else(|_| String::from_utf8_lossy(&text[1..text.len() - 1]).into_owned()))
    }

    fn escape(&mut self) -> Result<(), String> {
        let from = self.at;
        self.at += 1;
        let hex = match self.peek()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 0,
            b'u' => 4,
            _ => return self.no_escape(from, 2),
        };
        self.at += 1;
        for _ in 0..hex {
            if !self.peek()?.is_ascii_hexdigit() {
                return self.no_escape(from, 6);
            }
            self.at += 1;
        }
        Ok(())
    }

    fn no_escape(&self, from: usize, length: usize) -> Result<(), String> {
        let text = &self.bytes[from..self.bytes.len().min(from + length)];
        Err(format!("invalid escape sequence `{}` in string", String::from_utf8_lossy(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Docker 28.5 says.
    #[test]
    fn what_is_wrong_is_told_in_gos_words() {
        for (body, expected) in [
            ("{", "unexpected EOF"),
            ("tru", "unexpected EOF"),
            (r#"{"a":"\u"#, "unexpected EOF"),
            (r#"{"a" "b"}"#, "invalid character '\"' after object key"),
            (r#"{"a":1,}"#, "invalid character '}' looking for beginning of object key string"),
            ("{'a':1}", r"invalid character '\'' looking for beginning of object key string"),
            ("{\"a\":\"\u{1}\"}", r"invalid character '\x01' in string"),
            ("{\"a\":\"\n\"}", r"invalid character '\n' in string"),
            (r#"{"a":"\q"}"#, r"invalid escape sequence `\q` in string"),
            (r#"{"a":"\u12x"}"#, "invalid escape sequence `\\u12x\"` in string"),
            (r#"{"a":tru}"#, "invalid character '}' in literal true (expecting 'e')"),
            (r#"{"a":01}"#, "invalid character '1' after object key:value pair"),
            (r#"{"a":1.}"#, "invalid character '}' in numeric literal"),
            (r#"{"a":--1}"#, "invalid character '-' in numeric literal"),
            (r#"{"a":.5}"#, "invalid character '.' looking for beginning of value"),
            (r#"{"a":[1 2]}"#, "invalid character '2' after array element"),
            (r#"{"a":[1,]}"#, "invalid character ']' looking for beginning of value"),
            ("\u{feff}{}", r"invalid character '\ufeff' looking for beginning of value"),
            ("ä", "invalid character 'ä' looking for beginning of value"),
            (r#"{"a":1/* */}"#, "invalid character '/' after object key:value pair"),
        ] {
            assert_eq!(parse(body.as_bytes()), Err(expected.to_owned()), "{body}");
        }
        assert_eq!(
            parse(b"\xff"),
            Err(r"invalid character '\xff' looking for beginning of value".to_owned())
        );
        let deep = "[".repeat(200_000);
        assert_eq!(parse(deep.as_bytes()), Err("exceeded max depth".to_owned()));
        assert_eq!(
            parse(br#" {"b":[null,-1.5e+3,"\u00e4"],"a/~":{},"b":true}x"#),
            Ok(Node::Object(vec![
                ("b".into(), Node::List(vec![Node::Null, Node::Number("-1.5e+3".into()), Node::Text])),
                ("a/~".into(), Node::Object(vec![])),
                ("b".into(), Node::Bool),
            ]))
        );
    }
}
