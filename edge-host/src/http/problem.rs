//! What a caller reads when the answer is no: `application/problem+json` (RFC 9457).
//!
//! Every code a caller may meet is one `Kind` of the tables here and in `refusal.rs`; nothing else
//! makes up a status.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

/// A code with its status and title; the detail differs from case to case.
#[derive(Debug, PartialEq)]
pub(super) struct Kind {
    pub(super) code: &'static str,
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
}

macro_rules! kinds {
    ($table:ident: $($name:ident = $code:literal, $status:ident, $title:literal;)+) => {
        $(pub(super) static $name: Kind =
            Kind { code: $code, status: axum::http::StatusCode::$status, title: $title };)+
        /// Every kind of this table, for the OpenAPI document and the tests.
        pub(super) static $table: &[&Kind] = &[$(&$name),+];
    };
}
pub(super) use kinds;

kinds! { WIRE_KINDS:
    MALFORMED = "malformed", BAD_REQUEST, "The request does not follow the contract";
    UNAUTHORIZED = "unauthorized", UNAUTHORIZED, "A valid bearer token is needed";
    FORBIDDEN = "forbidden", FORBIDDEN, "The token's role does not allow this";
    NO_ROUTE = "no_route", NOT_FOUND, "There is nothing at this path";
    METHOD_NOT_ALLOWED = "method_not_allowed", METHOD_NOT_ALLOWED, "The path knows other methods";
    REQUEST_TIMEOUT = "request_timeout", REQUEST_TIMEOUT, "The body did not arrive in time";
    BODY_TOO_LARGE = "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE,
        "The body must be application/json";
    NOT_READY = "not_ready", SERVICE_UNAVAILABLE, "The node does not serve yet, or no longer";
}

/// A "no" on its way to the caller.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) kind: &'static Kind,
    /// One sentence with the numbers, for people.
    pub(super) detail: String,
    /// The numbers, for programs.
    pub(super) members: Map<String, Value>,
    pub(super) retry_after_s: Option<u32>,
    /// The same refusal was given before, to the same request.
    pub(super) replayed: bool,
    /// What the log should know and the caller should not.
    pub(super) cause: Option<String>,
}

/// A detail never repeats more of a request than this.
const DETAIL_BYTES_MAX: usize = 400;

impl Problem {
    pub(super) fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > DETAIL_BYTES_MAX {
            detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
            detail.push('…');
        }
        let members = Map::new();
        Self { kind, detail, members, retry_after_s: None, replayed: false, cause: None }
    }

    /// A body that breaks the contract at `pointer` (RFC 6901).
    pub(super) fn malformed_body(pointer: &str, detail: impl Into<String>) -> Self {
        let pointer: String = pointer.chars().take(DETAIL_BYTES_MAX).collect();
        Self::new(&MALFORMED, detail).with("pointer", pointer)
    }

    /// A part of the path or of the query that breaks the contract.
    pub(super) fn malformed_parameter(name: &str, detail: impl Into<String>) -> Self {
        let name: String = name.chars().take(DETAIL_BYTES_MAX).collect();
        Self::new(&MALFORMED, detail).with("parameter", name)
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Sends `Retry-After`.
    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// `code`, `detail` and the numbers: what stands in a batch's outcome.
    pub(super) fn into_members(self) -> Map<String, Value> {
        let mut object = self.members;
        object.insert("code".into(), self.kind.code.into());
        object.insert("detail".into(), self.detail.into());
        if let Some(seconds) = self.retry_after_s {
            object.insert("retry_after_s".into(), seconds.into());
        }
        object
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { kind, retry_after_s, replayed, .. } = self;
        let mut object = self.into_members();
        object.insert("type".into(), format!("/problems/{}", kind.code).into());
        object.insert("title".into(), kind.title.into());
        object.insert("status".into(), kind.status.as_u16().into());

        let mut response = Response::new(Body::from(Value::Object(object).to_string()));
        *response.status_mut() = kind.status;
        let headers = response.headers_mut();
        let problem_json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, problem_json);
        if let Some(seconds) = retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if kind.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if replayed {
            headers.insert(super::IDEMPOTENT_REPLAY, HeaderValue::from_static("true"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_repeats_only_the_beginning_of_a_long_request() {
        let problem = Problem::new(&MALFORMED, "é".repeat(1_000_000));
        assert!(problem.detail.len() <= DETAIL_BYTES_MAX + '…'.len_utf8());
        assert!(problem.detail.ends_with("é…"));
    }

    #[test]
    fn a_problem_becomes_its_status_and_headers() {
        let problem = Problem::new(&NOT_READY, "wait").retry_after(3);
        let response = problem.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "3");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
}
