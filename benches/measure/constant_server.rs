//! The limit for reads: axum as its manual shows it, answering every request with the same bytes.
//! Runs as a process of its own, which is this program in another mode.

use axum::{Router, body::Bytes, http::header::CONTENT_TYPE, response::IntoResponse};
use tokio::net::TcpListener;

/// The first argument that makes the program serve; the second is the body.
pub(crate) const MODE: &str = "constant-server";

/// Serves until it is killed.
pub(crate) fn serve(body: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("threads can be started");
    runtime.block_on(async {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let answer =
            move || async move { ([(CONTENT_TYPE, "application/json")], body).into_response() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        println!("listening on {}", listener.local_addr().expect("it is bound"));
        axum::serve(listener, Router::new().fallback(answer)).await.expect("it never ends");
    });
}
