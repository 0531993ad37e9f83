//! Go's templates, as `--format` and log tags are written in: the language of `text/template` and Docker's functions.
//!
//! Written here because scripts depend on what is easy to get almost right: which mistakes are told and in which words, when a
//! nil pointer is a mistake and when it is nothing, how values of every type are printed. Data are [`Value`]s, which
//! know what Go's types would have them do.
//!
//! Pure: nothing here does I/O, and no template makes it panic, loop for ever on its own or use up the stack.

mod exec;
mod functions;
mod json;
mod lex;
mod literal;
mod node;
mod parse;
mod print;
mod printf;
mod value;

use functions::{BUILTIN, DOCKER, Function, HEADS};
pub use value::{Call, Field, List, Map, Method, Named, Struct, Value, Want};

/// A template that was parsed.
pub struct Template {
    name: String,
    source: String,
    trees: parse::Trees,
    set: &'static [&'static [Function]],
}

/// What a key gives that a map does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Nothing, which prints as `<no value>`.
    Nothing,
    /// A mistake.
    Error,
}

const ALL: &[&[Function]] = &[DOCKER, BUILTIN];
const FOR_HEADS: &[&[Function]] = &[HEADS, DOCKER, BUILTIN];

fn find(set: &'static [&'static [Function]], name: &str) -> Option<&'static Function> {
    set.iter().flat_map(|functions| functions.iter()).find(|function| function.name == name)
}

impl Template {
    /// Parses a template with Docker's functions.
    ///
    /// # Errors
    /// Go's text: `template: NAME:LINE: ...`.
    pub fn parse(name: &str, source: &str) -> Result<Self, String> {
        Self::with(name, source, ALL)
    }

    /// Parses a template for the heads of columns: functions that change texts leave them as they are.
    ///
    /// # Errors
    /// As [`Template::parse`].
    pub fn parse_for_heads(name: &str, source: &str) -> Result<Self, String> {
        Self::with(name, source, FOR_HEADS)
    }

    fn with(name: &str, source: &str, set: &'static [&'static [Function]]) -> Result<Self, String> {
        match parse::parse(source, &|name| find(set, name).is_some()) {
            Ok(trees) => Ok(Self { name: name.to_owned(), source: source.to_owned(), trees, set }),
            Err((line, text)) => Err(format!("template: {name}:{line}: {text}")),
        }
    }

    fn function(&self, name: &str) -> Option<&'static Function> {
        find(self.set, name)
    }

    /// The text for `data`.
    ///
    /// # Errors
    /// Go's text: `template: NAME:LINE:COLUMN: executing "NAME" at <...>: ...`.
    pub fn execute(&self, data: &Value) -> Result<String, String> {
        self.execute_with(Missing::Nothing, data)
    }

    /// The text for `data`, with keys that are not there as `missing` says.
    ///
    /// # Errors
    /// As [`Template::execute`].
    pub fn execute_with(&self, missing: Missing, data: &Value) -> Result<String, String> {
        match exec::execute(self, missing, data) {
            (text, None) => Ok(text),
            (_, Some(error)) => Err(error),
        }
    }

    /// The text for `data` as far as it goes: a mistake ends it.
    #[must_use]
    pub fn execute_as_far_as_possible(&self, data: &Value) -> (String, Option<String>) {
        exec::execute(self, Missing::Nothing, data)
    }
}

#[cfg(test)]
mod tests;
