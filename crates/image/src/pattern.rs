//! Go's `path.Match`, for the `reference` filter.

/// Whether `name` matches `pattern`; an ill-formed pattern is an error.
pub(crate) fn matches(pattern: &str, name: &str) -> errdefs::Result<bool> {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    well_formed(&pattern)?;
    Ok(from(&pattern, &name))
}

fn well_formed(pattern: &[char]) -> errdefs::Result<()> {
    let bad = || Err(errdefs::invalid("syntax error in pattern"));
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            '\\' if at + 1 == pattern.len() => return bad(),
            '\\' => at += 2,
            '[' => match class(&pattern[at..], 'x') {
                Some((_, length)) => at += length,
                None => return bad(),
            },
            _ => at += 1,
        }
    }
    Ok(())
}

/// Iterative with one point to come back to: a later star never needs an earlier one.
fn from(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p + 1, n));
            p += 1;
            continue;
        }
        if n == name.len() && p == pattern.len() {
            return true;
        }
        if n < name.len()
            && let Some(length) = one(&pattern[p..], name[n])
        {
            p += length;
            n += 1;
            continue;
        }
        match star {
            Some((after, at)) if at < name.len() && name[at] != '/' => {
                star = Some((after, at + 1));
                (p, n) = (after, at + 1);
            }
            _ => return false,
        }
    }
}

/// How much of the pattern this character takes, if it matches.
fn one(pattern: &[char], character: char) -> Option<usize> {
    match pattern.first()? {
        '?' => (character != '/').then_some(1),
        '[' => class(pattern, character).filter(|(matched, _)| *matched).map(|(_, length)| length),
        '\\' => (*pattern.get(1)? == character).then_some(2),
        literal => (*literal == character).then_some(1),
    }
}

/// `[a-z^...]`: whether the character is in it, and its length; `None` if it is ill-formed.
fn class(pattern: &[char], character: char) -> Option<(bool, usize)> {
    let mut at = 1;
    let negated = pattern.get(at) == Some(&'^');
    at += usize::from(negated);
    let mut inside = false;
    let mut ranges = 0;
    loop {
        if *pattern.get(at)? == ']' && ranges > 0 {
            return Some((inside != negated && character != '/', at + 1));
        }
        let bound = |at: &mut usize| -> Option<char> {
            let first = *pattern.get(*at)?;
            let escaped = first == '\\';
            if matches!(first, '-' | ']') {
                return None;
            }
            *at += usize::from(escaped);
            let bound = *pattern.get(*at)?;
            *at += 1;
            Some(bound)
        };
        let low = bound(&mut at)?;
        let mut high = low;
        if pattern.get(at) == Some(&'-') {
            at += 1;
            high = bound(&mut at)?;
        }
        inside |= (low..=high).contains(&character);
        ranges += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_pattern_is_answered(pattern in "[ab*?\\[\\]^\\\\/-]{0,12}", name in "[ab/]{0,12}") {
            let _ = matches(&pattern, &name);
        }

        #[test]
        fn a_name_matches_itself_and_its_stars(name in "[a-z:.@]{1,20}", at in 0usize..20) {
            proptest::prop_assert!(matches(&name, &name).unwrap());
            let at = at.min(name.len());
            let starred = format!("{}*{}", &name[..at], &name[at..]);
            proptest::prop_assert!(matches(&starred, &name).unwrap());
        }
    }

    #[test]
    fn as_path_match() {
        for (pattern, name, expected) in [
            ("busybox", "busybox", true),
            ("busy*", "busybox:latest", true),
            ("*:latest", "busybox:latest", true),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "zx", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("*a*b*c", "xxaxxbxxc", true),
            ("*a*b*c", "xxaxxbxx", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, name).unwrap(), expected, "{pattern} {name}");
        }
        for bad in ["[", "[]", "a\\", "[a", "[-]", "[a-]"] {
            assert!(matches(bad, "a").is_err(), "{bad}");
        }
    }
}
