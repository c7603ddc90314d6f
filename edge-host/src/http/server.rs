//! The listener and its connections, within their limits, from the first accept to the last drain.
//!
//! HTTP/1.1 only: order systems and load balancers beside an edge node speak it, and one protocol
//! has half the attack surface of two.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_service::Service;

use super::Config;
use crate::metrics::Metrics;

/// A request's line and headers together; hyper answers 431 beyond.
const HEADER_BYTES_MAX: usize = 32 * 1_024;

/// After an accept that failed for want of file descriptors or memory, time for some to come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const TURNED_AWAY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\
    retry-after: 1\r\ncontent-length: 0\r\n\r\n";

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every request under way was answered.
    All,
    /// The deadline came first, with about this many connections still open.
    Abandoned(i64),
}

/// Serves `router` until `stop` resolves, then lets requests under way finish for at most
/// `shutdown_timeout`. The listening socket closes before that, so that nobody new waits in vain.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &Config,
    metrics: &Arc<Metrics>,
    stop: impl Future<Output = ()>,
) -> Drained {
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(config.connections_max));
    let connections = Connections::new(router, config, Arc::clone(metrics));
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, _)) => match Arc::clone(&permits).try_acquire_owned() {
                Ok(permit) => connections.start(stream, permit, graceful.watcher()),
                Err(_) => turn_away(&stream, metrics),
            },
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    match tokio::time::timeout(config.shutdown_timeout, graceful.shutdown()).await {
        Ok(()) => Drained::All,
        Err(_) => Drained::Abandoned(metrics.connections.get()),
    }
}

/// What every connection needs.
struct Connections {
    http: http1::Builder,
    router: Router,
    metrics: Arc<Metrics>,
}

impl Connections {
    fn new(router: Router, config: &Config, metrics: Arc<Metrics>) -> Self {
        let mut http = http1::Builder::new();
        // Never `pipeline_flush`: it holds back what hyper itself answers (431, 414) while unread
        // bytes wait, and the connection then closes without a word.
        http.timer(TokioTimer::new())
            .header_read_timeout(config.idle_timeout)
            .max_header_size(HEADER_BYTES_MAX);
        Self { http, router, metrics }
    }

    fn start(&self, stream: TcpStream, permit: OwnedSemaphorePermit, watcher: Watcher) {
        // Answers are small and complete: waiting to fill a segment only adds latency. It fails on
        // sockets that are already closed, which the first read then finds out.
        let _ = stream.set_nodelay(true);
        let router = self.router.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            router.clone().call(request.map(into_body))
        });
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        let metrics = Arc::clone(&self.metrics);
        metrics.connections.inc();
        tokio::spawn(async move {
            // An error here is the peer's (gone, too slow, not HTTP), and nobody is left to tell.
            let _ = watcher.watch(connection).await;
            metrics.connections.dec();
            drop(permit);
        });
    }
}

/// Most requests have no body: spares them the box of a stream.
fn into_body(incoming: Incoming) -> Body {
    if incoming.is_end_stream() { Body::empty() } else { Body::new(incoming) }
}

/// Best effort: a fresh socket's buffer has room, and whoever sees a reset instead retries too.
fn turn_away(stream: &TcpStream, metrics: &Metrics) {
    metrics.connections_rejected.inc();
    let _ = stream.try_write(TURNED_AWAY);
}

fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
