//! A "no" as a response: `application/problem+json` (RFC 9457).

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
pub(super) use inventory_json::problem::*;

/// The status, headers and body of a problem.
pub(super) fn respond(problem: Problem) -> Response {
    let Problem { kind, retry_after_s, replayed, .. } = problem;
    let mut response = Response::new(Body::from(problem.into_body()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_becomes_its_status_and_headers() {
        let response = respond(Problem::new(&NOT_READY, "wait").retry_after(3));
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "3");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
}
