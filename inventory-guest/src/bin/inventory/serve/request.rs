//! A request as it stands in a connection's bytes.

use inventory_json::parse::body_too_large;
use inventory_json::problem::{MALFORMED, Problem};

/// A request's line and headers together.
pub(crate) const HEAD_BYTES_MAX: usize = 32 * 1_024;

const HEADERS_MAX: usize = 64;

/// A whole request.
#[derive(Debug, PartialEq)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) authorization: Option<&'a [u8]>,
    pub(crate) content_type: Option<&'a [u8]>,
    pub(crate) if_match: Option<&'a [u8]>,
    pub(crate) if_none_match: Option<&'a [u8]>,
    /// What time it is, in tests.
    pub(crate) now: Option<&'a [u8]>,
    pub(crate) body: &'a [u8],
    /// Whether the caller may ask more on this connection.
    pub(crate) keep_alive: bool,
    /// How many bytes it takes.
    pub(crate) length: usize,
}

/// What begins a connection's unread bytes.
#[derive(Debug, PartialEq)]
pub(crate) enum Arrived<'a> {
    Whole(Request<'a>),
    /// More is to come. `continue`: the caller waits to be told that its body is wanted.
    Part {
        wants_continue: bool,
    },
}

/// The first request in `bytes`. After an error nothing that follows can be understood.
pub(crate) fn first(bytes: &[u8], body_bytes_max: usize) -> Result<Arrived<'_>, Problem> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let head_bytes = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_BYTES_MAX => length,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => {
            return Ok(Arrived::Part { wants_continue: false });
        }
        Ok(_) => return Err(malformed(format!("a head has at most {HEAD_BYTES_MAX} bytes"))),
        Err(error) => return Err(malformed(format!("this is not HTTP/1.1: {error}"))),
    };
    let seen = Headers::of(head.headers)?;
    if seen.body_bytes > body_bytes_max {
        return Err(body_too_large(body_bytes_max));
    }
    let length = head_bytes + seen.body_bytes;
    let Some(body) = bytes.get(head_bytes..length) else {
        return Ok(Arrived::Part { wants_continue: seen.wants_continue });
    };
    let target = head.path.expect("a complete head has a target");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok(Arrived::Whole(Request {
        method: head.method.expect("a complete head has a method"),
        path,
        query,
        authorization: seen.authorization,
        content_type: seen.content_type,
        if_match: seen.if_match,
        if_none_match: seen.if_none_match,
        now: seen.now,
        body,
        keep_alive: seen.keep_alive.unwrap_or(head.version == Some(1)),
        length,
    }))
}

/// The headers that mean something here.
#[derive(Default)]
struct Headers<'a> {
    authorization: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
    if_match: Option<&'a [u8]>,
    if_none_match: Option<&'a [u8]>,
    now: Option<&'a [u8]>,
    body_bytes: usize,
    keep_alive: Option<bool>,
    wants_continue: bool,
}

impl<'a> Headers<'a> {
    fn of(headers: &[httparse::Header<'a>]) -> Result<Self, Problem> {
        let mut seen = Self::default();
        let mut length: Option<&[u8]> = None;
        for httparse::Header { name, value } in headers {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("authorization") {
                seen.authorization = Some(value);
            } else if is("content-type") {
                seen.content_type = Some(value);
            } else if is("if-match") {
                seen.if_match = Some(value);
            } else if is("if-none-match") {
                seen.if_none_match = Some(value);
            } else if is("content-length") {
                // Two that differ are how requests are smuggled past a proxy.
                if length.replace(value).is_some_and(|before| before != *value) {
                    return Err(malformed("two values of content-length".into()));
                }
            } else if is("transfer-encoding") {
                let detail = "a body is sent whole, with a content-length";
                return Err(malformed(detail.into()));
            } else if is("connection") {
                let has = |word: &[u8]| {
                    let mut words = value.split(|byte| *byte == b',');
                    words.any(|it| it.trim_ascii().eq_ignore_ascii_case(word))
                };
                if has(b"close") {
                    seen.keep_alive = Some(false);
                } else if has(b"keep-alive") {
                    seen.keep_alive = Some(true);
                }
            } else if is("expect") {
                seen.wants_continue = value.eq_ignore_ascii_case(b"100-continue");
            } else if is("edge-inventory-now") {
                seen.now = Some(value);
            }
        }
        if let Some(length) = length {
            let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            let number = std::str::from_utf8(length).ok().filter(|_| digits);
            let number = number.ok_or_else(|| malformed("content-length is no number".into()))?;
            // More digits than a usize has are certainly too large.
            seen.body_bytes = number.parse().unwrap_or(usize::MAX);
        }
        Ok(seen)
    }
}

fn malformed(detail: String) -> Problem {
    Problem::new(&MALFORMED, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Request<'_> {
        match first(text.as_bytes(), 100) {
            Ok(Arrived::Whole(request)) => request,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn requests_stand_one_after_the_other() {
        let text =
            "POST /v1/batch?a=1 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}GET / HTTP/1.0\r\n\r\n";
        let request = whole(text);
        assert_eq!((request.method, request.path, request.query), ("POST", "/v1/batch", "a=1"));
        assert_eq!((request.body, request.keep_alive), (&b"{}"[..], true));
        let next = whole(&text[request.length..]);
        assert_eq!((next.method, next.keep_alive), ("GET", false));
    }

    #[test]
    fn a_part_of_a_request_waits_for_the_rest() {
        let text = "POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n{}";
        for end in 0..text.len() {
            let arrived = first(&text.as_bytes()[..end], 100);
            let has_head = end >= text.len() - 2;
            assert_eq!(arrived, Ok(Arrived::Part { wants_continue: has_head }), "{end}");
        }
        assert_eq!(whole(text).body, b"{}");
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for (text, status) in [
            ("nonsense\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\ncontent-length: +1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\ncontent-length: 101\r\n\r\n", 413),
            ("POST / HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n\r\n", 413),
        ] {
            let problem = first(text.as_bytes(), 100).unwrap_err();
            assert_eq!(problem.kind.status.as_u16(), status, "{text:?}");
        }
        let endless = "x".repeat(HEAD_BYTES_MAX);
        assert!(first(format!("GET /{endless}").as_bytes(), 100).is_err());
    }
}
