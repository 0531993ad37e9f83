//! `--restart`.

use api::container::RestartPolicy;

/// Parses `policy[:count]`. Which policies there are, the engine knows.
pub(crate) fn parse(text: &str) -> Result<RestartPolicy, String> {
    let (name, count) = text.split_once(':').map_or((text, None), |(name, count)| (name, Some(count)));
    if name.is_empty() && count.is_some() {
        return Err("invalid restart policy format: no policy provided before colon".to_owned());
    }
    let maximum_retry_count = match count {
        None | Some("") => 0,
        Some(count) => count.parse().map_err(|_| {
            "invalid restart policy format: maximum retry count must be an integer".to_owned()
        })?,
    };
    Ok(RestartPolicy { name: name.to_owned(), maximum_retry_count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies() {
        assert_eq!(parse("on-failure:3").map(|policy| policy.maximum_retry_count), Ok(3));
        assert_eq!(parse("always").map(|policy| policy.name), Ok("always".into()));
        assert!(parse(":3").unwrap_err().ends_with("before colon"));
        assert!(parse("on-failure:x").unwrap_err().ends_with("must be an integer"));
    }
}
