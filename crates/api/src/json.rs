//! Bodies of requests: one JSON document, and if it is none, or not of the request's form, what Docker says to that.
//!
//! Programs and people read those texts, so they are Go's. Reading goes through serde; only when that fails is the body
//! looked at a second time, slowly, for Go's words: [`syntax`] for documents that are none, [`mistake`] for values of
//! another type than their field.

pub(crate) mod mistake;
pub(crate) mod syntax;

use errdefs::invalid;
use serde::de::DeserializeOwned;

use crate::wire::Value;

/// What can be the body of a request.
pub trait Body: DeserializeOwned + Default {
    /// Looks for the first thing in a body that is not as it should be.
    ///
    /// # Errors
    /// What Go says to that.
    fn examine(bytes: &[u8]) -> Result<(), String>;
}

impl<T: Value + DeserializeOwned> Body for T {
    fn examine(bytes: &[u8]) -> Result<(), String> {
        mistake::find::<T>(&syntax::parse(bytes)?)
    }
}

/// Reads a body; `None` if there is none.
///
/// # Errors
/// InvalidParameter in the words of Go's decoder.
pub fn read<T: Body>(bytes: &[u8]) -> errdefs::Result<Option<T>> {
    let mut documents = serde_json::Deserializer::from_slice(bytes).into_iter::<Option<T>>();
    // serde would also fill a struct from an array, field by field.
    let first = if bytes.trim_ascii_start().starts_with(b"[") { Some(Err(None)) } else { None };
    match first.or_else(|| documents.next().map(|read| read.map_err(Some))) {
        None => Ok(None),
        Some(Err(error)) => Err(invalid(format!("invalid JSON: {}", explain::<T>(bytes, error)))),
        Some(Ok(value)) => {
            let rest = &bytes[documents.byte_offset()..];
            if rest.iter().all(u8::is_ascii_whitespace) {
                Ok(Some(value.unwrap_or_default()))
            } else {
                Err(invalid("unexpected content after JSON"))
            }
        }
    }
}

/// What is wrong with a document, in the words of Go's decoder; nothing if it is one.
///
/// # Errors
/// Those words.
pub fn check_syntax(bytes: &[u8]) -> Result<(), String> {
    syntax::parse(bytes).map(drop)
}

/// Whether a text is one JSON document.
///
/// # Errors
/// What Go's `json.Unmarshal` says to one that is not.
pub fn check(text: &[u8]) -> Result<(), String> {
    syntax::whole(text).map_err(|why| match why.as_str() {
        // A stream would have gone on.
        "unexpected EOF" => "unexpected end of JSON input".to_owned(),
        _ => why,
    })
}

/// Why a body is not a `T`, in Go's words; in serde's, if Go would have taken it.
fn explain<T: Body>(bytes: &[u8], error: Option<serde_json::Error>) -> String {
    match (T::examine(bytes), error) {
        (Err(text), _) => text,
        (Ok(()), Some(error)) => error.to_string(),
        (Ok(()), None) => "json: an object is needed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<T: Body + std::fmt::Debug>(body: &[u8]) -> String {
        match read::<T>(body) {
            Ok(value) => format!("{value:?}"),
            Err(error) => error.to_string().trim_start_matches("invalid JSON: ").to_owned(),
        }
    }

    #[test]
    fn documents_are_checked_in_the_words_of_unmarshal() {
        for (text, why) in [
            ("", "unexpected end of JSON input"),
            ("{", "unexpected end of JSON input"),
            ("x", "invalid character 'x' looking for beginning of value"),
            ("{} x", "invalid character 'x' after top-level value"),
        ] {
            assert_eq!(check(text.as_bytes()).unwrap_err(), why);
        }
        check(b" {\"a\":[1]} \n").unwrap();
    }

    /// Each line of the fixture: which request, its body, and what Docker 28.5 said.
    #[test]
    fn mistyped_values_are_told_as_docker_does() {
        let mut wrong = Vec::new();
        let lines = include_str!("../golden/mistyped.txt").lines();
        for line in lines.clone() {
            let [request, body, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let body = body.as_bytes();
            let found = match request {
                "container" => text::<crate::container::CreateRequest>(body),
                "update" => text::<crate::container::UpdateRequest>(body),
                "exec" => text::<crate::exec::CreateRequest>(body),
                "execstart" => text::<crate::exec::StartRequest>(body),
                "network" => text::<crate::network::CreateRequest>(body),
                "connect" => text::<crate::network::ConnectRequest>(body),
                "disconnect" => text::<crate::network::DisconnectRequest>(body),
                "volume" => text::<crate::volume::CreateRequest>(body),
                other => panic!("{other}"),
            };
            if found != expected {
                wrong.push(format!("{line}\n  {found}"));
            }
        }
        assert!(lines.count() > 300);
        assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn one_document_and_nothing_after_it() {
        let ask = |body: &[u8]| {
            let read = read::<crate::exec::StartRequest>(body);
            read.map(|value| value.map(|value| value.tty)).map_err(|error| error.to_string())
        };
        assert_eq!(ask(br#"{"Tty":true}"#), Ok(Some(true)));
        assert_eq!(ask(b"{} \n"), Ok(Some(false)));
        assert_eq!(ask(b"null"), Ok(Some(false)));
        assert_eq!(ask(b" "), Ok(None));
        assert_eq!(ask(b"{}{}"), Err("unexpected content after JSON".into()));
        assert_eq!(ask(b"{"), Err("invalid JSON: unexpected EOF".into()));
        assert_eq!(ask(br#"{"Tty":7} ["#), Err("invalid JSON: json: cannot unmarshal number into Go struct field ExecStartOptions.Tty of type bool".into()));
    }
}
