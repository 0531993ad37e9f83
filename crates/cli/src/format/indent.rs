//! Indents JSON without understanding it: every value stays as the engine wrote it, its order and escapes included.

use serde::Serialize as _;
use serde_json::Value;

/// Indents the JSON text `bytes` by `step` a level, each line but the first after `prefix`. White space outside of
/// strings is dropped; `{}` and `[]` stay on one line.
pub(crate) fn indent(bytes: &[u8], prefix: &str, step: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 2);
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    // An opened object or array whose first element has not come yet.
    let mut opened = false;
    let newline = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.extend_from_slice(prefix.as_bytes());
        for _ in 0..depth {
            out.extend_from_slice(step.as_bytes());
        }
    };
    for &byte in bytes {
        if in_string {
            out.push(byte);
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        if byte.is_ascii_whitespace() {
            continue;
        }
        if opened && !matches!(byte, b'}' | b']') {
            opened = false;
            depth += 1;
            newline(&mut out, depth);
        }
        match byte {
            b'{' | b'[' => {
                opened = true;
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                newline(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            b'}' | b']' => {
                if opened {
                    opened = false;
                } else {
                    depth = depth.saturating_sub(1);
                    newline(&mut out, depth);
                }
                out.push(byte);
            }
            _ => {
                in_string = byte == b'"';
                out.push(byte);
            }
        }
    }
    out
}

/// The value as indented JSON.
pub(crate) fn pretty(value: &Value, step: &str) -> String {
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(step.as_bytes());
    // Writing to a vector does not fail.
    let _ = value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter));
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_as_they_are() {
        let text = r#"{"b":[1.50,{"x\"}":"{,\\"}],"a":{ },"c":[],"d":"é<>"}"#;
        let wanted = "{\n    \"b\": [\n        1.50,\n        {\n            \"x\\\"}\": \"{,\\\\\"\n        }\n    ],\n    \
                      \"a\": {},\n    \"c\": [],\n    \"d\": \"é<>\"\n}";
        assert_eq!(String::from_utf8(indent(text.as_bytes(), "", "    ")).unwrap(), wanted);
        assert_eq!(indent(b"[1]", "  ", " "), b"[\n   1\n  ]");
    }
}
