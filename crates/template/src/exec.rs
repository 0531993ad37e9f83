//! Walking the tree with data. The executor remembers what it is at, because every message tells that.

use std::sync::Arc;

use crate::functions::Function;
use crate::node::{Command, Control, Invocation, Node, Operand, OperandKind, Pipe, Place};
use crate::value::{Value, Want};
use crate::{Missing, Template};

/// How deep templates may use each other. Go allows 100,000, which is more than a stack of ours holds.
const DEPTH_MAX: usize = 300;

/// What a template printed, and the mistake that ended it.
pub(crate) fn execute(template: &Template, missing: Missing, data: &Value) -> (String, Option<String>) {
    let mut executor = Executor {
        template,
        missing,
        out: String::new(),
        variables: vec![("$".to_owned(), data.clone())],
        place: None,
        name: template.name.clone(),
        depth: 0,
    };
    let end = executor.walk(&template.trees.main, data);
    (executor.out, end.err().map(|stop| stop.0))
}

/// Why executing ends before its end.
struct Stop(String);

type Run<T> = Result<T, Stop>;

/// How a list of nodes ended.
#[derive(PartialEq, Clone, Copy)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Executor<'a> {
    template: &'a Template,
    missing: Missing,
    out: String,
    variables: Vec<(String, Value)>,
    /// What is being looked at.
    place: Option<Place>,
    /// The template that is being executed.
    name: String,
    depth: usize,
}

/// A value, and whether it came out of something that can hold anything: messages then do not name its own type.
struct Held {
    value: Value,
    anything: bool,
}

impl Held {
    fn own(value: Value) -> Self {
        Self { value, anything: false }
    }
}

impl Executor<'_> {
    fn fail<T>(&self, text: impl std::fmt::Display) -> Run<T> {
        let own = &self.template.name;
        let Some(place) = &self.place else { return Err(Stop(format!("template: {}: {text}", self.name))) };
        let before = self.template.source.get(..place.at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().len();
        let (name, shown) = (&self.name, &place.text);
        Err(Stop(format!("template: {own}:{line}:{column}: executing {name:?} at <{shown}>: {text}")))
    }

    fn at(&mut self, place: &Place) {
        self.place = Some(place.clone());
    }

    fn walk(&mut self, nodes: &[Node], dot: &Value) -> Run<Flow> {
        for node in nodes {
            let flow = match node {
                Node::Text(text) => {
                    self.out.push_str(text);
                    Flow::On
                }
                Node::Action(pipe) => {
                    let value = self.pipeline(pipe, dot)?;
                    if pipe.variables.is_empty() {
                        self.print(&value);
                    }
                    Flow::On
                }
                Node::If(control) => self.branch(control, dot, false)?,
                Node::With(control) => self.branch(control, dot, true)?,
                Node::Range(control) => self.range(control, dot)?,
                Node::Template(invocation) => self.invoke(invocation, dot)?,
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn print(&mut self, value: &Value) {
        match value.target() {
            Some(Value::Nil) => self.out.push_str("<no value>"),
            Some(value) => self.out.push_str(&value.to_string()),
            None => self.out.push_str("<nil>"),
        }
    }

    fn branch(&mut self, control: &Control, dot: &Value, with: bool) -> Run<Flow> {
        let known = self.variables.len();
        let value = self.pipeline(&control.pipe, dot)?;
        let flow = if value.truth() {
            self.walk(&control.list, if with { &value } else { dot })
        } else {
            self.walk(control.otherwise.as_deref().unwrap_or_default(), dot)
        }?;
        self.variables.truncate(known);
        Ok(flow)
    }

    fn range(&mut self, control: &Control, dot: &Value) -> Run<Flow> {
        let known = self.variables.len();
        let value = self.pipeline(&control.pipe, dot)?;
        let pairs: Vec<(Value, Value)> = match value.target().map(Value::plain) {
            None => return self.fail("range can't iterate over <nil>"),
            Some(Value::Nil) => Vec::new(),
            Some(Value::List(list)) => (0_i64..).map(Value::int).zip(list.items.iter().cloned()).collect(),
            Some(Value::Map(map)) => {
                map.entries.iter().map(|(key, value)| (Value::Text(Arc::clone(key)), value.clone())).collect()
            }
            Some(Value::Int(count, name)) => {
                if control.pipe.variables.len() > 1 {
                    return self
                        .fail(format_args!("can't use {value} to iterate over more than one variable"));
                }
                // One after the other: nobody says how many there are.
                return self.count(control, *count, name, known, dot);
            }
            Some(_) => return self.fail(format_args!("range can't iterate over {value}")),
        };
        if pairs.is_empty() {
            let flow = self.walk(control.otherwise.as_deref().unwrap_or_default(), dot)?;
            self.variables.truncate(known);
            return Ok(flow);
        }
        let mark = self.variables.len();
        for (key, item) in pairs {
            if self.iteration(control, key, item, mark)? == Flow::Break {
                break;
            }
        }
        self.variables.truncate(known);
        Ok(Flow::On)
    }

    fn count(
        &mut self,
        control: &Control,
        count: i64,
        name: &'static str,
        known: usize,
        dot: &Value,
    ) -> Run<Flow> {
        if count <= 0 {
            return self.walk(control.otherwise.as_deref().unwrap_or_default(), dot);
        }
        let mark = self.variables.len();
        for number in 0..count {
            if self.iteration(control, Value::Nil, Value::Int(number, name), mark)? == Flow::Break {
                break;
            }
        }
        self.variables.truncate(known);
        Ok(Flow::On)
    }

    fn iteration(&mut self, control: &Control, key: Value, item: Value, mark: usize) -> Run<Flow> {
        let pipe = &control.pipe;
        let values: Vec<Value> = match pipe.variables.len() {
            0 => Vec::new(),
            1 => vec![item.clone()],
            _ => vec![key, item.clone()],
        };
        for (at, (name, value)) in pipe.variables.iter().zip(values.iter()).enumerate() {
            if pipe.assigns {
                self.assign(name, value.clone());
            } else if let Some(place) = mark.checked_sub(pipe.variables.len()).map(|first| first + at) {
                self.variables[place].1 = value.clone();
            }
        }
        let flow = self.walk(&control.list, &item);
        self.variables.truncate(mark);
        flow
    }

    fn invoke(&mut self, invocation: &Invocation, dot: &Value) -> Run<Flow> {
        self.at(&invocation.place);
        let template = self.template;
        let list = match template.trees.defined.get(&invocation.name) {
            Some(list) => list,
            None if invocation.name == template.name => &template.trees.main,
            None => return self.fail(format_args!("template {:?} not defined", invocation.name)),
        };
        if self.depth == DEPTH_MAX {
            return self.fail(format_args!("exceeded maximum template depth ({DEPTH_MAX})"));
        }
        let data = match &invocation.pipe {
            Some(pipe) => self.pipeline(pipe, dot)?,
            None => Value::Nil,
        };
        let outside = std::mem::replace(&mut self.variables, vec![("$".to_owned(), data.clone())]);
        let name = std::mem::replace(&mut self.name, invocation.name.clone());
        self.depth += 1;
        self.walk(list, &data)?;
        self.depth -= 1;
        (self.variables, self.name) = (outside, name);
        Ok(Flow::On)
    }

    fn pipeline(&mut self, pipe: &Pipe, dot: &Value) -> Run<Value> {
        self.at(&pipe.place);
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(command, dot, value)?);
        }
        let value = value.map_or(Value::Nil, |held| held.value);
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, value.clone())
            } else {
                self.variables.push((name.clone(), value.clone()))
            }
        }
        Ok(value)
    }

    fn assign(&mut self, name: &str, value: Value) {
        if let Some(variable) = self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            variable.1 = value;
        }
    }

    fn command(&mut self, command: &Command, dot: &Value, last: Option<Held>) -> Run<Held> {
        let (word, args) = match command.words.split_first() {
            Some((word, args)) => (word, args),
            None => return Ok(Held::own(Value::Nil)),
        };
        match &word.kind {
            OperandKind::Field(names) => {
                self.at(&word.place);
                self.fields(dot, Held::own(dot.clone()), word, names, args, last)
            }
            OperandKind::Chain(inner, names) => self.chain(dot, word, inner, names, args, last),
            OperandKind::Function(name) => {
                self.at(&word.place);
                self.function(dot, name, command, args, last)
            }
            OperandKind::Variable(names) => self.variable(dot, word, names, args, last),
            OperandKind::Pipe(pipe) => {
                self.no_function(word, args, last.as_ref())?;
                Ok(Held::own(self.pipeline(pipe, dot)?))
            }
            OperandKind::Dot | OperandKind::Nil | OperandKind::Literal(_) => {
                self.at(&word.place);
                self.no_function(word, args, last.as_ref())?;
                match &word.kind {
                    OperandKind::Nil => self.fail("nil is not a command"),
                    OperandKind::Literal(literal) => match literal.value() {
                        Some(value) => Ok(Held::own(value)),
                        None => self.fail(format_args!("{word} overflows int")),
                    },
                    _ => Ok(Held::own(dot.clone())),
                }
            }
        }
    }

    fn no_function(&self, word: &Operand, args: &[Operand], last: Option<&Held>) -> Run<()> {
        if args.is_empty() && last.is_none() {
            return Ok(());
        }
        let shown = match word.kind {
            OperandKind::Pipe(_) => format!("({word})"),
            _ => word.to_string(),
        };
        self.fail(format_args!("can't give argument to non-function {shown}"))
    }

    fn variable(
        &mut self,
        dot: &Value,
        word: &Operand,
        names: &[String],
        args: &[Operand],
        last: Option<Held>,
    ) -> Run<Held> {
        self.at(&word.place);
        let Some((name, fields)) = names.split_first() else { return Ok(Held::own(Value::Nil)) };
        let value =
            self.variables.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let Some(value) = value else { return self.fail(format_args!("undefined variable: {name}")) };
        if fields.is_empty() {
            self.no_function(word, args, last.as_ref())?;
            return Ok(Held::own(value));
        }
        self.fields(dot, Held::own(value), word, fields, args, last)
    }

    fn chain(
        &mut self,
        dot: &Value,
        word: &Operand,
        inner: &Operand,
        names: &[String],
        args: &[Operand],
        last: Option<Held>,
    ) -> Run<Held> {
        self.at(&word.place);
        let from = self.argument(dot, Want::Any, inner)?;
        self.fields(dot, Held::own(from), word, names, args, last)
    }

    /// One field after the other; the last one may be a method with arguments.
    fn fields(
        &mut self,
        dot: &Value,
        from: Held,
        word: &Operand,
        names: &[String],
        args: &[Operand],
        last: Option<Held>,
    ) -> Run<Held> {
        let Some((end, before)) = names.split_last() else { return Ok(from) };
        let mut held = from;
        for name in before {
            held = self.field(dot, held, word, name, &[], None)?;
        }
        self.field(dot, held, word, end, args, last)
    }

    fn field(
        &mut self,
        dot: &Value,
        from: Held,
        word: &Operand,
        name: &str,
        args: &[Operand],
        last: Option<Held>,
    ) -> Run<Held> {
        let kind = if from.anything { "interface {}".to_owned() } else { from.value.type_name() };
        if matches!(from.value, Value::Nil) {
            return match (from.anything, self.missing) {
                (true, _) => self.fail(format_args!("nil pointer evaluating {kind}.{name}")),
                (false, Missing::Error) => self.fail(format_args!("nil data; no entry for key {name:?}")),
                (false, Missing::Nothing) => Ok(Held::own(Value::Nil)),
            };
        }
        let Some(target) = from.value.target() else {
            return self.fail(format_args!("nil pointer evaluating {kind}.{name}"));
        };
        let method = match target {
            Value::Struct(it) => it.method(name),
            Value::Named(named) => named.methods.iter().find(|(known, _)| &**known == name).map(|(_, it)| it),
            _ => None,
        };
        if let Some(method) = method.cloned() {
            let values = self.arguments(dot, name, method.wants, None, args, last)?;
            return match (method.call)(&values) {
                Ok(value) => Ok(Held::own(value)),
                Err(text) => {
                    self.at(&word.place);
                    self.fail(format_args!("error calling {name}: {text}"))
                }
            };
        }
        let has_args = !args.is_empty() || last.is_some();
        match target.plain() {
            Value::Struct(it) => match it.field(name) {
                Some(_) if has_args => {
                    self.fail(format_args!("{name} has arguments but cannot be invoked as function"))
                }
                Some(value) => Ok(Held::own(value.clone())),
                None => self.fail(format_args!("can't evaluate field {name} in type {kind}")),
            },
            Value::Map(_) if has_args => self.fail(format_args!("{name} is not a method but has arguments")),
            Value::Map(map) => match (map.entries.get(name), self.missing) {
                (Some(value), _) => Ok(Held { value: value.clone(), anything: &*map.of == "interface {}" }),
                (None, Missing::Error) => self.fail(format_args!("map has no entry for key {name:?}")),
                (None, Missing::Nothing) => Ok(Held::own(Value::Nil)),
            },
            _ => self.fail(format_args!("can't evaluate field {name} in type {kind}")),
        }
    }

    fn function(
        &mut self,
        dot: &Value,
        name: &str,
        command: &Command,
        args: &[Operand],
        last: Option<Held>,
    ) -> Run<Held> {
        let Some(function) = self.template.function(name) else {
            return self.fail(format_args!("{name:?} is not a defined function"));
        };
        if name == "and" || name == "or" {
            return self.and_or(dot, function, args, last);
        }
        let values = self.arguments(dot, name, function.wants, function.rest, args, last)?;
        match (function.call)(&values) {
            Ok(value) => Ok(Held::own(value)),
            Err(text) => {
                self.at(&command.place);
                // `call` names what it could not call.
                let text = match (name, args.first()) {
                    ("call", Some(first)) => text.replacen("function of", &format!("function {first} of"), 1),
                    _ => text,
                };
                self.fail(format_args!("error calling {name}: {text}"))
            }
        }
    }

    /// The first argument that decides; those after it are not looked at.
    fn and_or(
        &mut self,
        dot: &Value,
        function: &Function,
        args: &[Operand],
        last: Option<Held>,
    ) -> Run<Held> {
        if args.is_empty() && last.is_none() {
            return self
                .fail(format_args!("wrong number of args for {}: want at least 1 got 0", function.name));
        }
        let decides = function.name == "or";
        let mut value = Value::Nil;
        for arg in args {
            value = self.argument(dot, Want::Any, arg)?;
            if value.truth() == decides {
                return Ok(Held::own(value));
            }
        }
        Ok(Held::own(last.map_or(value, |last| last.value)))
    }

    /// The arguments of a call, checked against what it wants.
    fn arguments(
        &mut self,
        dot: &Value,
        name: &str,
        wants: &[Want],
        rest: Option<Want>,
        args: &[Operand],
        last: Option<Held>,
    ) -> Run<Vec<Value>> {
        let given = args.len() + usize::from(last.is_some());
        if rest.is_some() && given < wants.len() {
            return self.fail(format_args!(
                "wrong number of args for {name}: want at least {} got {}",
                wants.len(),
                args.len()
            ));
        }
        if rest.is_none() && given != wants.len() {
            return self
                .fail(format_args!("wrong number of args for {name}: want {} got {given}", wants.len()));
        }
        let want = |at: usize| wants.get(at).copied().or(rest).unwrap_or(Want::Any);
        let mut values = Vec::with_capacity(given);
        for (at, arg) in args.iter().enumerate() {
            values.push(self.argument(dot, want(at), arg)?);
        }
        if let Some(last) = last {
            values.push(self.checked(last.value, want(args.len()))?);
        }
        Ok(values)
    }

    fn argument(&mut self, dot: &Value, want: Want, word: &Operand) -> Run<Value> {
        self.at(&word.place);
        let value = match &word.kind {
            OperandKind::Dot => dot.clone(),
            OperandKind::Nil if want == Want::Any || want == Want::Texts => return Ok(Value::Nil),
            OperandKind::Nil => return self.fail(format_args!("cannot assign nil to {}", want.name())),
            OperandKind::Field(names) => {
                self.fields(dot, Held::own(dot.clone()), word, names, &[], None)?.value
            }
            OperandKind::Variable(names) => self.variable(dot, word, names, &[], None)?.value,
            OperandKind::Pipe(pipe) => self.pipeline(pipe, dot)?,
            OperandKind::Function(name) => {
                let command = Command { place: word.place.clone(), words: Vec::new() };
                self.function(dot, name, &command, &[], None)?.value
            }
            OperandKind::Chain(inner, names) => self.chain(dot, word, inner, names, &[], None)?.value,
            OperandKind::Literal(literal) => return self.constant(literal, want, word),
        };
        self.checked(value, want)
    }

    fn constant(&self, literal: &crate::node::Literal, want: Want, word: &Operand) -> Run<Value> {
        use crate::node::Literal;
        match (want, literal) {
            (Want::Int, Literal::Number(number)) if number.int.is_some() => {
                Ok(Value::int(number.int.unwrap_or_default()))
            }
            (Want::Int, _) => self.fail(format_args!("expected integer; found {word}")),
            (Want::Text, Literal::Text(text)) => Ok(Value::Text(Arc::clone(text))),
            (Want::Text, _) => self.fail(format_args!("expected string; found {word}")),
            (Want::Texts, _) => self.fail(format_args!("can't handle {word} for arg of type []string")),
            (Want::Any, literal) => match literal.value() {
                Some(value) => Ok(value),
                None => self.fail(format_args!("{word} overflows int")),
            },
        }
    }

    /// The value, if it is of the wanted type.
    fn checked(&self, value: Value, want: Want) -> Run<Value> {
        let fits = match (want, &value) {
            (Want::Any, _) | (Want::Texts, Value::Nil) => true,
            (Want::Text, Value::Text(_)) => true,
            (Want::Int, Value::Int(_, name)) => *name == "int",
            (Want::Texts, Value::List(list)) => &*list.of == "string",
            _ => false,
        };
        if fits {
            return Ok(value);
        }
        match value {
            Value::Nil => self.fail(format_args!("invalid value; expected {}", want.name())),
            Value::Pointer(Some(target), _) => self.checked((*target).clone(), want),
            value => self.fail(format_args!(
                "wrong type for value; expected {}; got {}",
                want.name(),
                value.type_name()
            )),
        }
    }
}
