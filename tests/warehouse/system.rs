//! A small stand-in for a warehouse's own system, which fails as it is told to.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::{Value, json};

/// How it fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fails {
    /// The answer comes after the timeout.
    Slow,
    /// 503.
    Status,
    /// A page of HTML.
    NoJson,
    /// More than anybody may send.
    Huge,
    /// The second page ends in the middle.
    BrokenOff,
    /// The second page is of another snapshot.
    Changing,
}

/// The system. Stopped when dropped.
pub(crate) struct System {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    pages: Mutex<Vec<Value>>,
    fails: Mutex<Option<Fails>>,
    token: Mutex<Option<String>>,
    stopping: AtomicBool,
    requests: AtomicU64,
}

impl System {
    /// On a free port; it has no snapshot yet.
    pub(crate) fn start() -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut system = Self { address, shared: Arc::default(), thread: None };
        system.start_again();
        system
    }

    /// On the same port as before.
    pub(crate) fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        self.address = listener.local_addr().unwrap();
        self.shared.stopping.store(false, Ordering::SeqCst);
        let shared = Arc::clone(&self.shared);
        self.thread = Some(thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopping.load(Ordering::SeqCst) {
                    return;
                }
                // A caller that has gone hears nothing.
                let _ = answer(&shared, stream.unwrap());
            }
        }));
    }

    pub(crate) fn stop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread up.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The snapshot that it offers from now on.
    pub(crate) fn offers(&self, as_of: &str, watermark: Option<&str>, pages: &[&[(&str, u32)]]) {
        let page = |items: &&[(&str, u32)]| {
            let item = |it: &(&str, u32)| json!({"sku": it.0, "on_hand": it.1, "bin": "7"});
            let items: Vec<Value> = items.iter().map(item).collect();
            json!({"as_of": as_of, "watermark": watermark, "pages": pages.len(), "items": items})
        };
        *self.shared.pages.lock().unwrap() = pages.iter().map(page).collect();
    }

    pub(crate) fn fails(&self, fails: Option<Fails>) {
        *self.shared.fails.lock().unwrap() = fails;
    }

    pub(crate) fn wants(&self, token: &str) {
        *self.shared.token.lock().unwrap() = Some(token.to_owned());
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.stop();
    }
}

fn answer(shared: &Shared, mut stream: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let headers: Vec<String> =
        lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let number = shared.requests.fetch_add(1, Ordering::SeqCst);
    let page = request.split_once("/warehouses/W1/snapshot?page=").and_then(|(_, rest)| {
        rest.split(' ').next().and_then(|number| number.parse::<usize>().ok())
    });
    let pages = shared.pages.lock().unwrap().clone();
    let body = page.and_then(|page| pages.get(page - 1).cloned());
    let fails = *shared.fails.lock().unwrap();
    let is_late_page = page == Some(2);
    let wanted = shared.token.lock().unwrap().clone();
    let bearer = wanted.map(|token| format!("authorization: bearer {token}"));
    let is_known = bearer.is_none_or(|bearer| headers.iter().any(|it| it.to_lowercase() == bearer));
    let (status, body) = match (body, fails) {
        _ if !is_known => (401, String::new()),
        (None, _) => (404, String::new()),
        (_, Some(Fails::Status)) => (503, String::new()),
        (_, Some(Fails::NoJson)) => (200, "<html>maintenance</html>".to_owned()),
        (_, Some(Fails::Huge)) => (200, " ".repeat(4 << 20)),
        (Some(mut body), Some(Fails::Changing)) if is_late_page => {
            body["as_of"] = json!(format!("2020-01-01T00:00:{:02}Z", number % 60));
            (200, body.to_string())
        }
        (Some(body), Some(Fails::Slow)) => {
            thread::sleep(Duration::from_millis(700));
            (200, body.to_string())
        }
        (Some(body), _) => (200, body.to_string()),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let end = if fails == Some(Fails::BrokenOff) && is_late_page { length / 2 } else { length };
    stream.write_all(&body.as_bytes()[..end])
}
