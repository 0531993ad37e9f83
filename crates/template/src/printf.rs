//! `printf`: the format's verbs, flags, widths and numbers of arguments, and what Go writes where they do not go together.

use crate::print::{Flags, plain, verb};
use crate::value::Value;

/// The widest that a width or precision may be, as in Go.
const WIDTH_MAX: i64 = 1_000_000;

/// The text of `format` with `values` in it.
pub(crate) fn printf(format: &str, values: &[Value]) -> String {
    let mut out = String::new();
    let mut state = State { rest: format, values, at: 0, reordered: false, good: true };
    while let Some((text, after)) = state.rest.split_once('%') {
        out.push_str(text);
        state.rest = after;
        state.directive(&mut out);
    }
    out.push_str(state.rest);
    if !state.reordered && state.at < values.len() {
        let extra: Vec<String> = values[state.at..]
            .iter()
            .map(|value| match value {
                Value::Nil => "<nil>".to_owned(),
                value => format!("{}={}", value.type_name(), plain(value)),
            })
            .collect();
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    out
}

struct State<'a> {
    rest: &'a str,
    values: &'a [Value],
    /// The argument that comes next.
    at: usize,
    /// An argument was named by its number: extra ones are no mistake.
    reordered: bool,
    /// The last number of an argument was one.
    good: bool,
}

impl State<'_> {
    fn accept(&mut self, letter: char) -> bool {
        match self.rest.strip_prefix(letter) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn number(&mut self) -> Option<i64> {
        let end = self.rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        let number = digits.parse().ok().filter(|number| *number <= WIDTH_MAX)?;
        self.rest = rest;
        Some(number)
    }

    /// `[n]`: the argument that comes next.
    fn argument_number(&mut self) {
        let Some(inner) = self.rest.strip_prefix('[') else { return };
        self.reordered = true;
        let Some((number, rest)) = inner.split_once(']') else {
            self.good = false;
            self.rest = inner;
            return;
        };
        self.rest = rest;
        match number.parse::<usize>() {
            Ok(number) if (1..=self.values.len()).contains(&number) => self.at = number - 1,
            _ => self.good = false,
        }
    }

    /// An argument that is a width or a precision.
    fn size_argument(&mut self) -> Option<i64> {
        let value = self.values.get(self.at)?;
        self.at += 1;
        match value.plain() {
            Value::Int(number, _) => Some(*number).filter(|number| number.abs() <= WIDTH_MAX),
            Value::Uint(number, _) => i64::try_from(*number).ok().filter(|number| *number <= WIDTH_MAX),
            _ => None,
        }
    }

    fn flags(&mut self) -> Flags {
        let mut flags = Flags::default();
        loop {
            match self.rest.chars().next() {
                Some('+') => flags.plus = true,
                Some('-') => flags.minus = true,
                Some('#') => flags.sharp = true,
                Some(' ') => flags.space = true,
                Some('0') => flags.zero = true,
                _ => return flags,
            }
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
    }

    fn directive(&mut self, out: &mut String) {
        let mut flags = self.flags();
        self.good = true;
        self.argument_number();
        if self.accept('*') {
            match self.size_argument() {
                Some(width) => {
                    flags.minus |= width < 0;
                    flags.width = usize::try_from(width.unsigned_abs()).ok();
                }
                None => out.push_str("%!(BADWIDTH)"),
            }
        } else {
            flags.width = self.number().and_then(|width| usize::try_from(width).ok());
        }
        if self.accept('.') {
            self.argument_number();
            if self.accept('*') {
                match self.size_argument() {
                    Some(precision) => flags.precision = usize::try_from(precision).ok(),
                    None => out.push_str("%!(BADPREC)"),
                }
            } else {
                flags.precision = usize::try_from(self.number().unwrap_or_default()).ok();
            }
        }
        self.argument_number();
        let Some(letter) = self.rest.chars().next() else {
            out.push_str("%!(NOVERB)");
            return;
        };
        self.rest = self.rest.get(letter.len_utf8()..).unwrap_or_default();
        match self.values.get(self.at) {
            _ if letter == '%' => out.push('%'),
            _ if !self.good => out.push_str(&format!("%!{letter}(BADINDEX)")),
            None => out.push_str(&format!("%!{letter}(MISSING)")),
            Some(value) => {
                self.at += 1;
                out.push_str(&verb(value, letter, flags));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Go 1.27 prints them.
    #[test]
    fn verbs_and_mistakes() {
        let text = |text: &str| Value::text(text);
        let int = Value::int;
        for (format, values, printed) in [
            (
                "%5s|%-5s|%.2s|%q|%x",
                vec![text("ab"), text("ab"), text("abc"), text("a\"b"), text("az")],
                "   ab|ab   |ab|\"a\\\"b\"|617a",
            ),
            (
                "%d|%5d|%-5d|%05d|%+d|%x|%X|%#x|%o|%b|%c|%U|%q",
                vec![
                    int(7),
                    int(42),
                    int(42),
                    int(-42),
                    int(7),
                    int(255),
                    int(255),
                    int(255),
                    int(8),
                    int(5),
                    int(65),
                    int(65),
                    int(65),
                ],
                "7|   42|42   |-0042|+7|ff|FF|0xff|10|101|A|U+0041|'A'",
            ),
            (
                "%5.2f|%08.3f|%e|%g|%v",
                vec![
                    Value::Float(3.1234),
                    Value::Float(2.5),
                    Value::Float(1e10),
                    Value::Float(1e21),
                    Value::Float(100_000.0),
                ],
                " 3.12|0002.500|1.000000e+10|1e+21|100000",
            ),
            ("%d", vec![text("x")], "%!d(string=x)"),
            ("%s %s", vec![int(3)], "%!s(int=3) %!s(MISSING)"),
            ("%d", vec![int(3), int(4)], "3%!(EXTRA int=4)"),
            ("%[2]d %[1]d", vec![int(1), int(2)], "2 1"),
            ("%[5]d", vec![int(1)], "%!d(BADINDEX)"),
            ("%*d|%-*d|", vec![int(5), int(42), int(5), int(42)], "   42|42   |"),
            ("100%", vec![], "100%!(NOVERB)"),
            ("%%|%t|%T|%v", vec![Value::Bool(true), Value::Bool(true), Value::Nil], "%|true|bool|<nil>"),
            (
                "%s|%q|%d",
                vec![Value::texts(["a", "b"]), Value::texts(["a"]), Value::texts(["a"])],
                "[a b]|[\"a\"]|[%!d(string=a)]",
            ),
            ("%#v %#v", vec![Value::texts(["a"]), text("x")], "[]string{\"a\"} \"x\""),
        ] {
            assert_eq!(printf(format, &values), printed, "{format}");
        }
    }
}
