//! `--cap-add` and `--cap-drop`.

/// Stands for all capabilities.
const ALL: &str = "ALL";

/// The names in the form the engine has them, each once.
pub(crate) fn effective<'a>(
    add: impl Iterator<Item = &'a str>,
    drop: impl Iterator<Item = &'a str>,
) -> (Vec<String>, Vec<String>) {
    (normalized(add), normalized(drop))
}

fn normalized<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = names
        .map(|name| name.trim().to_uppercase())
        .map(|name| if name == ALL || name.starts_with("CAP_") { name } else { format!("CAP_{name}") })
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.iter().any(|name| name == ALL) { vec![ALL.to_owned()] } else { names }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let of = |add: &[&'static str], drop: &[&'static str]| {
            effective(add.iter().copied(), drop.iter().copied())
        };
        assert_eq!(
            of(&["net_admin", "CAP_CHOWN"], &["kill", "chown", "CAP_KILL"]),
            (vec!["CAP_CHOWN".into(), "CAP_NET_ADMIN".into()], vec!["CAP_CHOWN".into(), "CAP_KILL".into()])
        );
        assert_eq!(of(&["all", "kill"], &["ALL"]), (vec!["ALL".into()], vec!["ALL".into()]));
    }
}
