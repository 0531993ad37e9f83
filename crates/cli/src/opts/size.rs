//! Sizes in bytes with a unit: `512m`, `1.5GiB`.

/// Parses a size; units are powers of 1024, with or without `b` or `ib`.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    let bad = || format!("invalid size: '{text}'");
    let end = text.rfind(|letter: char| letter.is_ascii_digit() || letter == '.').ok_or_else(bad)? + 1;
    let (number, suffix) = text.split_at(end);
    // A blank may stand before the unit.
    let number = number.strip_suffix(' ').unwrap_or(number);
    let suffix = suffix.strip_prefix(' ').unwrap_or(suffix);
    let value: f64 = number.parse().map_err(|_| bad())?;
    if value < 0.0 || number.starts_with(['+', '-']) {
        return Err(bad());
    }
    let multiplier = multiplier(suffix).ok_or_else(|| format!("invalid suffix: '{suffix}'"))?;
    Ok((value * multiplier) as i64)
}

fn multiplier(suffix: &str) -> Option<f64> {
    let lower = suffix.to_ascii_lowercase();
    let unit = match lower.as_str() {
        "" | "b" => return Some(1.0),
        _ => lower.strip_suffix("ib").or_else(|| lower.strip_suffix('b')).unwrap_or(&lower),
    };
    let power = match unit {
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    Some(1024_f64.powi(power))
}

/// Judges a size.
pub(crate) fn check(text: &str) -> Result<(), String> {
    parse(text).map(drop)
}

/// A size, or -1 for no limit.
pub(crate) fn parse_swap(text: &str) -> Result<i64, String> {
    if text == "-1" { Ok(-1) } else { parse(text) }
}

/// Judges a size that may be -1.
pub(crate) fn check_swap(text: &str) -> Result<(), String> {
    parse_swap(text).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, size) in
            [("5", 5), ("1k", 1024), ("1.5m", 1_572_864), ("2GiB", 2 << 30), ("3 kb", 3072), ("0b", 0)]
        {
            assert_eq!(parse(text), Ok(size), "{text}");
        }
        for (text, error) in [
            ("foo", "invalid size: 'foo'"),
            ("-5", "invalid size: '-5'"),
            ("1x", "invalid suffix: 'x'"),
            ("", "invalid size: ''"),
            ("1.2.3m", "invalid size: '1.2.3m'"),
        ] {
            assert_eq!(parse(text), Err(error.into()), "{text}");
        }
        assert_eq!(parse_swap("-1"), Ok(-1));
    }
}
