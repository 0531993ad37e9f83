//! Host names and addresses: `--add-host`, `--dns`, `--dns-search`, `--ip`.

use std::net::IpAddr;

/// Stands for the host's own address in `--add-host`.
const GATEWAY: &str = "host-gateway";

fn split(text: &str) -> Option<(&str, &str)> {
    let (name, address) = text.split_once('=').or_else(|| text.split_once(':'))?;
    (!name.is_empty()).then_some((name, address))
}

/// Judges `name:address` or `name=address`.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let (_, address) = split(text).ok_or_else(|| format!("bad format for add-host: {text:?}"))?;
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    if address == GATEWAY || bare.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    Err(format!("invalid IP address in add-host: {address:?}"))
}

/// `name:address` as the API wants it.
pub(crate) fn normalized(text: &str) -> String {
    let Some((name, address)) = split(text) else { return text.to_owned() };
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    format!("{name}:{bare}")
}

/// Judges an address.
pub(crate) fn check_ip(text: &str) -> Result<(), String> {
    if text.trim().parse::<IpAddr>().is_ok() {
        Ok(())
    } else {
        Err(format!("IP address is not correctly formatted: {text}"))
    }
}

/// A search domain as it is sent: without the dot at its end.
pub(crate) fn domain(text: &str) -> &str {
    match text.trim_matches(' ') {
        "." => ".",
        name => name.trim_end_matches('.'),
    }
}

/// Judges a search domain; `.` stands for none.
pub(crate) fn check_domain(text: &str) -> Result<(), String> {
    let name = text.trim_matches([' ', '.']);
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if text.trim_matches(' ') == "."
        || (name.chars().any(|letter| letter.is_ascii_alphabetic()) && name.split('.').all(label))
    {
        return Ok(());
    }
    Err(format!("{text} is not a valid domain"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (text, verdict) in [
            ("a:1.2.3.4", Ok(())),
            ("a=::1", Ok(())),
            ("a:[::1]", Ok(())),
            ("a:host-gateway", Ok(())),
            ("foo", Err("bad format for add-host: \"foo\"".to_owned())),
            ("foo:bar", Err("invalid IP address in add-host: \"bar\"".to_owned())),
            ("foo=1.2.3.4:x", Err("invalid IP address in add-host: \"1.2.3.4:x\"".to_owned())),
        ] {
            assert_eq!(check(text), verdict, "{text}");
        }
        assert_eq!(
            (normalized("a=[::1]").as_str(), normalized("a:1.2.3.4").as_str()),
            ("a:::1", "a:1.2.3.4")
        );
    }

    #[test]
    fn domains() {
        assert_eq!((check_domain("."), check_domain("example.com")), (Ok(()), Ok(())));
        assert_eq!(check_domain(""), Err(" is not a valid domain".into()));
        assert_eq!(check_domain("a b"), Err("a b is not a valid domain".into()));
    }
}
