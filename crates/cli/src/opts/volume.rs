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
    let first_parts = text.split(':').take(2);
    if text.len() > 2 && first_parts.clone().any(str::is_empty) {
        return Err(format!("invalid spec: {text}: empty section between colons"));
    }
    if text.matches(':').count() > 2 {
        return Err(format!("invalid spec: {text}: too many colons"));
    }
    Ok(Volume::Bind(format!("{}:{target}", mount::absolute(source))))
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
        assert_eq!(parse(":/x"), Err("invalid spec: :/x: empty section between colons".into()));
    }
}
