//! Time spans in Docker's words ("About a minute"), as `ps` shows them and scripts read them.

use jiff::Timestamp;

/// `seconds` as Docker's units package words it.
pub(crate) fn human(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match seconds {
        ..1 => "Less than a second".into(),
        1 => "1 second".into(),
        2..60 => format!("{seconds} seconds"),
        _ => match (minutes, hours) {
            (1, _) => "About a minute".into(),
            (..60, _) => format!("{minutes} minutes"),
            (_, 1) => "About an hour".into(),
            (_, ..48) => format!("{hours} hours"),
            (_, ..336) => format!("{} days", hours / 24),
            (_, ..1440) => format!("{} weeks", hours / 24 / 7),
            (_, ..17520) => format!("{} months", hours / 24 / 30),
            _ => format!("{} years", seconds / 3600 / 24 / 365),
        },
    }
}

/// How long ago `at` was.
pub(crate) fn since(at: Option<Timestamp>, now: Timestamp) -> String {
    human(at.map_or(0, |at| now.as_second() - at.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_worded_as_docker_words_them() {
        let (hour, day) = (3600, 86400);
        let table = [
            (0, "Less than a second"),
            (1, "1 second"),
            (45, "45 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (180, "3 minutes"),
            (hour, "About an hour"),
            (3 * hour, "3 hours"),
            (35 * hour, "35 hours"),
            (3 * day, "3 days"),
            (14 * day, "2 weeks"),
            (60 * day, "2 months"),
            (800 * day, "2 years"),
        ];
        for (seconds, text) in table {
            assert_eq!(human(seconds), text, "{seconds}");
        }
    }
}
