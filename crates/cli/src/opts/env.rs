//! `-e` and `--env-file`.

use super::keyfile;
use crate::environment;
use crate::failure::Outcome;

/// Judges `KEY=value` or `KEY`.
pub(crate) fn check(text: &str) -> Result<(), String> {
    if text.is_empty() || text.starts_with('=') {
        return Err(format!("invalid environment variable: {text}"));
    }
    Ok(())
}

/// All variables: those of the files first, so that flags win. `KEY` alone takes the value from our own environment.
pub(crate) fn collect<'a>(
    files: impl Iterator<Item = &'a str>,
    flags: impl Iterator<Item = &'a str>,
) -> Outcome<Vec<String>> {
    let mut variables = Vec::new();
    for path in files {
        // A name alone in a file that is not set here is left out, a flag's is kept: it unsets the image's.
        variables.extend(keyfile::read(path)?.into_iter().filter_map(|line| {
            if line.contains('=') {
                Some(line)
            } else {
                environment::get_even_empty(&line).map(|value| format!("{line}={value}"))
            }
        }));
    }
    variables.extend(flags.map(|flag| match environment::get_even_empty(flag) {
        Some(value) if !flag.contains('=') => format!("{flag}={value}"),
        _ => flag.to_owned(),
    }));
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(check("=x"), Err("invalid environment variable: =x".into()));
        assert_eq!((check("A"), check("a b=c")), (Ok(()), Ok(())));
    }

    #[test]
    fn flags_come_after_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("env");
        std::fs::write(&path, "\u{feff}A=1\n# no\n\n  B=x y\nNOT_SET_ANYWHERE\n").unwrap();
        let variables =
            collect([path.to_str().unwrap()].into_iter(), ["C=d", "NOT_SET_ANYWHERE"].into_iter()).unwrap();
        assert_eq!(variables, ["A=1", "B=x y", "C=d", "NOT_SET_ANYWHERE"]);
    }
}
