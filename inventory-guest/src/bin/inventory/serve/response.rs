//! Answers as bytes.

use inventory_json::StatusCode;
use inventory_json::parse::render;
use inventory_json::problem::{METHOD_NOT_ALLOWED, Problem};
use serde::Serialize;

/// Whether the connection stays open after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    KeepAlive,
    Close,
}

/// An answer, but for what becomes of its connection.
#[derive(Debug)]
pub(crate) struct Response {
    status: StatusCode,
    content_type: &'static str,
    /// Further headers, each with its line end.
    headers: String,
    body: Vec<u8>,
}

impl Response {
    /// 200 with `value`.
    pub(crate) fn json<T: Serialize>(value: &T) -> Self {
        Self {
            status: StatusCode::OK,
            content_type: "application/json",
            headers: String::new(),
            body: render(value),
        }
    }

    /// 304: the caller has what it asks for.
    pub(crate) fn not_modified() -> Self {
        Self {
            status: StatusCode::NOT_MODIFIED,
            content_type: "application/json",
            headers: String::new(),
            body: Vec::new(),
        }
    }

    /// The request came before, and this is what it was told.
    pub(crate) fn replayed(mut self) -> Self {
        self.headers.push_str("idempotent-replay: true\r\n");
        self
    }

    /// The version of the entry that is answered.
    pub(crate) fn with_etag(mut self, version: u64) -> Self {
        use std::fmt::Write as _;
        // A string takes all that is written.
        let _ = write!(self.headers, "etag: \"{version}\"\r\n");
        self
    }

    pub(crate) fn write(&self, after: After, out: &mut Vec<u8>) {
        let reason = self.status.canonical_reason().unwrap_or_default();
        let connection = match after {
            After::KeepAlive => "",
            After::Close => "connection: close\r\n",
        };
        let (status, headers) = (self.status.as_u16(), &self.headers);
        // A 304 would say how long the 200 had been.
        let body = if self.status == StatusCode::NOT_MODIFIED {
            String::new()
        } else {
            let (content_type, length) = (self.content_type, self.body.len());
            format!("content-type: {content_type}\r\ncontent-length: {length}\r\n")
        };
        let head = format!("HTTP/1.1 {status} {reason}\r\n{body}{headers}{connection}\r\n");
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(&self.body);
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        use std::fmt::Write as _;
        let status = problem.kind.status;
        let mut headers = String::new();
        if let Some(seconds) = problem.retry_after_s {
            // A string takes all that is written.
            let _ = write!(headers, "retry-after: {seconds}\r\n");
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.push_str("www-authenticate: Bearer\r\n");
        }
        if let (true, Some(allowed)) =
            (problem.kind == &METHOD_NOT_ALLOWED, problem.members.get("allow"))
        {
            let _ = write!(headers, "allow: {}\r\n", allowed.as_str().unwrap_or_default());
        }
        let replayed = problem.replayed;
        let content_type = "application/problem+json";
        let body = problem.into_body().into_bytes();
        let response = Self { status, content_type, headers, body };
        if replayed { response.replayed() } else { response }
    }
}
