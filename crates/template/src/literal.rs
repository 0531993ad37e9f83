//! Constants as Go writes them: quoted texts, letters and numbers.

use crate::node::Number;

/// The text within quotes of any kind; `None` if it is not written rightly.
pub(crate) fn unquote(quoted: &str) -> Option<String> {
    let quote = quoted.chars().next()?;
    let inner = quoted.get(quote.len_utf8()..quoted.len() - quote.len_utf8())?;
    if quote == '`' {
        return Some(inner.replace('\r', ""));
    }
    let mut bytes = Vec::new();
    let mut rest = inner;
    while let Some(letter) = rest.chars().next() {
        if letter == quote {
            return None;
        }
        if letter != '\\' {
            bytes.extend_from_slice(rest.get(..letter.len_utf8())?.as_bytes());
            rest = rest.get(letter.len_utf8()..)?;
            continue;
        }
        let (escaped, after) = escape(rest.get(1..)?, quote)?;
        bytes.extend(escaped);
        rest = after;
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// What an escape without its backslash stands for, and what follows it.
fn escape(text: &str, quote: char) -> Option<(Vec<u8>, &str)> {
    let letter = text.chars().next()?;
    let after = text.get(letter.len_utf8()..)?;
    let digits = |text: &str, count: usize, base: u32| {
        let digits = text.get(..count)?;
        let plain = digits.chars().all(|digit| digit.is_digit(base));
        plain.then(|| u32::from_str_radix(digits, base).ok()).flatten()
    };
    let one = |byte: u8| Some((vec![byte], after));
    match letter {
        'a' => one(7),
        'b' => one(8),
        'f' => one(12),
        'n' => one(b'\n'),
        'r' => one(b'\r'),
        't' => one(b'\t'),
        'v' => one(11),
        '\\' => one(b'\\'),
        '\'' | '"' if letter == quote => one(u8::try_from(letter).ok()?),
        'x' => Some((vec![u8::try_from(digits(after, 2, 16)?).ok()?], after.get(2..)?)),
        '0'..='7' => Some((vec![u8::try_from(digits(text, 3, 8)?).ok()?], text.get(3..)?)),
        'u' | 'U' => {
            let count = if letter == 'u' { 4 } else { 8 };
            let letter = char::from_u32(digits(after, count, 16)?)?;
            Some((letter.to_string().into_bytes(), after.get(count..)?))
        }
        _ => None,
    }
}

/// The number of a letter in single quotes.
pub(crate) fn character(quoted: &str) -> Result<Number, String> {
    let malformed = || format!("malformed character constant: {quoted}");
    let text = unquote(quoted).ok_or_else(malformed)?;
    let mut letters = text.chars();
    let letter = letters.next().ok_or_else(malformed)?;
    if letters.next().is_some() {
        return Err(malformed());
    }
    let int = i64::from(u32::from(letter));
    Ok(Number { int: Some(int), float: f64::from(u32::from(letter)), is_float: false })
}

/// A number.
pub(crate) fn number(text: &str) -> Result<Number, String> {
    let illegal = || format!("illegal number syntax: {text:?}");
    if text.ends_with('i') && !text.contains(['x', 'X']) {
        return Err(illegal());
    }
    if let Some(int) = integer(text).map_err(|()| illegal())? {
        #[expect(clippy::cast_precision_loss, reason = "as Go converts it")]
        return match i64::try_from(int) {
            Ok(value) => Ok(Number { int: Some(value), float: value as f64, is_float: false }),
            Err(_) if u64::try_from(int).is_ok() => {
                Ok(Number { int: None, float: int as f64, is_float: false })
            }
            Err(_) => Err(format!("integer overflow: {text:?}")),
        };
    }
    let float: f64 = text.replace('_', "").parse().map_err(|_| illegal())?;
    if float.is_infinite() {
        return Err(illegal());
    }
    #[expect(clippy::cast_possible_truncation, reason = "compared with what it was made of")]
    let int = Some(float as i64).filter(|_| float.fract() == 0.0 && float.abs() < 9e18);
    Ok(Number { int, float, is_float: true })
}

/// A whole number in any base; `None` if it is written as another kind of number.
fn integer(text: &str) -> Result<Option<i128>, ()> {
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = match lower.get(..2) {
        Some("0x") if !lower.contains(['.', 'p']) => (16, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        _ if lower.contains(['.', 'e', 'p']) || lower.starts_with("0x") => return Ok(None),
        _ if lower.len() > 1 && lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    // An underscore stands between digits, or after the letter of the base.
    let misplaced = digits.ends_with('_') || digits.contains("__") || (base == 10 && digits.starts_with('_'));
    if digits.is_empty() || misplaced {
        return Err(());
    }
    let plain = digits.replace('_', "");
    if plain.len() > 64 {
        return Ok(Some(i128::MAX));
    }
    match i128::from_str_radix(&plain, base) {
        Ok(value) => Ok(Some(if negative { -value } else { value })),
        Err(error) if *error.kind() == std::num::IntErrorKind::PosOverflow => Ok(Some(i128::MAX)),
        Err(_) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_all_forms() {
        for (text, int, is_float) in [
            ("0", Some(0), false),
            ("-12", Some(-12), false),
            ("1_000", Some(1000), false),
            ("0x1F", Some(31), false),
            ("0b11", Some(3), false),
            ("0o17", Some(15), false),
            ("017", Some(15), false),
            ("1e3", Some(1000), true),
            ("1.5", None, true),
            ("18446744073709551615", None, false),
        ] {
            let number = number(text).unwrap();
            assert_eq!((number.int, number.is_float), (int, is_float), "{text}");
        }
        for (text, error) in [
            ("99999999999999999999", "integer overflow: \"99999999999999999999\""),
            ("1.5e400", "illegal number syntax: \"1.5e400\""),
            ("1__0", "illegal number syntax: \"1__0\""),
            ("08", "illegal number syntax: \"08\""),
        ] {
            assert_eq!(number(text).unwrap_err(), error);
        }
    }

    #[test]
    fn quoted_texts() {
        assert_eq!(unquote(r#""a\n\x41\u00e9\101\"""#).as_deref(), Some("a\nAéA\""));
        assert_eq!(unquote("`a\\n`").as_deref(), Some("a\\n"));
        assert_eq!(unquote(r#""\q""#), None);
        assert_eq!(character("'a'").unwrap().int, Some(97));
        assert!(character("'ab'").is_err());
    }
}
