//! JSON in and out: reading a body within its limits, and saying where one breaks the contract.

use std::borrow::Cow;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::problem::{BODY_TOO_LARGE, MALFORMED, Problem, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE};
use super::route::Call;

/// A body that must be there.
pub(super) async fn read<T: DeserializeOwned>(call: &mut Call) -> Result<T, Problem> {
    let body = receive(call, call.wire.config.body_bytes_max).await?;
    if body.is_empty() {
        return Err(Problem::malformed_body("", "this call needs a JSON body; it is empty"));
    }
    check_content_type(&call.headers)?;
    parse(&body)
}

/// A body that may be empty, which means the same as `{}`.
pub(super) async fn read_or_default<T>(call: &mut Call) -> Result<T, Problem>
where
    T: DeserializeOwned + Default,
{
    let body = receive(call, call.wire.config.body_bytes_max).await?;
    if body.is_empty() {
        return Ok(T::default());
    }
    check_content_type(&call.headers)?;
    parse(&body)
}

/// 200 with what is already rendered.
pub(super) fn rendered(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// 200 with `value`.
pub(super) fn answer<T: Serialize>(value: &T) -> Response {
    rendered(render(value))
}

/// `value` as JSON.
pub(super) fn render<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("answers have text keys and finite numbers only")
}

/// A body of any kind, in its bounds.
pub(super) async fn receive(call: &mut Call, bytes_max: usize) -> Result<Bytes, Problem> {
    let config = &call.wire.config;
    let body = std::mem::take(&mut call.body);
    match tokio::time::timeout(config.body_timeout, collect(body, bytes_max)).await {
        Ok(body) => body,
        Err(_) => Err(Problem::new(
            &REQUEST_TIMEOUT,
            format!(
                "the body did not arrive within {}",
                humantime::format_duration(config.body_timeout)
            ),
        )),
    }
}

/// Most bodies come in one piece, which is then not copied.
async fn collect(mut body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    // What is announced too large is not waited for.
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(body_too_large(bytes_max));
    }
    let mut first = Bytes::new();
    let mut rest = Vec::new();
    while let Some(frame) = body.frame().await {
        let broken = |_| Problem::new(&MALFORMED, "the body broke off before its end");
        let Ok(data) = frame.map_err(broken)?.into_data() else {
            continue;
        };
        if first.len() + rest.len() + data.len() > bytes_max {
            return Err(body_too_large(bytes_max));
        }
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    Ok([first.as_ref(), rest.as_slice()].concat().into())
}

fn body_too_large(bytes_max: usize) -> Problem {
    let detail = format!("a body has at most {bytes_max} bytes; send less at once");
    Problem::new(&BODY_TOO_LARGE, detail).with("bytes_max", bytes_max)
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let essence = content_type.and_then(|value| value.split(|byte| *byte == b';').next());
    if essence.is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(b"application/json"))
    {
        return Ok(());
    }
    let detail = match content_type {
        Some(value) => format!("the body is {}", String::from_utf8_lossy(value)),
        None => "the request has no content-type".into(),
    };
    Err(Problem::new(&UNSUPPORTED_MEDIA_TYPE, detail + "; send application/json"))
}

/// Parses at full speed, and once more with a trace only to say where it failed.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if let Some(at) = misplaced_array(body) {
        let detail = format!("an array at byte {at}, where the contract has none");
        return Err(Problem::malformed_body("", detail));
    }
    serde_json::from_slice(body).map_err(|error| {
        let traced = &mut serde_json::Deserializer::from_slice(body);
        match serde_path_to_error::deserialize::<_, T>(traced) {
            Ok(_) => Problem::malformed_body("", error.to_string()),
            Err(traced) => {
                Problem::malformed_body(&pointer(traced.path()), traced.inner().to_string())
            }
        }
    })
}

/// The fields whose value is a list; no list is an element of another.
const LISTS: [&[u8]; 4] = [b"commands", b"items", b"lines", b"skus"];

/// Where an array stands that is no list of the contract. Serde would take it for an object whose
/// fields come in the order of our source.
fn misplaced_array(body: &[u8]) -> Option<usize> {
    let mut text: &[u8] = b"";
    let mut is_named = false;
    let mut at = 0;
    while at < body.len() {
        match body[at] {
            b'"' => {
                let start = at + 1;
                at = start;
                while at < body.len() && body[at] != b'"' {
                    at += if body[at] == b'\\' { 2 } else { 1 };
                }
                text = &body[start..at.min(body.len())];
                is_named = false;
            }
            b':' => is_named = true,
            b'[' if !is_named || !LISTS.contains(&text) => return Some(at),
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => is_named = false,
        }
        at += 1;
    }
    None
}

/// RFC 6901, with its two escapes.
fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let step: Cow<'_, str> = match segment {
            Segment::Seq { index } => index.to_string().into(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1").into(),
            Segment::Enum { variant } => variant.into(),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&step);
    }
    pointer
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    #[test]
    fn an_array_stands_only_where_the_contract_has_a_list() {
        for fits in [r#"{"lines":[{"sku":"["}]}"#, r#"{"skus" : ["a\"[",""]}"#, "{", r#"{"lines"#] {
            assert_eq!(misplaced_array(fits.as_bytes()), None, "{fits}");
        }
        for (stray, at) in [
            ("[]", 0),
            (r#"{"lines":[["A",1]]}"#, 10),
            (r#"{"ship_to":["440305"]}"#, 11),
            (r#"{"commands":[{"confirm":["O-1",null]}]}"#, 24),
        ] {
            assert_eq!(misplaced_array(stray.as_bytes()), Some(at), "{stray}");
        }
    }

    /// A body that arrives in these pieces.
    struct Pieces(VecDeque<&'static str>);

    impl hyper::body::Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(Bytes::from(piece)))))
        }
    }

    fn collected(pieces: &[&'static str], bytes_max: usize) -> Result<Bytes, u16> {
        let body = Body::new(Pieces(pieces.iter().copied().collect()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(collect(body, bytes_max)).map_err(|problem| problem.kind.status.as_u16())
    }

    #[test]
    fn a_body_is_read_to_its_limit_and_not_beyond() {
        assert_eq!(collected(&[], 4), Ok(Bytes::new()));
        assert_eq!(collected(&["abcd"], 4), Ok(Bytes::from("abcd")));
        assert_eq!(collected(&["ab", "c", "d"], 4), Ok(Bytes::from("abcd")));
        assert_eq!(collected(&["abcde"], 4), Err(413));
        assert_eq!(collected(&["ab", "c", "de"], 4), Err(413));
    }

    #[test]
    fn only_json_is_taken() {
        for (content_type, taken) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/jsonp", false),
            ("text/plain", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
            assert_eq!(check_content_type(&headers).is_ok(), taken, "{content_type:?}");
        }
        assert!(check_content_type(&HeaderMap::new()).is_err());
    }
}
