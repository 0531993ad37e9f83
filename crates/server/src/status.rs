//! The only place where an error class becomes an HTTP status.

use errdefs::Class;
use hyper::StatusCode;

/// moby's mapping.
pub(crate) fn of(class: Class) -> StatusCode {
    match class {
        Class::NotFound => StatusCode::NOT_FOUND,
        Class::InvalidParameter => StatusCode::BAD_REQUEST,
        Class::Conflict => StatusCode::CONFLICT,
        Class::Unauthorized => StatusCode::UNAUTHORIZED,
        Class::Forbidden => StatusCode::FORBIDDEN,
        Class::NotModified => StatusCode::NOT_MODIFIED,
        Class::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Class::NotImplemented => StatusCode::NOT_IMPLEMENTED,
        Class::Cancelled | Class::DeadlineExceeded | Class::System => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
