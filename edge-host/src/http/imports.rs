//! Files of rows in and out: an import is read while it arrives, by a thread of its own, and goes
//! through the writer in small pages; an export is read and sent a page at a time. Neither is ever
//! in memory as a whole.

use std::collections::HashSet;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::body::Frame;
use inventory_json::catalog::{Shape, query};
use inventory_json::import::{self, Failed, Format, ImportOptions, ImportReport, Subject, write};
use inventory_json::words::RequestIdRule;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::problem::{NO_ROUTE, Problem};
use super::refusal::{QUEUE_FULL, TRAPPED, UNKNOWN_SESSION, failed, internal};
use super::route::Call;
use super::{IDEMPOTENT_REPLAY, json};
use crate::guest::sessions::SessionKind;
use crate::shard::{self, Shard};

/// Imports at one time; each keeps a thread and the writer busy.
const IMPORTS_MAX: usize = 2;
/// The longest file of an import.
const FILE_BYTES_MAX: u64 = 512 << 20;
/// Pieces of a body, or pages of an export, that wait for whoever is slower.
const PIECES_WAITING_MAX: usize = 4;
/// How often a step that found the queue full, or a reading that came too late, is tried again.
const TRIES_MAX: u32 = 40;
const TRY_PAUSE: Duration = Duration::from_millis(50);
/// Entries of one reading of an export, at first: one that takes too long is halved.
const EXPORT_ROWS: u32 = 500;

/// The imports that are under way.
pub(super) struct Imports {
    names: Arc<Mutex<HashSet<String>>>,
    /// Makes the names of those that the caller does not name unique within this process.
    unnamed: AtomicU64,
}

impl Imports {
    pub(super) fn new() -> Self {
        Self { names: Arc::default(), unnamed: AtomicU64::new(1) }
    }

    /// A place for the import of this name. One name has one at a time, until what became of it is
    /// forgotten: the end of one that broke off would be the end of the one that was sent again.
    fn place(&self, name: &str) -> Result<Place, Problem> {
        let refuse =
            |detail: String, after_s| Problem::new(&QUEUE_FULL, detail).retry_after(after_s);
        let mut names = self.names.lock();
        if names.contains(name) {
            return Err(refuse(format!("import {name} is under way; nothing was done"), 1));
        }
        if names.len() >= IMPORTS_MAX {
            return Err(refuse(
                format!("{IMPORTS_MAX} imports are under way; nothing was done"),
                5,
            ));
        }
        names.insert(name.to_owned());
        Ok(Place { names: Arc::clone(&self.names), name: name.to_owned() })
    }

    fn unique_name(&self) -> String {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let ms = since_1970.map_or(0, |time| time.as_millis());
        format!("import-{ms}-{}", self.unnamed.fetch_add(1, Ordering::Relaxed))
    }
}

/// Kept for as long as an import is under way.
struct Place {
    names: Arc<Mutex<HashSet<String>>>,
    name: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.names.lock().remove(&self.name);
    }
}

pub(super) async fn import(mut call: Call) -> Result<Response, Problem> {
    let subject = subject(&call)?;
    let options = ImportOptions::parse(call.uri.query().unwrap_or_default())?;
    let format = import::format_of(json::content_type(&call.headers))?;
    let imports = &call.wire.imports;
    let place = imports.place(&options.id.clone().unwrap_or_else(|| imports.unique_name()))?;
    let (pieces, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    let body = std::mem::take(&mut call.body);
    tokio::spawn(pump(body, pieces, call.wire.config.body_timeout));
    let (shard, handle) = (call.wire.shard.clone(), Handle::current());
    let work = move || {
        let file = Pieces { receiver, piece: Bytes::new() };
        let mut apply = |command| handle.block_on(apply(&shard, command));
        import::import(subject, format, file, &options, &place.name, &mut apply)
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(report)) => {
            let mut response = json::answer(&report);
            if report.replayed {
                let yes = HeaderValue::from_static("true");
                response.headers_mut().insert(IDEMPOTENT_REPLAY, yes);
            }
            Ok(response)
        }
        Ok(Err(Failed::Refused(problem))) => Err(problem),
        Ok(Err(Failed::Apply(error))) => Err(failed(&error)),
        Err(error) => {
            Err(internal(&TRAPPED, "the import ended; ask how far it came", &error.to_string()))
        }
    }
}

/// How far an import is, or what became of it.
pub(super) async fn status(call: Call) -> Result<Response, Problem> {
    let id = call.parameter::<RequestIdRule>("import")?.into_string();
    let session = call.wire.shard.session(id).await.map_err(|error| failed(&error))?;
    let session = session.filter(|it| !matches!(it.kind, SessionKind::Snapshot(_)));
    let session = session.ok_or_else(|| Problem::new(&UNKNOWN_SESSION, "no such import"))?;
    Ok(json::answer(&ImportReport::new(&session)))
}

pub(super) async fn export(call: Call) -> Result<Response, Problem> {
    let subject = subject(&call)?;
    let [format] = query::parameters(call.uri.query().unwrap_or_default(), ["format"])?;
    let format = match format.as_deref() {
        None | Some("json") => Format::JsonLines,
        Some("csv") => Format::Csv,
        Some(other) => {
            let detail = format!("format is json or csv, not {other}");
            return Err(Problem::malformed_parameter("format", detail));
        }
    };
    let (pages, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    tokio::spawn(send_pages(call.wire.shard.clone(), subject, format, pages));
    let mut response = Response::new(Body::new(PageBody(receiver)));
    let content_type = match format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::Json | Format::JsonLines => "application/x-ndjson",
    };
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}

fn subject(call: &Call) -> Result<Subject, Problem> {
    let name = call.parameters.first().map_or("", String::as_str);
    Subject::named(name).ok_or_else(|| {
        let detail = format!("there is no {name:?}; there are {}", Subject::names());
        Problem::new(&NO_ROUTE, detail)
    })
}

/// A step of an import waits for its place: it must not fail because others are many.
async fn apply(
    shard: &Shard,
    command: crate::guest::types::Command,
) -> Result<crate::guest::types::Outcome, shard::Error> {
    let mut tries = 0;
    loop {
        match shard.apply(command.clone()).await {
            Err(shard::Error::QueueFull) if tries < TRIES_MAX => {
                tries += 1;
                tokio::time::sleep(TRY_PAUSE).await;
            }
            done => return done,
        }
    }
}

/// Hands on a body's pieces; whoever reads them may be slower than the caller.
async fn pump(mut body: Body, pieces: mpsc::Sender<io::Result<Bytes>>, timeout: Duration) {
    let mut bytes = 0;
    loop {
        let piece = match tokio::time::timeout(timeout, body.frame()).await {
            Ok(None) => return,
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => Ok(data),
                Err(_) => continue,
            },
            Ok(Some(Err(error))) => Err(io::Error::other(error)),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        bytes += piece.as_ref().map_or(0, |data| data.len() as u64);
        let piece = if bytes > FILE_BYTES_MAX {
            let why = format!("a file has at most {FILE_BYTES_MAX} bytes");
            Err(io::Error::new(io::ErrorKind::FileTooLarge, why))
        } else {
            piece
        };
        let is_last = piece.is_err();
        // Whoever reads has stopped: the rest is not wanted.
        if pieces.send(piece).await.is_err() || is_last {
            return;
        }
    }
}

/// A body as a file, for a thread that may wait.
struct Pieces {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                None => return Ok(0),
                Some(piece) => self.piece = piece?,
            }
        }
        let length = buffer.len().min(self.piece.len());
        buffer[..length].copy_from_slice(&self.piece.split_to(length));
        Ok(length)
    }
}

/// Pages as a body; it breaks off where a page cannot be read, so that nobody takes a part for all.
struct PageBody(mpsc::Receiver<Result<Bytes, Arc<shard::Error>>>);

impl HttpBody for PageBody {
    type Data = Bytes;
    type Error = Arc<shard::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|page| page.map(|page| page.map(Frame::data)))
    }
}

type PageSender = mpsc::Sender<Result<Bytes, Arc<shard::Error>>>;

async fn send_pages(shard: Shard, subject: Subject, format: Format, pages: PageSender) {
    let head = write::head(subject, format);
    if !head.is_empty() && pages.send(Ok(head.into())).await.is_err() {
        return;
    }
    let mut progress = Progress { after: String::new(), rows: EXPORT_ROWS };
    loop {
        let page = match subject {
            Subject::Catalog(shape) => entries(&shard, shape, format, &mut progress).await,
            Subject::Stock => stock(&shard, format, &mut progress).await,
        };
        let (bytes, is_last) = match page {
            Ok(Some(page)) => (Ok(page.into()), false),
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, subject = subject.name(), "an export broke off");
                (Err(Arc::new(error)), true)
            }
        };
        // Whoever asked may have gone.
        if pages.send(bytes).await.is_err() || is_last {
            return;
        }
    }
}

/// How far an export has come.
struct Progress {
    after: String,
    /// Of the next reading.
    rows: u32,
}

/// The next entries; `None` at the end.
async fn entries(
    shard: &Shard,
    shape: &'static Shape,
    format: Format,
    progress: &mut Progress,
) -> Result<Option<Vec<u8>>, shard::Error> {
    let listing = |limit, after: &str| {
        let (noun, prefix, after) = (shape.noun, String::new(), after.to_owned());
        shard::Listing { noun, prefix, after, limit }
    };
    let listed = patiently(progress, |rows, after| shard.entries(listing(rows, after))).await?;
    let Some(last) = listed.last() else {
        return Ok(None);
    };
    progress.after =
        inventory_json::catalog::key_text(shape, &last.entry.subject, &last.entry.place);
    Ok(Some(write::entries(shape, format, &listed)))
}

/// The next counters; `None` at the end.
async fn stock(
    shard: &Shard,
    format: Format,
    progress: &mut Progress,
) -> Result<Option<Vec<u8>>, shard::Error> {
    let listed =
        patiently(progress, |rows, after| shard.list_stock(after.to_owned(), rows)).await?;
    let Some(last) = listed.last() else {
        return Ok(None);
    };
    progress.after.clone_from(&last.sku);
    Ok(Some(write::stock(format, &listed)))
}

/// An export has time: what takes too long is asked for in smaller pages, what finds the readers
/// busy is asked again.
async fn patiently<T, F: Future<Output = Result<T, shard::Error>>>(
    progress: &mut Progress,
    ask: impl Fn(u32, &str) -> F,
) -> Result<T, shard::Error> {
    let mut tries = 0;
    loop {
        match ask(progress.rows, &progress.after).await {
            Err(shard::Error::Timeout | shard::Error::Stopped) if progress.rows > 1 => {
                progress.rows /= 2;
            }
            Err(shard::Error::QueueFull | shard::Error::Timeout | shard::Error::Stopped)
                if tries < TRIES_MAX =>
            {
                tries += 1;
                tokio::time::sleep(TRY_PAUSE).await;
            }
            done => return done,
        }
    }
}
