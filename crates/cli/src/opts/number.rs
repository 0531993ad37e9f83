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
    // Underscores stand between digits.
    let digits = digits.unwrap_or_default();
    if digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return Err(SYNTAX);
    }
    let digits = digits.replace('_', "");
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(SYNTAX);
    }
    u64::from_str_radix(&digits, radix).map_err(|_| RANGE)
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

/// Billionths of a number of CPUs, written as a decimal, with an exponent, or as a fraction; at most nine decimals.
pub(crate) fn parse_cpus(text: &str) -> Result<i64, String> {
    const BILLION: i128 = 1_000_000_000;
    let bad = || format!("failed to parse {text} as a rational number");
    let (numerator, denominator) = match text.split_once('/') {
        Some((numerator, denominator)) => {
            let (numerator, of) = decimal(numerator).ok_or_else(bad)?;
            let (denominator, below) = decimal(denominator).ok_or_else(bad)?;
            if of != 1 || below != 1 || denominator <= 0 {
                return Err(bad());
            }
            (numerator, denominator)
        }
        None => decimal(text).ok_or_else(bad)?,
    };
    let value = numerator.checked_mul(BILLION).ok_or_else(bad)?;
    if value % denominator != 0 {
        return Err("value is too precise".to_owned());
    }
    i64::try_from(value / denominator).map_err(|_| bad())
}

/// A decimal with an optional exponent as a fraction.
fn decimal(text: &str) -> Option<(i128, i128)> {
    let (negative, rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let (digits, exponent) = match rest.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: i128 = all.parse().ok()?;
    let power = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let scale = 10_i128.checked_pow(power.unsigned_abs())?;
    let value = if negative { -value } else { value };
    if power < 0 { Some((value, scale)) } else { Some((value.checked_mul(scale)?, 1)) }
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
            ("1_000", Some(1000)),
            ("_1", None),
            ("1__0", None),
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
        for half in ["1/2", "+.5", "5e-1", "0.05E1", "2/4"] {
            assert_eq!(parse_cpus(half), Ok(500_000_000), "{half}");
        }
        for wrong in ["1/0", "1/2/3", "1.5/2", "e", ".", "1e999999999", " 1"] {
            assert_eq!(parse_cpus(wrong), Err(format!("failed to parse {wrong} as a rational number")));
        }
        assert_eq!(parse_cpus("1/3"), Err("value is too precise".into()));
        assert_eq!(parse_cpus("0.0000000001"), Err("value is too precise".into()));
        assert_eq!(parse_cpus("foo"), Err("failed to parse foo as a rational number".into()));
    }
}
