//! JSON in and out: reading a body within its limits, and saying where one breaks the contract.

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use http_body_util::BodyExt;
pub(super) use inventory_json::parse::render;
use inventory_json::parse::{self, body_too_large};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use super::problem::{MALFORMED, Problem, REQUEST_TIMEOUT};
use super::refusal::QUEUE_FULL;
use super::route::Call;

/// Bytes of all bodies that are arriving, together; more, where a single one may be larger.
const ARRIVING_BYTES_MAX: usize = 64 << 20;
/// What each body may have beside that: the small ones come through whatever the large ones do.
const SMALL_BYTES: usize = 8 * 1_024;

/// Room for bodies that have begun to arrive, in bytes.
pub(super) fn room(body_bytes_max: usize) -> Semaphore {
    Semaphore::new(ARRIVING_BYTES_MAX.max(body_bytes_max))
}

/// A body that must be there.
pub(super) async fn read<T: DeserializeOwned>(call: &mut Call) -> Result<T, Problem> {
    let body = receive(call, call.wire.config.body_bytes_max).await?;
    parse::body(content_type(&call.headers), &body)
}

/// A body that may be empty, which means the same as `{}`.
pub(super) async fn read_or_default<T>(call: &mut Call) -> Result<T, Problem>
where
    T: DeserializeOwned + Default,
{
    let body = receive(call, call.wire.config.body_bytes_max).await?;
    parse::body_or_default(content_type(&call.headers), &body)
}

/// The header that says what a body is.
pub(super) fn content_type(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes)
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

/// A body of any kind, in its bounds.
pub(super) async fn receive(call: &mut Call, bytes_max: usize) -> Result<Bytes, Problem> {
    let config = &call.wire.config;
    let body = std::mem::take(&mut call.body);
    let collect = collect(body, bytes_max, &call.wire.room);
    match tokio::time::timeout(config.body_timeout, collect).await {
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

/// Most bodies come in one piece, which is then not copied. What the others have so far takes room.
async fn collect(mut body: Body, bytes_max: usize, room: &Semaphore) -> Result<Bytes, Problem> {
    // What is announced too large is not waited for.
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(body_too_large(bytes_max));
    }
    let mut first = Bytes::new();
    let mut rest = Vec::new();
    let none_left = |_| {
        let detail = "too many bytes are arriving at once; nothing was done";
        Problem::new(&QUEUE_FULL, detail).retry_after(1)
    };
    let mut taken = room.try_acquire_many(0).map_err(none_left)?;
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
        let more = (first.len() + rest.len()).saturating_sub(SMALL_BYTES + taken.num_permits());
        if more > 0 && !body.is_end_stream() {
            let more = u32::try_from(more).unwrap_or(u32::MAX);
            taken.merge(room.try_acquire_many(more).map_err(none_left)?);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    Ok([first.as_ref(), rest.as_slice()].concat().into())
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

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
        let room = room(bytes_max);
        runtime
            .block_on(collect(body, bytes_max, &room))
            .map_err(|problem| problem.kind.status.as_u16())
    }

    #[test]
    fn a_body_is_read_to_its_limit_and_not_beyond() {
        assert_eq!(collected(&[], 4), Ok(Bytes::new()));
        assert_eq!(collected(&["abcd"], 4), Ok(Bytes::from("abcd")));
        assert_eq!(collected(&["ab", "c", "d"], 4), Ok(Bytes::from("abcd")));
        assert_eq!(collected(&["abcde"], 4), Err(413));
        assert_eq!(collected(&["ab", "c", "de"], 4), Err(413));
    }
}
