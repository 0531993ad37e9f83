//! `--ulimit`.

use api::container::Ulimit;

/// Parses `name=soft[:hard]`.
pub(crate) fn parse(text: &str) -> Result<Ulimit, String> {
    let (name, limits) = text.split_once('=').ok_or_else(|| format!("invalid ulimit argument: {text}"))?;
    if !oci::runtime::RLIMITS.contains(&name) || name == "as" {
        return Err(format!("invalid ulimit type: {name}"));
    }
    let (soft, hard) = limits.split_once(':').map_or((limits, None), |(soft, hard)| (soft, Some(hard)));
    if hard.is_some_and(|hard| hard.contains(':')) {
        return Err(format!(
            "too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`"
        ));
    }
    let number = |text: &str| {
        text.parse::<i64>().map_err(|_| format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
    };
    let hard = hard.map(number).transpose()?;
    let soft = number(soft)?;
    let hard = hard.unwrap_or(soft);
    if hard != -1 {
        if soft == -1 {
            return Err(format!(
                "ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: {hard}"
            ));
        }
        if soft > hard {
            return Err(format!(
                "ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
            ));
        }
    }
    Ok(Ulimit { name: name.to_owned(), hard, soft })
}

/// Judges a limit.
pub(crate) fn check(text: &str) -> Result<(), String> {
    parse(text).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        for (text, wanted) in [
            ("nofile=1024", Ok((1024, 1024))),
            ("nofile=1:-1", Ok((1, -1))),
            ("nofile=-1", Ok((-1, -1))),
            ("x", Err("invalid ulimit argument: x")),
            ("foo=1", Err("invalid ulimit type: foo")),
            ("nofile=5:3", Err("ulimit soft limit must be less than or equal to hard limit: 5 > 3")),
            ("nofile=x", Err("strconv.ParseInt: parsing \"x\": invalid syntax")),
        ] {
            let parsed = parse(text);
            assert_eq!(
                parsed.as_ref().map_err(String::as_str).map(|limit| (limit.soft, limit.hard)),
                wanted,
                "{text}"
            );
        }
    }
}
