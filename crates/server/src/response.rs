//! Building answers: JSON with its newline, empty ones, errors in Docker's form.

use bytes::Bytes;
use errdefs::{Error, Result};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use crate::body::Body;
use crate::status;

/// What handlers give.
pub(crate) type Answer = Result<Response<Body>>;

/// 200 with a JSON document and a newline, as Go's encoder writes it.
pub(crate) fn json(value: &impl Serialize) -> Answer {
    json_status(StatusCode::OK, value)
}

/// A JSON document under another status.
pub(crate) fn json_status(code: StatusCode, value: &impl Serialize) -> Answer {
    let mut bytes = serde_json::to_vec(value).map_err(|error| errdefs::system(error.to_string()))?;
    bytes.push(b'\n');
    Ok(with(code, "application/json", Body::Full(bytes.into())))
}

/// No content.
pub(crate) fn empty(code: StatusCode) -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    Ok(response)
}

/// 204.
pub(crate) fn no_content() -> Answer {
    empty(StatusCode::NO_CONTENT)
}

/// Plain text.
pub(crate) fn text(code: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    with(code, "text/plain; charset=utf-8", Body::Full(text.into()))
}

/// Any body of any type.
pub(crate) fn with(code: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// `{"message": ...}` under the status of the error's class.
pub(crate) fn error(error: &Error) -> Response<Body> {
    let code = status::of(error.class());
    if code == StatusCode::NOT_MODIFIED {
        // A 304 has no body.
        let mut response = Response::new(Body::empty());
        *response.status_mut() = code;
        return response;
    }
    let body = api::error::ErrorResponse { message: error.to_string() };
    let mut bytes = serde_json::to_vec(&body).unwrap_or_default();
    bytes.push(b'\n');
    with(code, "application/json", Body::Full(bytes.into()))
}
