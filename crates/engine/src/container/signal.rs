//! Signal names and numbers as users write them.

use errdefs::{Result, invalid};

const NAMES: [(&str, i32); 36] = [
    ("ABRT", 6),
    ("ALRM", 14),
    ("BUS", 7),
    ("CHLD", 17),
    ("CLD", 17),
    ("CONT", 18),
    ("FPE", 8),
    ("HUP", 1),
    ("ILL", 4),
    ("INT", 2),
    ("IO", 29),
    ("IOT", 6),
    ("KILL", 9),
    ("PIPE", 13),
    ("POLL", 29),
    ("PROF", 27),
    ("PWR", 30),
    ("QUIT", 3),
    ("SEGV", 11),
    ("STKFLT", 16),
    ("STOP", 19),
    ("SYS", 31),
    ("TERM", 15),
    ("TRAP", 5),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("USR1", 10),
    ("USR2", 12),
    ("VTALRM", 26),
    ("WINCH", 28),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("RTMIN", 34),
    ("RTMAX", 64),
];

/// The kernel's last signal.
const LAST: i32 = 64;

/// KILL, which every container obeys.
pub(crate) const KILL: i32 = 9;
/// TERM, which stops a container unless it says otherwise.
pub(crate) const TERM: i32 = 15;

/// Reads `9`, `KILL`, `SIGKILL`, `RTMIN+3` in any case.
///
/// # Errors
/// InvalidParameter, in Docker's words.
pub(crate) fn parse(text: &str) -> Result<i32> {
    let refuse = || invalid(format!("invalid signal: {text}"));
    if let Ok(number) = text.parse::<i32>() {
        return if number == 0 { Err(refuse()) } else { Ok(number) };
    }
    let upper = text.to_ascii_uppercase();
    let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some((_, number)) = NAMES.iter().find(|(name, _)| *name == bare) {
        return Ok(*number);
    }
    let offset = |prefix: &str| bare.strip_prefix(prefix).and_then(|digits| digits.parse::<u8>().ok());
    let number =
        offset("RTMIN+").map(|by| 34 + i32::from(by)).or(offset("RTMAX-").map(|by| 64 - i32::from(by)));
    number.filter(|number| (34..=LAST).contains(number)).ok_or_else(refuse)
}

/// [`parse`], for a signal that is to be sent.
///
/// # Errors
/// Also if the kernel has no such number.
pub(crate) fn sendable(text: &str) -> Result<i32> {
    let number = parse(text)?;
    if !(1..=LAST).contains(&number) {
        return Err(invalid(format!("the linux daemon does not support signal {number}")));
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_are_read() {
        let table = [
            ("9", 9),
            ("KILL", 9),
            ("SIGKILL", 9),
            ("sigkill", 9),
            ("term", 15),
            ("RTMIN", 34),
            ("SIGRTMIN+3", 37),
            ("RTMAX-1", 63),
            ("USR1", 10),
        ];
        for (text, number) in table {
            assert_eq!(parse(text).unwrap(), number, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "0", "FOO", "SIG", "RTMIN+99", "RTMAX-60", "9x"] {
            assert_eq!(parse(text).unwrap_err().to_string(), format!("invalid signal: {text}"));
        }
        assert_eq!(sendable("99").unwrap_err().to_string(), "the linux daemon does not support signal 99");
        assert!(sendable("-1").is_err());
    }
}
