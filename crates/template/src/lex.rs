//! The words of a template: text outside of actions, and what stands in them.
//!
//! Spaces are words inside actions, because `$x .y` is two things and `$x.y` one. Lexing ends with the first mistake, which
//! is a word too, so that the parser tells of what it met first.

/// What opens an action.
const LEFT: &str = "{{";
/// What closes one.
const RIGHT: &str = "}}";
/// What begins a comment.
const COMMENT: &str = "/*";
/// What ends one.
const COMMENT_END: &str = "*/";

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A mistake; the word's text says which.
    Error,
    Eof,
    Text,
    LeftDelim,
    RightDelim,
    Space,
    Bool,
    Char,
    CharConstant,
    Assign,
    Declare,
    Pipe,
    Dot,
    Field,
    Variable,
    Identifier,
    LeftParen,
    RightParen,
    Number,
    Complex,
    RawString,
    String,
    Nil,
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

const KEYWORDS: [(&str, Kind); 11] = [
    ("block", Kind::Block),
    ("break", Kind::Break),
    ("continue", Kind::Continue),
    ("define", Kind::Define),
    ("else", Kind::Else),
    ("end", Kind::End),
    ("if", Kind::If),
    ("nil", Kind::Nil),
    ("range", Kind::Range),
    ("template", Kind::Template),
    ("with", Kind::With),
];

/// A word.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    /// Where it begins, in bytes.
    pub(crate) at: usize,
    pub(crate) line: usize,
}

impl Token {
    /// How messages name it.
    pub(crate) fn shown(&self) -> String {
        match self.kind {
            Kind::Eof => "EOF".to_owned(),
            Kind::Error => self.text.clone(),
            _ if KEYWORDS.iter().any(|(_, kind)| *kind == self.kind && self.kind != Kind::Nil) => {
                format!("<{}>", self.text)
            }
            _ if self.text.chars().count() > 10 => {
                format!("{:?}...", self.text.chars().take(10).collect::<String>())
            }
            _ => format!("{:?}", self.text),
        }
    }
}

/// Cuts `source` into its words; the last one is `Eof` or `Error`.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { source, at: 0, start: 0, line: 1, depth: 0, out: Vec::new() };
    if let Err(text) = lexer.run() {
        let (at, line) = (lexer.start, lexer.line);
        lexer.out.push(Token { kind: Kind::Error, text, at, line });
    }
    lexer.out
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    /// Where the word begins that is being read.
    start: usize,
    /// The line that it begins on.
    line: usize,
    /// Parentheses that are open.
    depth: usize,
    out: Vec<Token>,
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(letter: char) -> bool {
    letter == '_' || letter.is_alphanumeric()
}

/// A letter as Go's `%#U` prints it.
fn unicode(letter: char) -> String {
    let code = format!("U+{:04X}", u32::from(letter));
    if letter.is_control() { code } else { format!("{code} '{letter}'") }
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    fn word(&self) -> &'a str {
        self.source.get(self.start..self.at).unwrap_or_default()
    }

    fn emit(&mut self, kind: Kind) {
        let text = self.word().to_owned();
        self.out.push(Token { kind, text, at: self.start, line: self.line });
        self.ignore();
    }

    fn ignore(&mut self) {
        self.line += self.word().matches('\n').count();
        self.start = self.at;
    }

    fn run(&mut self) -> Result<(), String> {
        loop {
            let Some(text) = self.rest().find(LEFT) else {
                self.at = self.source.len();
                if self.at > self.start {
                    self.emit(Kind::Text);
                }
                self.emit(Kind::Eof);
                return Ok(());
            };
            let trim = self.rest().get(text + LEFT.len()..).is_some_and(trims_left);
            let before = self.rest().get(..text).unwrap_or_default();
            let kept = if trim { before.trim_end_matches(is_space).len() } else { before.len() };
            self.at += kept;
            if self.at > self.start {
                self.emit(Kind::Text);
            }
            self.at += before.len() - kept;
            self.ignore();
            self.left_delim(trim)?;
        }
    }

    /// An action from its opening to its end, or a comment.
    fn left_delim(&mut self, trim: bool) -> Result<(), String> {
        self.at += LEFT.len();
        let marker = if trim { 2 } else { 0 };
        if self.rest().get(marker..).is_some_and(|rest| rest.starts_with(COMMENT)) {
            self.at += marker;
            self.ignore();
            return self.comment();
        }
        self.emit(Kind::LeftDelim);
        self.at += marker;
        self.ignore();
        self.depth = 0;
        while self.inside()? {}
        Ok(())
    }

    fn comment(&mut self) -> Result<(), String> {
        self.at += COMMENT.len();
        let end = self.rest().find(COMMENT_END).ok_or("unclosed comment")?;
        self.at += end + COMMENT_END.len();
        let trim = self.right_delim().ok_or("comment ends before closing delimiter")?;
        self.at += if trim { 2 } else { 0 } + RIGHT.len();
        self.after_action(trim);
        Ok(())
    }

    /// Whether the action ends here, and if what follows is trimmed.
    fn right_delim(&self) -> Option<bool> {
        let rest = self.rest();
        let mut letters = rest.chars();
        if letters.next().is_some_and(is_space)
            && letters.next() == Some('-')
            && letters.as_str().starts_with(RIGHT)
        {
            return Some(true);
        }
        rest.starts_with(RIGHT).then_some(false)
    }

    fn after_action(&mut self, trim: bool) {
        if trim {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches(is_space).len();
        }
        self.ignore();
    }

    /// One word inside an action; false after its end.
    fn inside(&mut self) -> Result<bool, String> {
        if let Some(trim) = self.right_delim() {
            if self.depth > 0 {
                return Err("unclosed left paren".to_owned());
            }
            if trim {
                self.at += 2;
                self.ignore();
            }
            self.at += RIGHT.len();
            self.emit(Kind::RightDelim);
            self.after_action(trim);
            return Ok(false);
        }
        let letter = self.next().ok_or("unclosed action")?;
        match letter {
            _ if is_space(letter) => self.space(),
            '=' => self.emit(Kind::Assign),
            ':' => {
                if self.next() != Some('=') {
                    return Err("expected :=".to_owned());
                }
                self.emit(Kind::Declare);
            }
            '|' => self.emit(Kind::Pipe),
            '"' => self.quoted('"', "unterminated quoted string", Kind::String)?,
            '`' => self.raw()?,
            '\'' => self.quoted('\'', "unterminated character constant", Kind::CharConstant)?,
            '$' => self.name(Kind::Variable)?,
            '.' if !self.peek().is_some_and(|next| next.is_ascii_digit()) => self.name(Kind::Field)?,
            '.' | '+' | '-' | '0'..='9' => self.number()?,
            '(' => {
                self.depth += 1;
                self.emit(Kind::LeftParen);
            }
            ')' => {
                self.depth = self.depth.checked_sub(1).ok_or("unexpected right paren")?;
                self.emit(Kind::RightParen);
            }
            _ if is_alphanumeric(letter) => self.identifier()?,
            ' '..='~' => self.emit(Kind::Char),
            _ => return Err(format!("unrecognized character in action: {}", unicode(letter))),
        }
        Ok(true)
    }

    fn space(&mut self) {
        while self.peek().is_some_and(is_space) {
            // The last space before a marker belongs to the marker.
            if self.right_delim() == Some(true) {
                break;
            }
            self.next();
        }
        self.emit(Kind::Space);
    }

    fn quoted(&mut self, end: char, unterminated: &str, kind: Kind) -> Result<(), String> {
        loop {
            match self.next() {
                Some('\\') if self.peek().is_some_and(|next| next != '\n') => {
                    self.next();
                }
                None | Some('\n' | '\\') => return Err(unterminated.to_owned()),
                Some(letter) if letter == end => break,
                Some(_) => {}
            }
        }
        self.emit(kind);
        Ok(())
    }

    fn raw(&mut self) -> Result<(), String> {
        let end = self.rest().find('`').ok_or("unterminated raw quoted string")?;
        self.at += end + 1;
        self.emit(Kind::RawString);
        Ok(())
    }

    /// A field or a variable; alone they are the dot and the data.
    fn name(&mut self, kind: Kind) -> Result<(), String> {
        if self.at_terminator() {
            self.emit(if kind == Kind::Field { Kind::Dot } else { kind });
            return Ok(());
        }
        self.letters()?;
        self.emit(kind);
        Ok(())
    }

    fn letters(&mut self) -> Result<(), String> {
        while self.peek().is_some_and(is_alphanumeric) {
            self.next();
        }
        match self.peek() {
            Some(letter) if !self.at_terminator() => Err(format!("bad character {}", unicode(letter))),
            _ => Ok(()),
        }
    }

    /// Whether what comes next may follow a name.
    fn at_terminator(&self) -> bool {
        self.peek()
            .is_none_or(|letter| is_space(letter) || matches!(letter, '.' | ',' | '|' | ':' | ')' | '('))
            || self.rest().starts_with(RIGHT)
    }

    fn identifier(&mut self) -> Result<(), String> {
        self.letters()?;
        let word = self.word();
        let kind = KEYWORDS.iter().find(|(keyword, _)| *keyword == word).map(|(_, kind)| *kind);
        self.emit(kind.unwrap_or(if matches!(word, "true" | "false") {
            Kind::Bool
        } else {
            Kind::Identifier
        }));
        Ok(())
    }

    fn number(&mut self) -> Result<(), String> {
        self.at = self.start;
        let mut good = self.scan_number();
        let mut kind = Kind::Number;
        if good && self.peek().is_some_and(|sign| matches!(sign, '+' | '-')) {
            kind = Kind::Complex;
            good = self.scan_number() && self.word().ends_with('i');
        }
        if !good {
            return Err(format!("bad number syntax: {:?}", self.word()));
        }
        self.emit(kind);
        Ok(())
    }

    fn accept(&mut self, letters: &str) -> bool {
        let found = self.peek().is_some_and(|letter| letters.contains(letter));
        if found {
            self.next();
        }
        found
    }

    fn accept_run(&mut self, letters: &str) {
        while self.accept(letters) {}
    }

    fn scan_number(&mut self) -> bool {
        const DECIMAL: &str = "0123456789_";
        self.accept("+-");
        let mut digits = DECIMAL;
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        let exponent = match digits.len() {
            11 => "eE",
            23 => "pP",
            _ => "",
        };
        if !exponent.is_empty() && self.accept(exponent) {
            self.accept("+-");
            self.accept_run(DECIMAL);
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }
}

/// Whether what follows an opening trims the text before it.
fn trims_left(rest: &str) -> bool {
    let mut letters = rest.chars();
    letters.next() == Some('-') && letters.next().is_some_and(is_space)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<(Kind, String)> {
        tokens(source).into_iter().map(|token| (token.kind, token.text)).collect()
    }

    #[test]
    fn words_of_an_action() {
        let own = |list: &[(Kind, &str)]| -> Vec<(Kind, String)> {
            list.iter().map(|(kind, text)| (*kind, (*text).to_owned())).collect()
        };
        assert_eq!(
            kinds("a{{.B $x.C -1 \"q\\\"\"}}"),
            own(&[
                (Kind::Text, "a"),
                (Kind::LeftDelim, "{{"),
                (Kind::Field, ".B"),
                (Kind::Space, " "),
                (Kind::Variable, "$x"),
                (Kind::Field, ".C"),
                (Kind::Space, " "),
                (Kind::Number, "-1"),
                (Kind::Space, " "),
                (Kind::String, "\"q\\\"\""),
                (Kind::RightDelim, "}}"),
                (Kind::Eof, ""),
            ])
        );
        assert_eq!(
            kinds("a {{- /* c */ -}} b"),
            own(&[(Kind::Text, "a"), (Kind::Text, "b"), (Kind::Eof, "")])
        );
    }

    #[test]
    fn mistakes() {
        for (source, text) in [
            ("{{.A", "unclosed action"),
            ("{{.A}", "bad character U+007D '}'"),
            ("{{(1}}", "unclosed left paren"),
            ("{{1)}}", "unexpected right paren"),
            ("{{1x}}", "bad number syntax: \"1x\""),
            ("{{\"a\n\"}}", "unterminated quoted string"),
            ("{{/* a", "unclosed comment"),
            ("{{\u{1}}}", "unrecognized character in action: U+0001"),
        ] {
            assert_eq!(tokens(source).last().unwrap().text, text, "{source}");
        }
    }
}
