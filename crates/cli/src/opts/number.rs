//! Numbers, with Go's texts for those that are none.

/// Go's `ParseInt(text, 0, 64)`: decimal, or hexadecimal, octal or binary by prefix.
pub(crate) fn parse_int(text: &str) -> Result<i64, String> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = magnitude(digits).map_err(|kind| failure("ParseInt", text, kind))?;
    let value = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
    i64::try_from(value).map_err(|_| failure("ParseInt", text, RANGE))
}

/// Go's `ParseUint(text, 0, bits)`.
pub(crate) fn parse_uint(text: &str, bits: u32) -> Result<u64, String> {
    let value = magnitude(text).map_err(|kind| failure("ParseUint", text, kind))?;
    if bits < 64 && value >> bits != 0 {
        return Err(failure("ParseUint", text, RANGE));
    }
    Ok(value)
}

const SYNTAX: &str = "invalid syntax";
const RANGE: &str = "value out of range";

fn failure(function: &str, text: &str, kind: &str) -> String {
    format!("strconv.{function}: parsing {text:?}: {kind}")
}

fn magnitude(text: &str) -> Result<u64, &'static str> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.as_bytes() {
        [b'0', b'x', ..] => (lower.get(2..), 16),
        [b'0', b'b', ..] => (lower.get(2..), 2),
        [b'0', b'o', ..] => (lower.get(2..), 8),
        [b'0', _, ..] => (lower.get(1..), 8),
        _ => (Some(lower.as_str()), 10),
    };
    let digits = digits.unwrap_or_default();
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(SYNTAX);
    }
    u64::from_str_radix(digits, radix).map_err(|_| RANGE)
}

/// Judges an integer.
pub(crate) fn check_int(text: &str) -> Result<(), String> {
    parse_int(text).map(drop)
}

/// Judges a 16-bit number.
pub(crate) fn check_uint16(text: &str) -> Result<(), String> {
    parse_uint(text, 16).map(drop)
}

/// Judges a 64-bit number.
pub(crate) fn check_uint64(text: &str) -> Result<(), String> {
    parse_uint(text, 64).map(drop)
}

/// Billionths of a number of CPUs; at most nine decimals.
pub(crate) fn parse_cpus(text: &str) -> Result<i64, String> {
    const DECIMALS_MAX: usize = 9;
    let bad = || format!("failed to parse {text} as a rational number");
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return Err(bad());
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > DECIMALS_MAX {
        return Err("value is too precise".to_owned());
    }
    let value = format!("{whole}{fraction:0<DECIMALS_MAX$}").parse::<i64>().map_err(|_| bad())?;
    Ok(if negative { -value } else { value })
}

/// Judges a number of CPUs.
pub(crate) fn check_cpus(text: &str) -> Result<(), String> {
    parse_cpus(text).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        for (text, value) in [
            ("5", Some(5)),
            ("-1", Some(-1)),
            ("0x10", Some(16)),
            ("010", Some(8)),
            ("0", Some(0)),
            ("", None),
            ("1x", None),
            ("0x", None),
            ("--1", None),
        ] {
            assert_eq!(parse_int(text).ok(), value, "{text}");
        }
        assert_eq!(
            parse_int("9223372036854775808").unwrap_err(),
            "strconv.ParseInt: parsing \"9223372036854775808\": value out of range"
        );
        assert_eq!(
            parse_uint("70000", 16).unwrap_err(),
            "strconv.ParseUint: parsing \"70000\": value out of range"
        );
    }

    #[test]
    fn cpus() {
        assert_eq!(parse_cpus("1.5"), Ok(1_500_000_000));
        assert_eq!(parse_cpus(".25"), Ok(250_000_000));
        assert_eq!(parse_cpus("2"), Ok(2_000_000_000));
        assert_eq!(parse_cpus("0.0000000001"), Err("value is too precise".into()));
        assert_eq!(parse_cpus("foo"), Err("failed to parse foo as a rational number".into()));
    }
}
