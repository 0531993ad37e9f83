//! Labels, and kernel settings, which are written alike.

use api::StringMap;

use super::keyfile;
use crate::failure::Outcome;

/// Judges `key=value` or `key`.
pub(crate) fn check(text: &str) -> Result<(), String> {
    let key = text.split('=').next().unwrap_or_default();
    if key.is_empty() {
        return Err(format!("invalid label '{text}': empty name"));
    }
    if key.contains(char::is_whitespace) {
        return Err(format!("label '{key}' contains whitespaces"));
    }
    Ok(())
}

/// Labels of files and flags; flags win.
pub(crate) fn collect<'a>(
    files: impl Iterator<Item = &'a str>,
    flags: impl Iterator<Item = &'a str>,
) -> Outcome<StringMap> {
    let mut labels = StringMap::new();
    let mut add = |text: &str| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        labels.insert(key.to_owned(), value.to_owned());
    };
    for path in files {
        // A key alone in a file is no label, unlike on the command line.
        keyfile::read(path)?.iter().filter(|line| line.contains('=')).for_each(|line| add(line));
    }
    flags.for_each(&mut add);
    Ok(labels)
}

/// Kernel settings that belong to a namespace of the container.
const SYSCTLS: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// Judges a kernel setting.
pub(crate) fn check_sysctl(text: &str) -> Result<(), String> {
    let allowed = text.split_once('=').is_some_and(|(key, _)| {
        SYSCTLS.contains(&key) || key.starts_with("net.") || key.starts_with("fs.mqueue.")
    });
    if allowed { Ok(()) } else { Err(format!("sysctl '{text}' is not allowed")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        assert_eq!(check("=x"), Err("invalid label '=x': empty name".into()));
        assert_eq!(check("a b=c"), Err("label 'a b' contains whitespaces".into()));
        assert_eq!((check("a"), check("a=b c")), (Ok(()), Ok(())));
        let labels = collect(std::iter::empty(), ["a=1", "b", "a=2=3"].into_iter()).unwrap();
        assert_eq!((labels["a"].as_str(), labels["b"].as_str()), ("2=3", ""));
    }

    #[test]
    fn sysctls() {
        assert_eq!((check_sysctl("net.a=1"), check_sysctl("kernel.sem=1")), (Ok(()), Ok(())));
        assert_eq!(check_sysctl("kernel.x=1"), Err("sysctl 'kernel.x=1' is not allowed".into()));
    }
}
