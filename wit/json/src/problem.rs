//! What a caller reads when the answer is no: `application/problem+json` (RFC 9457).
//!
//! Every code a caller may meet is one `Kind` of the tables here and in `refusal.rs`; nothing else
//! makes up a status.

use crate::StatusCode;
use serde_json::{Map, Value};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A code with its status and title; the detail differs from case to case.
#[derive(Debug, PartialEq)]
pub struct Kind {
    /// What programs look at.
    pub code: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// What people read first.
    pub title: &'static str,
}

/// A table of kinds: `NAME = "code", STATUS, "title";` for each, and a static slice of all.
#[macro_export]
macro_rules! kinds {
    ($table:ident: $($name:ident = $code:literal, $status:ident, $title:literal;)+) => {
        $(
            #[doc = $title]
            pub static $name: $crate::problem::Kind = $crate::problem::Kind {
                code: $code,
                status: $crate::StatusCode::$status,
                title: $title,
            };
        )+
        /// Every kind of this table, for the OpenAPI document and the tests.
        pub static $table: &[&$crate::problem::Kind] = &[$(&$name),+];
    };
}

crate::kinds! { WIRE_KINDS:
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
#[derive(Debug, PartialEq)]
pub struct Problem {
    /// Which no.
    pub kind: &'static Kind,
    /// One sentence with the numbers, for people.
    pub detail: String,
    /// The numbers, for programs.
    pub members: Map<String, Value>,
    /// After how many seconds to ask again, where that may help.
    pub retry_after_s: Option<u32>,
    /// The same refusal was given before, to the same request.
    pub replayed: bool,
    /// What the log should know and the caller should not.
    pub cause: Option<String>,
}

/// A detail never repeats more of a request than this.
const DETAIL_BYTES_MAX: usize = 400;

impl Problem {
    /// A no with its sentence.
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > DETAIL_BYTES_MAX {
            let end = (0..=DETAIL_BYTES_MAX).rfind(|at| detail.is_char_boundary(*at));
            detail.truncate(end.unwrap_or(0));
            detail.push('…');
        }
        let members = Map::new();
        Self { kind, detail, members, retry_after_s: None, replayed: false, cause: None }
    }

    /// A body that breaks the contract at `pointer` (RFC 6901).
    pub fn malformed_body(pointer: &str, detail: impl Into<String>) -> Self {
        let pointer: String = pointer.chars().take(DETAIL_BYTES_MAX).collect();
        Self::new(&MALFORMED, detail).with("pointer", pointer)
    }

    /// A part of the path or of the query that breaks the contract.
    pub fn malformed_parameter(name: &str, detail: impl Into<String>) -> Self {
        let name: String = name.chars().take(DETAIL_BYTES_MAX).collect();
        Self::new(&MALFORMED, detail).with("parameter", name)
    }

    /// The same of a body that is a part of another, at this pointer.
    #[must_use]
    pub fn within(mut self, pointer: &str) -> Self {
        if let Some(Value::String(inner)) = self.members.get_mut("pointer") {
            inner.insert_str(0, pointer);
        }
        self
    }

    /// Adds a number behind the no.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Sends `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// `code`, `detail` and the numbers: what stands in a batch's outcome.
    pub fn into_members(self) -> Map<String, Value> {
        let mut object = self.members;
        object.insert("code".into(), self.kind.code.into());
        object.insert("detail".into(), self.detail.into());
        if let Some(seconds) = self.retry_after_s {
            object.insert("retry_after_s".into(), seconds.into());
        }
        object
    }

    /// The body of an `application/problem+json` answer.
    pub fn into_body(self) -> String {
        let kind = self.kind;
        let mut object = self.into_members();
        object.insert("type".into(), format!("/problems/{}", kind.code).into());
        object.insert("title".into(), kind.title.into());
        object.insert("status".into(), kind.status.as_u16().into());
        Value::Object(object).to_string()
    }
}

/// A refusal or a fault within a batch: a problem without what HTTP would add.
pub struct Refused;

impl Refused {
    /// The schema, to which a problem adds.
    pub fn object() -> ObjectBuilder {
        ObjectBuilder::new()
            .property("code", Ref::from_schema_name("Code"))
            .required("code")
            .property("detail", ObjectBuilder::new().schema_type(Type::String))
            .required("detail")
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
    }
}

impl PartialSchema for Refused {
    fn schema() -> RefOr<Schema> {
        Self::object().into()
    }
}

impl ToSchema for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_repeats_only_the_beginning_of_a_long_request() {
        let problem = Problem::new(&MALFORMED, "é".repeat(1_000_000));
        assert!(problem.detail.len() <= DETAIL_BYTES_MAX + '…'.len_utf8());
        assert!(problem.detail.ends_with("é…"));
    }
}
