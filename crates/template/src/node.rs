//! The tree of a template, and how its parts are written in messages.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::value::Value;

/// What has an effect of its own.
#[derive(Debug)]
pub(crate) enum Node {
    Text(Arc<str>),
    Action(Pipe),
    If(Control),
    With(Control),
    Range(Control),
    Template(Invocation),
    Break,
    Continue,
}

/// `if`, `with` and `range`.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) pipe: Pipe,
    pub(crate) list: Vec<Node>,
    pub(crate) otherwise: Option<Vec<Node>>,
}

/// `{{template "name" pipeline}}`.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) name: String,
    pub(crate) pipe: Option<Pipe>,
    pub(crate) place: Place,
}

/// Where something stands, and its text in messages.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// In bytes from the start of the template.
    pub(crate) at: usize,
    pub(crate) text: Rc<str>,
}

/// Commands one after the other, and the variables that get the result.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) place: Place,
    pub(crate) variables: Vec<String>,
    /// The variables are there already.
    pub(crate) assigns: bool,
    pub(crate) commands: Vec<Command>,
}

/// An operand, or a function with its arguments.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) place: Place,
    pub(crate) words: Vec<Operand>,
}

/// A part of a command.
#[derive(Debug)]
pub(crate) struct Operand {
    pub(crate) place: Place,
    pub(crate) kind: OperandKind,
}

/// What a part of a command is.
#[derive(Debug)]
pub(crate) enum OperandKind {
    Dot,
    Nil,
    /// A boolean, a text or a number.
    Literal(Literal),
    Field(Vec<String>),
    /// A variable and fields of it.
    Variable(Vec<String>),
    Function(String),
    Pipe(Pipe),
    /// Fields of what another part gives.
    Chain(Box<Operand>, Vec<String>),
}

/// A constant.
#[derive(Debug, Clone)]
pub(crate) enum Literal {
    Bool(bool),
    Text(Arc<str>),
    Number(Number),
}

/// A number: which kinds it can be is told by how it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number {
    pub(crate) int: Option<i64>,
    pub(crate) float: f64,
    /// Written with a point or an exponent.
    pub(crate) is_float: bool,
}

impl Literal {
    /// The value where nobody says which kind of number is wanted. `None` for one that is too large.
    pub(crate) fn value(&self) -> Option<Value> {
        match self {
            Literal::Bool(value) => Some(Value::Bool(*value)),
            Literal::Text(text) => Some(Value::Text(Arc::clone(text))),
            Literal::Number(number) if number.is_float => Some(Value::Float(number.float)),
            Literal::Number(number) => number.int.map(Value::int),
        }
    }
}

impl Operand {
    /// Whether it can be called with what a pipeline hands on.
    pub(crate) fn is_executable(&self) -> bool {
        !matches!(self.kind, OperandKind::Dot | OperandKind::Nil | OperandKind::Literal(_))
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place.text)
    }
}
