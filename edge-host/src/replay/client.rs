//! One keep-alive connection to the server, which outlives the server: a request is sent until it
//! is answered, through lost connections and 503, for as long as the caller is willing to wait.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::wire::code;

/// A connection that is silent for so long is given up: the server hangs, or its machine is gone.
/// An audit of a big shard must fit.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// The server tells callers to come back after whole seconds. A replay may be less patient: it is
/// a load that somebody ordered, and it waits with every connection it has.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// Whom all connections talk to, and how.
pub(super) struct Server {
    /// `host:port`.
    pub(super) address: String,
    /// The whole header, `Bearer …`.
    authorization: Option<HeaderValue>,
    retry_for: Duration,
    /// Attempts that had to be made again, over all connections.
    pub(super) retries: AtomicU64,
    /// Why the latest of them had to.
    last_failure: Mutex<String>,
}

/// An answer that came in the end.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// The server had answered the same request before.
    pub(super) replayed: bool,
    pub(super) body: Bytes,
    /// The attempt that was answered, without those before it.
    pub(super) took: Duration,
}

/// Why a replay cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error(
        "{address} did not serve for {}: {cause}. Run the same command again to go on from here",
        humantime::format_duration(*waited)
    )]
    Unserved { address: String, waited: Duration, cause: String },
    #[error("the server answered {status} to {path}: {detail}")]
    Refused { status: StatusCode, path: String, detail: String },
    #[error("the server's answer to {path} is outside the contract: {source}")]
    Unreadable { path: String, source: serde_json::Error },
    #[error(
        "{address} holds a replay of other orders or other terms; give the server an empty data \
         directory, or run the same command as before"
    )]
    OtherReplay { address: String },
}

/// One attempt's failure. The request may have been carried out all the same.
#[derive(Debug, thiserror::Error)]
enum AttemptError {
    #[error(transparent)]
    Connect(#[from] io::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
    #[error("no answer within {} s", ANSWER_TIMEOUT.as_secs())]
    Silent,
}

pub(super) struct Client {
    server: Arc<Server>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// Connects with the first request.
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self { server, connection: None }
    }

    pub(super) async fn get(&mut self, path: &str) -> Result<Reply, ClientError> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    pub(super) async fn post(&mut self, path: &str, body: Bytes) -> Result<Reply, ClientError> {
        self.send(Method::POST, path, body).await
    }

    /// Waits between two attempts, or fails when the server's time is up.
    pub(super) async fn pause(&self, patience: &mut Patience) -> Result<(), ClientError> {
        let Server { address, retry_for, retries, .. } = &*self.server;
        let waited = patience.since.get_or_insert_with(Instant::now).elapsed();
        if waited >= *retry_for {
            let (address, cause) = (address.clone(), std::mem::take(&mut patience.cause));
            return Err(ClientError::Unserved { address, waited: *retry_for, cause });
        }
        retries.fetch_add(1, Ordering::Relaxed);
        self.server.last_failure_lock().clone_from(&patience.cause);
        sleep(patience.pause).await;
        patience.pause = (patience.pause * 2).min(PAUSE_MAX);
        Ok(())
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Reply, ClientError> {
        let mut patience = Patience::new();
        loop {
            let attempt = self.attempt(method.clone(), path, body.clone());
            let attempt = timeout(ANSWER_TIMEOUT, attempt).await;
            patience.cause = match attempt.unwrap_or(Err(AttemptError::Silent)) {
                Ok(reply) if reply.status != StatusCode::SERVICE_UNAVAILABLE => {
                    return check(reply, path);
                }
                Ok(reply) => format!("503 {}", code(&reply.body)),
                Err(error) => {
                    self.connection = None;
                    error.to_string()
                }
            };
            self.pause(&mut patience).await?;
        }
    }

    async fn attempt(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Reply, AttemptError> {
        let connection = match self.connection.as_mut().filter(|open| !open.is_closed()) {
            Some(open) => open,
            None => self.connection.insert(connect(&self.server.address).await?),
        };
        connection.ready().await?;
        let request = self.server.request(method, path, body);
        let started = Instant::now();
        let (head, body) = connection.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Reply {
            status: head.status,
            replayed: head.headers.contains_key("idempotent-replay"),
            body,
            took: started.elapsed(),
        })
    }
}

impl Server {
    pub(super) fn new(
        address: String,
        authorization: Option<HeaderValue>,
        retry_for: Duration,
    ) -> Self {
        let (retries, last_failure) = (AtomicU64::new(0), Mutex::default());
        Self { address, authorization, retry_for, retries, last_failure }
    }

    /// Why the latest attempt had to be made again.
    pub(super) fn last_failure(&self) -> String {
        self.last_failure_lock().clone()
    }

    fn last_failure_lock(&self) -> MutexGuard<'_, String> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("paths are built with their ids escaped");
        let headers = request.headers_mut();
        let host = HeaderValue::from_str(&self.address).expect("the address was checked at start");
        headers.insert(HOST, host);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        request
    }
}

/// How long a request has been tried, and why it must be again.
pub(super) struct Patience {
    /// The first failure.
    since: Option<Instant>,
    pause: Duration,
    pub(super) cause: String,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { since: None, pause: PAUSE_MIN, cause: String::new() }
    }
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>, AttemptError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the connection; what broke it reaches the request that was under way.
    tokio::spawn(connection);
    Ok(sender)
}

/// Where access or the contract is what is wrong, every further request would fail likewise.
fn check(reply: Reply, path: &str) -> Result<Reply, ClientError> {
    match reply.status {
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE => Err(refused(&reply, path)),
        _ => Ok(reply),
    }
}

/// For answers that leave nothing to go on with.
pub(super) fn refused(reply: &Reply, path: &str) -> ClientError {
    let detail = String::from_utf8_lossy(&reply.body).into_owned();
    ClientError::Refused { status: reply.status, path: path.to_owned(), detail }
}
