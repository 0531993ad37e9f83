//! `-v`: a bind mount, a named volume, or an anonymous one.

use super::mount;

/// What a `-v` asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Volume {
    /// An anonymous volume at the path.
    Anonymous(String),
    /// `source:target[:options]`, as the engine takes it.
    Bind(String),
}

/// Parses the value.
pub(crate) fn parse(text: &str) -> Result<Volume, String> {
    if text.is_empty() {
        return Err("invalid empty volume spec".to_owned());
    }
    let Some((source, target)) = text.split_once(':') else { return Ok(Volume::Anonymous(text.to_owned())) };
    let sections = sections(text);
    if text.len() > 2 && sections.iter().take(2).any(|section| section.is_empty()) {
        return Err(format!("invalid spec: {text}: empty section between colons"));
    }
    if sections.len() > 3 {
        return Err(format!("invalid spec: {text}: too many colons"));
    }
    Ok(Volume::Bind(format!("{}:{target}", mount::absolute(source))))
}

/// The parts between the colons. A single letter and a colon begin a Windows path, also here: such values go to the
/// engine, which refuses them in its own words.
fn sections(text: &str) -> Vec<String> {
    let mut all: Vec<String> = vec![String::new()];
    for part in text.split_inclusive(':') {
        let (bare, colon) = part.strip_suffix(':').map_or((part, false), |bare| (bare, true));
        let last = all.last_mut().expect("never empty");
        last.push_str(bare);
        match (colon, last.as_str()) {
            (true, drive)
                if drive.len() == 1 && drive.starts_with(|letter: char| letter.is_ascii_alphabetic()) =>
            {
                last.push(':');
            }
            (true, _) => all.push(String::new()),
            (false, _) => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes() {
        assert_eq!(parse("/x"), Ok(Volume::Anonymous("/x".into())));
        assert_eq!(parse("v:/x:ro"), Ok(Volume::Bind("v:/x:ro".into())));
        assert_eq!(parse("/a:/b"), Ok(Volume::Bind("/a:/b".into())));
        let here = std::env::current_dir().unwrap();
        assert_eq!(parse("./q:/b"), Ok(Volume::Bind(format!("{}/q:/b", here.display()))));
        assert_eq!(parse(""), Err("invalid empty volume spec".into()));
        let text = "invalid spec: /a:/x:ro:rw: too many colons";
        assert_eq!(parse("/a:/x:ro:rw"), Err(text.into()));
        assert_eq!(parse("a:b:c:d"), Ok(Volume::Bind("a:b:c:d".into())), "the engine's to refuse");
        assert_eq!(parse(":/x"), Err("invalid spec: :/x: empty section between colons".into()));
    }
}
