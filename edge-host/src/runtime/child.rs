//! This program in a child process with limits: for work on guests that nobody trusts yet.

use std::{
    ffi::OsStr,
    fs,
    io::Read,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::Error;

/// How often a child's time and memory are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// A child's words are cut here, in bytes.
const OUTPUT_BYTES_MAX: u64 = 64 << 10;
/// Linux counts a process's pages in these, in `/proc/…/statm`.
const PAGE_BYTES: u64 = 4_096;

/// What a child process may use.
#[derive(Clone, Copy, Debug)]
pub struct ChildLimits {
    /// From its start to its end.
    pub time_max: Duration,
    /// Resident.
    pub memory_bytes_max: u64,
}

/// How a child ended that did not succeed.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct ChildEnd {
    /// Its exit status, where it ended by itself.
    pub status: Option<i32>,
    /// Its last words, or the limit that it broke.
    pub reason: String,
}

/// The process was told to stop.
static STOPPING: AtomicBool = AtomicBool::new(false);

/// Ends the child processes there are, and lets none begin, for the rest of this process's life.
/// For one that was told to stop: what they work on is begun again later.
pub fn end_children() {
    STOPPING.store(true, Ordering::SeqCst);
}

/// Runs this program with these arguments. Answers its output, or how it ended.
pub fn run_child(
    arguments: &[&OsStr],
    limits: ChildLimits,
) -> Result<Result<String, ChildEnd>, Error> {
    let program = PathBuf::from("/proc/self/exe");
    let failed = |source| Error::File { path: program.clone(), source };
    if STOPPING.load(Ordering::SeqCst) {
        return Err(Error::Stopping);
    }
    let mut child = Command::new(&program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let said = [child.stdout.take().map(listen), child.stderr.take().map(listen)];
    let broken = watch(&mut child, limits).map_err(failed)?;
    let status = child.wait().map_err(failed)?;
    let [output, errors] =
        said.map(|pipe| pipe.and_then(|pipe| pipe.join().ok()).unwrap_or_default());
    match broken {
        Some(Broken::Stopping) => Err(Error::Stopping),
        Some(Broken::Limit(reason)) => Ok(Err(ChildEnd { status: None, reason })),
        None if status.success() => Ok(Ok(output)),
        None => {
            let reason = format!("{status} ({})", last_line(&errors));
            Ok(Err(ChildEnd { status: status.code(), reason }))
        }
    }
}

/// Ends a child process when the process that started it is gone.
pub fn die_with_parent() {
    let parent = std::os::unix::process::parent_id();
    // Without the thread the child only lives until its work is done.
    let _ = thread::Builder::new().name("parent".to_owned()).spawn(move || {
        while std::os::unix::process::parent_id() == parent {
            thread::sleep(Duration::from_millis(200));
        }
        std::process::exit(1);
    });
}

fn listen(pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut pipe = pipe.take(OUTPUT_BYTES_MAX);
        // What could be read counts. The rest is read too, so that the child does not block.
        let _ = pipe.read_to_end(&mut bytes);
        let _ = std::io::copy(&mut pipe.into_inner(), &mut std::io::sink());
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Why a child was ended.
enum Broken {
    Limit(String),
    Stopping,
}

/// Waits for the child to end, or ends it; answers why.
fn watch(child: &mut Child, limits: ChildLimits) -> std::io::Result<Option<Broken>> {
    let started = Instant::now();
    loop {
        if child.try_wait()?.is_some() {
            return Ok(None);
        }
        let broken = if STOPPING.load(Ordering::SeqCst) {
            Some(Broken::Stopping)
        } else if started.elapsed() > limits.time_max {
            let seconds = limits.time_max.as_secs();
            Some(Broken::Limit(format!("it took longer than {seconds} s")))
        } else if resident_bytes(child.id()) > limits.memory_bytes_max {
            let mebibytes = limits.memory_bytes_max >> 20;
            Some(Broken::Limit(format!("it used more than {mebibytes} MiB of memory")))
        } else {
            None
        };
        if broken.is_some() {
            child.kill()?;
            return Ok(broken);
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

fn resident_bytes(process: u32) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE_BYTES
}

fn last_line(text: &str) -> &str {
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    line.strip_prefix("edge-host: ").unwrap_or(line)
}
