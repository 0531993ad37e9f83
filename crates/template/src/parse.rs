//! From words to a tree. Messages are Go's, and so is when they are told: an unknown function or variable is a mistake of
//! the template, an unknown field one of its data.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::lex::{self, Kind, Token};
use crate::literal;
use crate::node::{Command, Control, Invocation, Literal, Node, Operand, OperandKind, Pipe, Place};

/// How deep parentheses and blocks may be nested: far more than anybody writes, and far less than the stack holds.
const DEPTH_MAX: usize = 200;

/// The templates of a source: the main one, and those that it defines.
pub(crate) struct Trees {
    pub(crate) main: Vec<Node>,
    pub(crate) defined: BTreeMap<String, Vec<Node>>,
}

/// Parses `source`; `knows` says which functions there are. The error is its line and its text.
pub(crate) fn parse(source: &str, knows: &dyn Fn(&str) -> bool) -> Result<Trees, (usize, String)> {
    let mut parser = Parser {
        tokens: lex::tokens(source),
        at: 0,
        knows,
        variables: vec!["$".to_owned()],
        ranges: 0,
        depth: 0,
        action_line: None,
        defined: BTreeMap::new(),
    };
    match parser.main() {
        Ok(main) => Ok(Trees { main, defined: parser.defined }),
        Err(text) => Err((parser.line(), text)),
    }
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    knows: &'a dyn Fn(&str) -> bool,
    /// The variables that are known here.
    variables: Vec<String>,
    /// `range`s around this place.
    ranges: usize,
    depth: usize,
    /// Where the action began that is being read.
    action_line: Option<usize>,
    defined: BTreeMap<String, Vec<Node>>,
}

/// How a list of nodes ended.
#[derive(Clone, Copy, PartialEq)]
enum Ending {
    End,
    Else,
}

impl Ending {
    fn shown(self) -> &'static str {
        match self {
            Ending::End => "{{end}}",
            Ending::Else => "{{else}}",
        }
    }
}

/// A node, or the end of the list that it would be in.
enum Item {
    Node(Option<Node>),
    Ending(Ending),
}

type Parsed<T> = Result<T, String>;

impl Parser<'_> {
    fn line(&self) -> usize {
        self.tokens.get(self.at.saturating_sub(1)).or(self.tokens.last()).map_or(1, |token| token.line)
    }

    fn peek(&self) -> &Token {
        // The last word, an end or a mistake, comes again and again.
        self.tokens.get(self.at).unwrap_or_else(|| &self.tokens[self.tokens.len() - 1])
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at = (self.at + 1).min(self.tokens.len());
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.at += 1;
        }
    }

    fn peek_word(&mut self) -> Token {
        self.skip_space();
        self.peek().clone()
    }

    fn next_word(&mut self) -> Token {
        self.skip_space();
        self.next()
    }

    fn unexpected<T>(&self, token: &Token, context: &str) -> Parsed<T> {
        if token.kind != Kind::Error {
            return Err(format!("unexpected {} in {context}", token.shown()));
        }
        let started = self.action_line.filter(|line| *line != token.line).map_or_else(String::new, |line| {
            let action = if token.text.ends_with(" action") { "" } else { " in action" };
            format!("{action} started at :{line}")
        });
        Err(format!("{}{started}", token.text))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token> {
        let token = self.next_word();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    /// Runs `inner` one level deeper.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH_MAX {
            return Err(format!("exceeded maximum nesting depth ({DEPTH_MAX})"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn main(&mut self) -> Parsed<Vec<Node>> {
        let mut nodes = Vec::new();
        while self.peek().kind != Kind::Eof {
            let before = self.at;
            if self.next().kind == Kind::LeftDelim && self.next_word().kind == Kind::Define {
                self.definition()?;
                continue;
            }
            self.at = before;
            match self.text_or_action()? {
                Item::Node(node) => nodes.extend(node),
                Item::Ending(ending) => return Err(format!("unexpected {}", ending.shown())),
            }
        }
        Ok(nodes)
    }

    fn definition(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let name = self.template_name(CONTEXT)?.0;
        self.expect(Kind::RightDelim, CONTEXT)?;
        let outside = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let ranges = std::mem::take(&mut self.ranges);
        let list = self.closed_list(CONTEXT)?;
        (self.variables, self.ranges) = (outside, ranges);
        self.define(name, list)
    }

    /// A list of nodes that only `end` may end.
    fn closed_list(&mut self, context: &str) -> Parsed<Vec<Node>> {
        match self.deeper(Self::item_list)? {
            (list, Ending::End) => Ok(list),
            (_, ending) => Err(format!("unexpected {} in {context}", ending.shown())),
        }
    }

    fn define(&mut self, name: String, list: Vec<Node>) -> Parsed<()> {
        let is_empty = |list: &[Node]| {
            list.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
        };
        match self.defined.get(&name) {
            Some(there) if !is_empty(there) && !is_empty(&list) => {
                Err(format!("template: multiple definition of template {name:?}"))
            }
            Some(there) if !is_empty(there) => Ok(()),
            _ => {
                self.defined.insert(name, list);
                Ok(())
            }
        }
    }

    fn item_list(&mut self) -> Parsed<(Vec<Node>, Ending)> {
        let mut list = Vec::new();
        while self.peek_word().kind != Kind::Eof {
            match self.text_or_action()? {
                Item::Node(node) => list.extend(node),
                Item::Ending(ending) => return Ok((list, ending)),
            }
        }
        self.next();
        Err("unexpected EOF".to_owned())
    }

    fn text_or_action(&mut self) -> Parsed<Item> {
        let token = self.next_word();
        match token.kind {
            Kind::Text => Ok(Item::Node(Some(Node::Text(Arc::from(token.text))))),
            Kind::LeftDelim => {
                self.action_line = Some(token.line);
                let item = self.action();
                if item.is_ok() {
                    self.action_line = None;
                }
                item
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Parsed<Item> {
        let token = self.next_word();
        let node = match token.kind {
            Kind::Block => self.block()?,
            Kind::Break => self.leave_or_go_on("{{break}}", Node::Break)?,
            Kind::Continue => self.leave_or_go_on("{{continue}}", Node::Continue)?,
            Kind::Else => return self.otherwise(),
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Item::Ending(Ending::End));
            }
            Kind::If => Node::If(self.control("if", Kind::If)?),
            Kind::With => Node::With(self.control("with", Kind::With)?),
            Kind::Range => Node::Range(self.control("range", Kind::Eof)?),
            Kind::Template => self.template()?,
            _ => {
                self.at -= 1;
                Node::Action(self.pipeline("command", Kind::RightDelim)?)
            }
        };
        Ok(Item::Node(Some(node)))
    }

    fn leave_or_go_on(&mut self, shown: &str, node: Node) -> Parsed<Node> {
        let token = self.next_word();
        if token.kind != Kind::RightDelim {
            return self.unexpected(&token, shown);
        }
        if self.ranges == 0 {
            return Err(format!("{shown} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    fn otherwise(&mut self) -> Parsed<Item> {
        if !matches!(self.peek_word().kind, Kind::If | Kind::With) {
            self.expect(Kind::RightDelim, "else")?;
        }
        Ok(Item::Ending(Ending::Else))
    }

    fn control(&mut self, context: &str, own: Kind) -> Parsed<Control> {
        let known = self.variables.len();
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        let is_range = context == "range";
        self.ranges += usize::from(is_range);
        let (list, ending) = self.deeper(Self::item_list)?;
        self.ranges -= usize::from(is_range);
        let otherwise = match ending {
            Ending::End => None,
            Ending::Else if self.peek().kind == own => {
                // `else if` is an `if` in the other branch, and shares its end.
                self.next();
                let inner = self.deeper(|parser| parser.control(context, own))?;
                Some(vec![if own == Kind::If { Node::If(inner) } else { Node::With(inner) }])
            }
            Ending::Else => match self.deeper(Self::item_list)? {
                (list, Ending::End) => Some(list),
                (_, ending) => return Err(format!("expected end; found {}", ending.shown())),
            },
        };
        self.variables.truncate(known);
        Ok(Control { pipe, list, otherwise })
    }

    fn template_name(&mut self, context: &str) -> Parsed<(String, Token)> {
        let token = self.next_word();
        match token.kind {
            Kind::String | Kind::RawString => {
                Ok((literal::unquote(&token.text).ok_or("invalid syntax")?, token))
            }
            _ => self.unexpected(&token, context),
        }
    }

    fn block(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "block clause";
        let (name, token) = self.template_name(CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        let outside = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let ranges = std::mem::take(&mut self.ranges);
        let list = self.closed_list(CONTEXT)?;
        (self.variables, self.ranges) = (outside, ranges);
        self.define(name.clone(), list)?;
        Ok(invocation(name, Some(pipe), token.at))
    }

    fn template(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "template clause";
        let (name, token) = self.template_name(CONTEXT)?;
        if self.peek_word().kind == Kind::RightDelim {
            self.next();
            return Ok(invocation(name, None, token.at));
        }
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        Ok(invocation(name, Some(pipe), token.at))
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        let at = self.peek_word().at;
        let (variables, assigns) = self.declarations(context)?;
        let mut commands: Vec<Command> = Vec::new();
        loop {
            let token = self.next_word();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.at -= 1;
                    commands.push(self.command()?);
                }
                _ => return self.unexpected(&token, context),
            }
        }
        if commands.is_empty() {
            return Err(format!("missing value for {context}"));
        }
        for (at, command) in commands.iter().enumerate().skip(1) {
            if command.words.first().is_some_and(|word| !word.is_executable()) {
                return Err(format!("non executable command in pipeline stage {}", at + 1));
            }
        }
        let stages: Vec<&str> = commands.iter().map(|command| &*command.place.text).collect();
        let mut text = stages.join(" | ");
        if !variables.is_empty() {
            text = format!("{} {} {text}", variables.join(", "), if assigns { "=" } else { ":=" });
        }
        Ok(Pipe { place: Place { at, text: Rc::from(text) }, variables, assigns, commands })
    }

    /// The variables before `:=` or `=`, if there are any.
    fn declarations(&mut self, context: &str) -> Parsed<(Vec<String>, bool)> {
        let mut names = Vec::new();
        loop {
            let token = self.peek_word();
            if token.kind != Kind::Variable {
                return Ok((names, false));
            }
            let before = self.at;
            self.next();
            let next = self.peek_word();
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    self.next();
                    names.push(token.text.clone());
                    self.variables.push(token.text);
                    return Ok((names, next.kind == Kind::Assign));
                }
                Kind::Char if next.text == "," => {
                    self.next();
                    names.push(token.text.clone());
                    self.variables.push(token.text);
                    if context != "range" || names.len() > 1 {
                        return Err(format!("too many declarations in {context}"));
                    }
                    if !matches!(self.peek_word().kind, Kind::Variable | Kind::RightDelim | Kind::RightParen)
                    {
                        return Err("range can only initialize variables".to_owned());
                    }
                }
                _ => {
                    self.at = before;
                    return Ok((names, false));
                }
            }
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        let at = self.peek_word().at;
        let mut words = Vec::new();
        loop {
            self.skip_space();
            words.extend(self.operand()?);
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelim | Kind::RightParen => {
                    self.at -= 1;
                    break;
                }
                Kind::Pipe => break,
                _ => return self.unexpected(&token, "operand"),
            }
        }
        if words.is_empty() {
            return Err("empty command".to_owned());
        }
        let texts: Vec<String> = words.iter().map(in_command).collect();
        Ok(Command { place: Place { at, text: Rc::from(texts.join(" ")) }, words })
    }

    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(term) = self.term()? else { return Ok(None) };
        if self.peek().kind != Kind::Field {
            return Ok(Some(term));
        }
        let at = self.peek().at;
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(self.next().text.trim_start_matches('.').to_owned());
        }
        let text: Rc<str> = Rc::from(format!("{}.{}", in_command(&term), fields.join(".")));
        let place = Place { at, text };
        let kind = match term.kind {
            OperandKind::Field(mut names) => {
                names.append(&mut fields);
                OperandKind::Field(names)
            }
            OperandKind::Variable(mut names) => {
                names.append(&mut fields);
                OperandKind::Variable(names)
            }
            OperandKind::Dot | OperandKind::Nil | OperandKind::Literal(_) => {
                return Err(format!("unexpected . after term {:?}", &*term.place.text));
            }
            _ => OperandKind::Chain(Box::new(term), fields),
        };
        Ok(Some(Operand { place, kind }))
    }

    fn term(&mut self) -> Parsed<Option<Operand>> {
        let token = self.next_word();
        let kind = match token.kind {
            Kind::Identifier if !(self.knows)(&token.text) => {
                return Err(format!("function {:?} not defined", token.text));
            }
            Kind::Identifier => OperandKind::Function(token.text.clone()),
            Kind::Dot => OperandKind::Dot,
            Kind::Nil => OperandKind::Nil,
            Kind::Variable if !self.variables.contains(&token.text) => {
                return Err(format!("undefined variable {:?}", token.text));
            }
            Kind::Variable => OperandKind::Variable(vec![token.text.clone()]),
            Kind::Field => OperandKind::Field(vec![token.text.trim_start_matches('.').to_owned()]),
            Kind::Bool => OperandKind::Literal(Literal::Bool(token.text == "true")),
            Kind::Number => OperandKind::Literal(Literal::Number(literal::number(&token.text)?)),
            Kind::CharConstant => OperandKind::Literal(Literal::Number(literal::character(&token.text)?)),
            Kind::Complex => return Err(format!("illegal number syntax: {:?}", token.text)),
            Kind::String | Kind::RawString => {
                let text = literal::unquote(&token.text).ok_or("invalid syntax")?;
                OperandKind::Literal(Literal::Text(Arc::from(text)))
            }
            Kind::LeftParen => {
                let pipe =
                    self.deeper(|parser| parser.pipeline("parenthesized pipeline", Kind::RightParen))?;
                let text = Rc::clone(&pipe.place.text);
                let place = Place { at: pipe.place.at, text };
                return Ok(Some(Operand { place, kind: OperandKind::Pipe(pipe) }));
            }
            _ => {
                self.at -= 1;
                return Ok(None);
            }
        };
        Ok(Some(Operand { place: Place { at: token.at, text: Rc::from(token.text) }, kind }))
    }
}

/// A part as it stands in its command.
fn in_command(operand: &Operand) -> String {
    match operand.kind {
        OperandKind::Pipe(_) => format!("({operand})"),
        _ => operand.to_string(),
    }
}

fn invocation(name: String, pipe: Option<Pipe>, at: usize) -> Node {
    let data = pipe.as_ref().map_or_else(String::new, |pipe| format!(" {}", pipe.place.text));
    let text = Rc::from(format!("{{{{template {name:?}{data}}}}}"));
    Node::Template(Invocation { name, pipe, place: Place { at, text } })
}
