//! `--security-opt`: profiles are read here and sent whole, for the engine may be on another machine.

use crate::failure::{Failure, Outcome, system_words};

/// What is sent for the options, and whether the system's paths are to be left unmasked.
pub(crate) struct Options {
    pub(crate) sent: Vec<String>,
    pub(crate) unmasked: bool,
}

/// Reads the options.
pub(crate) fn parse(options: &[String]) -> Outcome<Options> {
    let mut sent = Vec::new();
    let mut unmasked = false;
    for option in options {
        if option == "systempaths=unconfined" {
            unmasked = true;
            continue;
        }
        if option == "no-new-privileges" || option == "disable" {
            sent.push(option.clone());
            continue;
        }
        // The colon is the older separator.
        let pair = option.split_once('=').or_else(|| option.split_once(':'));
        let Some((key, value)) = pair.filter(|(_, value)| !value.is_empty()) else {
            return Err(Failure::new(format!("Invalid --security-opt: {option:?}")));
        };
        if key != "seccomp" || matches!(value, "unconfined" | "builtin") {
            sent.push(option.clone());
            continue;
        }
        let profile = std::fs::read(value).map_err(|error| {
            Failure::new(format!(
                "opening seccomp profile ({value}) failed: open {value}: {}",
                system_words(&error)
            ))
        })?;
        let profile: serde_json::Value = serde_json::from_slice(&profile).map_err(|error| {
            let why = match api::json::check_syntax(&profile) {
                _ if error.is_eof() => "unexpected end of JSON input".to_owned(),
                Err(why) => why,
                Ok(()) => error.to_string(),
            };
            Failure::new(format!("compacting json for seccomp profile ({value}) failed: {why}"))
        })?;
        sent.push(format!("seccomp={profile}"));
    }
    Ok(Options { sent, unmasked })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        let directory = tempfile::tempdir().unwrap();
        let profile = directory.path().join("p.json");
        std::fs::write(&profile, "{ \"a\": 1 }").unwrap();
        let given = [
            "no-new-privileges".to_owned(),
            "label:disable".to_owned(),
            "systempaths=unconfined".to_owned(),
            format!("seccomp={}", profile.display()),
            "seccomp=unconfined".to_owned(),
        ];
        let options = parse(&given).unwrap();
        assert_eq!(
            options.sent,
            ["no-new-privileges", "label:disable", "seccomp={\"a\":1}", "seccomp=unconfined"]
        );
        assert!(options.unmasked);
        let error = |option: &str| parse(&[option.to_owned()]).err().unwrap().text;
        for wrong in ["foo", "seccomp=", "label:", "writable-cgroups"] {
            assert_eq!(error(wrong), format!("Invalid --security-opt: {wrong:?}"));
        }
        assert_eq!(
            error("seccomp=/nosuch"),
            "opening seccomp profile (/nosuch) failed: open /nosuch: no such file or directory"
        );
    }
}
