//! Limits on block devices: `--device-read-bps` and its relatives, `--blkio-weight-device`.

use api::container::{ThrottleDevice, WeightDevice};

use super::size;

fn split(text: &str) -> Result<(&str, &str), String> {
    let (path, value) = text
        .split_once(':')
        .filter(|(path, value)| !path.is_empty() && !value.contains(':'))
        .ok_or_else(|| format!("bad format: {text}"))?;
    if !path.starts_with("/dev/") {
        return Err(format!("bad format for device path: {text}"));
    }
    Ok((path, value))
}

/// Parses `device:rate` in bytes a second.
pub(crate) fn parse_bps(text: &str) -> Result<ThrottleDevice, String> {
    let (path, rate) = split(text)?;
    let rate = size::parse(rate).ok().and_then(|rate| u64::try_from(rate).ok()).ok_or_else(|| {
        format!(
            "invalid rate for device: {text}. The correct format is <device-path>:<number>[<unit>]. Number must be a \
             positive integer. Unit is optional and can be kb, mb, or gb"
        )
    })?;
    Ok(ThrottleDevice { path: path.to_owned(), rate })
}

/// Parses `device:rate` in operations a second.
pub(crate) fn parse_iops(text: &str) -> Result<ThrottleDevice, String> {
    let (path, rate) = split(text)?;
    let rate = rate.parse().map_err(|_| {
        format!(
            "invalid rate for device: {text}. The correct format is <device-path>:<number>. Number must be a positive \
             integer"
        )
    })?;
    Ok(ThrottleDevice { path: path.to_owned(), rate })
}

/// Parses `device:weight`.
pub(crate) fn parse_weight(text: &str) -> Result<WeightDevice, String> {
    let (path, weight) = split(text)?;
    let weight = weight
        .parse()
        .ok()
        .filter(|weight| *weight == 0 || (10..=1000).contains(weight))
        .ok_or_else(|| format!("invalid weight for device: {text}"))?;
    Ok(WeightDevice { path: path.to_owned(), weight })
}

/// Judges a rate in bytes.
pub(crate) fn check_bps(text: &str) -> Result<(), String> {
    parse_bps(text).map(drop)
}

/// Judges a rate in operations.
pub(crate) fn check_iops(text: &str) -> Result<(), String> {
    parse_iops(text).map(drop)
}

/// Judges a weight.
pub(crate) fn check_weight(text: &str) -> Result<(), String> {
    parse_weight(text).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!(parse_bps("/dev/x:1mb").map(|device| device.rate), Ok(1 << 20));
        assert_eq!(parse_iops("/dev/x:5").map(|device| device.rate), Ok(5));
        assert_eq!(parse_weight("/dev/x:5"), Err("invalid weight for device: /dev/x:5".into()));
        assert_eq!(parse_bps("foo"), Err("bad format: foo".into()));
        assert_eq!(parse_iops("foo:1"), Err("bad format for device path: foo:1".into()));
        assert!(parse_iops("/dev/x:1mb").is_err());
    }
}
