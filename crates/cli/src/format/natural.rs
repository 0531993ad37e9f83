//! Sorting names as people do: `net2` before `net10`.

/// Parts of a name in the order in which they compare: digits as numbers, before letters.
pub(crate) fn key(name: &str) -> Vec<(bool, u64, String)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_ascii_digit();
        let length = rest.find(|letter: char| letter.is_ascii_digit() != is_digit).unwrap_or(rest.len());
        let (part, tail) = rest.split_at(length);
        parts.push((!is_digit, part.parse().unwrap_or_default(), part.to_owned()));
        rest = tail;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_as_numbers() {
        let mut names = ["b", "a10", "a2", "443/tcp", "80/tcp"];
        names.sort_by_key(|name| key(name));
        assert_eq!(names, ["80/tcp", "443/tcp", "a2", "a10", "b"]);
    }
}
