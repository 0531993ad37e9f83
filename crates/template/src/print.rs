//! Printing as Go's `fmt` does: `print`, `println`, and what `printf` does with a verb.

use std::fmt::Write as _;

use crate::value::{List, Map, Struct, Value};

/// How a verb prints.
#[derive(Clone, Copy, Default)]
pub(crate) struct Flags {
    pub(crate) plus: bool,
    pub(crate) minus: bool,
    pub(crate) sharp: bool,
    pub(crate) space: bool,
    pub(crate) zero: bool,
    pub(crate) width: Option<usize>,
    pub(crate) precision: Option<usize>,
}

/// The value as `%v` prints it.
pub(crate) fn plain(value: &Value) -> String {
    verb(value, 'v', Flags::default())
}

/// The values one after the other, with blanks between those that are no texts.
pub(crate) fn print(values: &[Value]) -> String {
    let mut out = String::new();
    for (at, value) in values.iter().enumerate() {
        let is_text = |value: &Value| matches!(value, Value::Text(_));
        let previous = at.checked_sub(1).and_then(|before| values.get(before));
        if previous.is_some_and(|previous| !is_text(previous) && !is_text(value)) {
            out.push(' ');
        }
        out.push_str(&plain(value));
    }
    out
}

/// The value as `%VERB` prints it, padded.
pub(crate) fn verb(value: &Value, verb: char, flags: Flags) -> String {
    let mut out = String::new();
    match verb {
        'T' => out.push_str(&padded(&value.type_name(), flags)),
        'p' => out.push_str(&pointer(value, flags)),
        _ => Printer { verb, flags }.write(&mut out, value, 0),
    }
    out
}

/// A number with a fraction as `%v` prints it.
pub(crate) fn float(value: f64) -> String {
    shortest(value, 21)
}

fn pointer(value: &Value, flags: Flags) -> String {
    match value {
        Value::Pointer(..) => address(value),
        _ => bad('p', value, flags),
    }
}

/// Where a value is, as far as that can be said.
fn address(value: &Value) -> String {
    match value {
        Value::Pointer(Some(target), _) => format!("{:p}", std::ptr::from_ref(&**target)),
        _ => "0x0".to_owned(),
    }
}

/// A verb that does not go with the value.
fn bad(verb: char, value: &Value, flags: Flags) -> String {
    match value {
        Value::Nil => format!("%!{verb}(<nil>)"),
        // Flags, width and precision still hold.
        value => format!("%!{verb}({}={})", value.type_name(), self::verb(value, 'v', flags)),
    }
}

/// Pads with blanks to the width.
fn padded(text: &str, flags: Flags) -> String {
    let missing = flags.width.unwrap_or_default().saturating_sub(text.chars().count());
    match (missing, flags.minus) {
        (0, _) => text.to_owned(),
        (_, true) => format!("{text}{}", " ".repeat(missing)),
        // Texts are padded with zeros too, if asked for.
        (_, false) => format!("{}{text}", if flags.zero { "0" } else { " " }.repeat(missing)),
    }
}

struct Printer {
    verb: char,
    flags: Flags,
}

impl Printer {
    fn write(&self, out: &mut String, value: &Value, depth: usize) {
        // Words of its own go before everything, for verbs that print texts.
        if let Some(words) = value.own_words()
            && !self.is_go_syntax()
            && matches!(self.verb, 'v' | 's' | 'x' | 'X' | 'q')
        {
            return self.text(out, words);
        }
        match value {
            Value::Nil if self.verb == 'v' => out.push_str(&padded("<nil>", self.flags)),
            Value::Nil => out.push_str(&bad(self.verb, value, self.flags)),
            Value::Bool(it) if matches!(self.verb, 'v' | 't') => {
                out.push_str(&padded(&it.to_string(), self.flags));
            }
            Value::Int(it, _) => self.integer(out, value, it.unsigned_abs(), *it < 0),
            Value::Uint(it, _) => self.integer(out, value, *it, false),
            Value::Float(it) => self.float(out, value, *it),
            Value::Text(text) if matches!(self.verb, 'v' | 's' | 'x' | 'X' | 'q') => self.text(out, text),
            Value::Bool(_) | Value::Text(_) => out.push_str(&bad(self.verb, value, self.flags)),
            Value::List(list) => self.list(out, value, list, depth),
            Value::Map(map) => self.map(out, value, map, depth),
            Value::Struct(it) => self.structure(out, it, depth),
            Value::Pointer(Some(target), _)
                if depth == 0
                    && matches!(target.plain(), Value::Struct(_) | Value::Map(_) | Value::List(_)) =>
            {
                out.push('&');
                self.write(out, target, depth + 1);
            }
            Value::Pointer(None, name) if self.is_go_syntax() => {
                let _ = write!(out, "(*{name})(nil)");
            }
            Value::Pointer(None, _) if matches!(self.verb, 'v') => out.push_str(&padded("<nil>", self.flags)),
            Value::Pointer(..) => out.push_str(&padded(&address(value), self.flags)),
            Value::Named(named) => self.write(out, &named.value, depth),
        }
    }

    fn is_go_syntax(&self) -> bool {
        self.verb == 'v' && self.flags.sharp
    }

    fn text(&self, out: &mut String, text: &str) {
        let text = match self.flags.precision {
            Some(precision) => text.chars().take(precision).collect::<String>(),
            None => text.to_owned(),
        };
        let hex = |upper: bool| {
            text.bytes().fold(String::new(), |mut out, byte| {
                let _ = if upper { write!(out, "{byte:02X}") } else { write!(out, "{byte:02x}") };
                out
            })
        };
        let shown = match self.verb {
            'q' => quoted(&text),
            'v' if self.flags.sharp => quoted(&text),
            'x' => hex(false),
            'X' => hex(true),
            _ => text,
        };
        out.push_str(&padded(&shown, self.flags));
    }

    fn integer(&self, out: &mut String, value: &Value, magnitude: u64, negative: bool) {
        let letter = u32::try_from(magnitude).ok().filter(|_| !negative).and_then(char::from_u32);
        let letter = letter.unwrap_or(char::REPLACEMENT_CHARACTER);
        let sharp = self.flags.sharp;
        let (prefix, digits) = match self.verb {
            'd' | 'v' => ("", magnitude.to_string()),
            'b' => (if sharp { "0b" } else { "" }, format!("{magnitude:b}")),
            'o' => (if sharp { "0" } else { "" }, format!("{magnitude:o}")),
            'O' => ("0o", format!("{magnitude:o}")),
            'x' => (if sharp { "0x" } else { "" }, format!("{magnitude:x}")),
            'X' => (if sharp { "0X" } else { "" }, format!("{magnitude:X}")),
            'c' => return out.push_str(&padded(&letter.to_string(), self.flags)),
            'q' => return out.push_str(&padded(&format!("{letter:?}"), self.flags)),
            'U' => return out.push_str(&padded(&format!("U+{magnitude:04X}"), self.flags)),
            _ => return out.push_str(&bad(self.verb, value, self.flags)),
        };
        let mut digits = digits;
        let sign = self.sign(negative);
        let least = match (self.flags.precision, self.flags.width) {
            (Some(precision), _) => precision,
            (None, Some(width)) if self.flags.zero && !self.flags.minus => width.saturating_sub(sign.len()),
            _ => 0,
        };
        if digits.len() < least {
            digits.insert_str(0, &"0".repeat(least - digits.len()));
        }
        let flags = Flags { zero: false, ..self.flags };
        out.push_str(&padded(&format!("{sign}{prefix}{digits}"), flags));
    }

    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.flags.plus && self.verb != 'v', self.flags.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        }
    }

    fn float(&self, out: &mut String, value: &Value, number: f64) {
        let magnitude = number.abs();
        let text = match (self.verb, self.flags.precision) {
            ('f' | 'F', precision) => format!("{magnitude:.*}", precision.unwrap_or(6)),
            ('e' | 'E', precision) => exponent(&format!("{magnitude:.*e}", precision.unwrap_or(6))),
            ('v' | 'g' | 'G', None) => shortest(magnitude, 21),
            ('v' | 'g' | 'G', Some(precision)) => significant(magnitude, precision.max(1)),
            _ => return out.push_str(&bad(self.verb, value, self.flags)),
        };
        let text = if matches!(self.verb, 'E' | 'G') { text.to_uppercase() } else { text };
        let sign = self.sign(number.is_sign_negative());
        let missing = self.flags.width.unwrap_or_default().saturating_sub(sign.len() + text.len());
        if self.flags.zero && !self.flags.minus {
            let _ = write!(out, "{sign}{}{text}", "0".repeat(missing));
        } else {
            out.push_str(&padded(&format!("{sign}{text}"), self.flags));
        }
    }

    fn list(&self, out: &mut String, value: &Value, list: &List, depth: usize) {
        if self.is_go_syntax() {
            if list.nil {
                let _ = write!(out, "{}(nil)", value.type_name());
                return;
            }
            let _ = write!(out, "{}{{", value.type_name());
        } else {
            out.push('[');
        }
        for (at, item) in list.items.iter().enumerate() {
            if at > 0 {
                out.push_str(if self.is_go_syntax() { ", " } else { " " });
            }
            self.write(out, item, depth + 1);
        }
        out.push(if self.is_go_syntax() { '}' } else { ']' });
    }

    fn map(&self, out: &mut String, value: &Value, map: &Map, depth: usize) {
        if self.is_go_syntax() {
            if map.nil {
                let _ = write!(out, "{}(nil)", value.type_name());
                return;
            }
            let _ = write!(out, "{}{{", value.type_name());
        } else {
            out.push_str("map[");
        }
        for (at, (key, item)) in map.entries.iter().enumerate() {
            if at > 0 {
                out.push_str(if self.is_go_syntax() { ", " } else { " " });
            }
            self.text(out, key);
            out.push(':');
            self.write(out, item, depth + 1);
        }
        out.push(if self.is_go_syntax() { '}' } else { ']' });
    }

    fn structure(&self, out: &mut String, it: &Struct, depth: usize) {
        if self.is_go_syntax() {
            out.push_str(&it.name);
        }
        out.push('{');
        for (at, field) in it.fields.iter().enumerate() {
            if at > 0 {
                out.push_str(if self.is_go_syntax() { ", " } else { " " });
            }
            if self.flags.plus || self.is_go_syntax() {
                let _ = write!(out, "{}:", field.name);
            }
            self.write(out, &field.value, depth + 1);
        }
        out.push('}');
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '\u{7f}' => {
                let _ = write!(out, "\\x{:02x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// An exponent with a sign and two digits at least.
fn exponent(text: &str) -> String {
    let Some((digits, exponent)) = text.split_once('e') else { return text.to_owned() };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// The fewest digits that are this number, with an exponent where that has `limit` digits or more, or four zeros.
fn shortest(value: f64, limit: i32) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let power: i32 = scientific.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or_default();
    if power < -4 || power >= limit { exponent(&scientific) } else { format!("{value}") }
}

/// So many digits at most, as `%.3g` prints them.
fn significant(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.*e}", digits - 1);
    let Some((mantissa, power)) = scientific.split_once('e') else { return scientific };
    let power: i32 = power.parse().unwrap_or_default();
    let limit = i32::try_from(digits).unwrap_or(i32::MAX);
    let trim = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    if power < -4 || power >= limit {
        return exponent(&format!("{}e{power}", trim(mantissa)));
    }
    let after = usize::try_from(limit - 1 - power).unwrap_or_default();
    trim(&format!("{value:.after$}"))
}
