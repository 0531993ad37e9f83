//! Files of `KEY=value` lines: `--env-file` and `--label-file`.

use crate::failure::{Failure, Outcome, on_path};

/// The lines that are neither empty nor comments; a line may be a key alone.
pub(crate) fn read(path: &str) -> Outcome<Vec<String>> {
    let bytes = std::fs::read(path).map_err(|error| on_path("open", path, &error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let (before, rest) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let first = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let number = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line: Vec<String> = before[first..].iter().chain(&rest[..end]).map(u8::to_string).collect();
        let line = line.join(" ");
        Failure::new(format!("invalid env file ({path}): invalid utf8 bytes at line {number}: [{line}]"))
    })?;
    parse(&text).map_err(|text| Failure::new(format!("invalid env file ({path}): {text}")))
}

fn parse(text: &str) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    for line in text.trim_start_matches('\u{feff}').lines() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').map_or((line, None), |(key, value)| (key, Some(value)));
        if key.contains(char::is_whitespace) {
            return Err(format!("variable '{key}' contains whitespaces"));
        }
        if key.is_empty() {
            return Err(format!("no variable name on line '{line}'"));
        }
        lines.push(value.map_or_else(|| key.to_owned(), |value| format!("{key}={value}")));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        assert_eq!(parse("A=b # c\n\n#x\n D\n").unwrap(), ["A=b # c", "D"]);
        assert_eq!(parse("a b=c").unwrap_err(), "variable 'a b' contains whitespaces");
        assert_eq!(parse("=c").unwrap_err(), "no variable name on line '=c'");
    }
}
