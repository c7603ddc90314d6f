//! A folder from which guests are taken: `NAME.wasm`, with `NAME.wasm.sig` where signatures are
//! asked.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use super::{Error, HotSwap, Unsigned, Upload};
use crate::runtime;

/// How often the folder is looked into. A file is taken when two looks find it the same.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// How long a guest waits for its signature; then it is refused. One that comes later still counts.
const SIGNATURE_WAIT: Duration = Duration::from_secs(30);

/// The longest signature that is read: more than one with white space around it has.
const SIGNATURE_BYTES_MAX: usize = 4 << 10;

/// What tells one state of a file from another; `None`: there is no such file.
type FileState = Option<(u64, Option<SystemTime>)>;
/// Of a guest, and of its signature.
type Seen = [FileState; 2];

struct Inbox {
    hot_swap: HotSwap,
    folder: PathBuf,
    /// What the last look found, and since when it is so.
    settling: HashMap<PathBuf, (Seen, Instant)>,
    /// What has had its turn.
    taken: HashMap<PathBuf, Seen>,
    /// The folder could not be read, and that was told.
    is_missing: bool,
}

/// Watches for as long as the process lives.
pub(super) fn watch(hot_swap: &HotSwap, folder: PathBuf) {
    let mut inbox = Inbox {
        hot_swap: hot_swap.clone(),
        folder,
        settling: HashMap::new(),
        taken: HashMap::new(),
        is_missing: false,
    };
    let run = move || {
        loop {
            inbox.look();
            thread::sleep(LOOK_INTERVAL);
        }
    };
    if let Err(error) = thread::Builder::new().name("guest-inbox".to_owned()).spawn(run) {
        tracing::error!(%error, "no thread to watch the inbox of guests");
    }
}

impl Inbox {
    fn look(&mut self) {
        let folder = self.folder.display();
        let found = match fs::read_dir(&self.folder) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()),
            Err(error) => {
                if !self.is_missing {
                    tracing::warn!(%folder, %error, "no inbox of guests; make the folder");
                }
                self.is_missing = true;
                return;
            }
        };
        if self.is_missing {
            tracing::info!(%folder, "the inbox of guests is there now");
            self.is_missing = false;
        }
        for file in found.filter(|file| file.extension().is_some_and(|ending| ending == "wasm")) {
            self.look_at(file);
        }
    }

    fn look_at(&mut self, file: PathBuf) {
        let signature = signature_of(&file);
        let seen = [&file, &signature].map(|path| state_of(path));
        let [Some(_), signed] = seen else { return };
        if self.taken.get(&file) == Some(&seen) {
            return;
        }
        let since = match self.settling.get(&file) {
            Some((before, since)) if *before == seen => *since,
            _ => {
                if signed.is_none() && self.needs_signature() {
                    let signature = signature.display();
                    tracing::info!(file = %file.display(), %signature, "waits for its signature");
                }
                self.settling.insert(file, (seen, Instant::now()));
                return;
            }
        };
        if signed.is_none() && self.needs_signature() && since.elapsed() < SIGNATURE_WAIT {
            return;
        }
        if self.take(&file, &signature) {
            self.taken.insert(file, seen);
        }
    }

    fn needs_signature(&self) -> bool {
        self.hot_swap.0.config.unsigned == Unsigned::Refused
    }

    /// Whether the file has had its turn; the outcome is in the log and in the status.
    fn take(&self, file: &Path, signature: &Path) -> bool {
        let bytes_max = self.hot_swap.guest_bytes_max();
        match read_regular(file, bytes_max) {
            Ok(bytes) if bytes.len() > bytes_max => {
                tracing::warn!(file = %file.display(), bytes_max, "too large for a guest");
                true
            }
            Ok(bytes) if self.knows(&bytes) => {
                // What was rolled back from does not come again by itself, as after a restart.
                tracing::info!(file = %file.display(), "known already; roll back to it");
                true
            }
            Ok(bytes) => {
                let signature = read_regular(signature, SIGNATURE_BYTES_MAX);
                let signature = signature.ok().and_then(|text| String::from_utf8(text).ok());
                let source = file.display().to_string();
                let upload = Upload { bytes, signature, source, may_migrate: false };
                !matches!(self.hot_swap.install(&upload).result, Err(Error::Busy))
            }
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "a guest cannot be read");
                true
            }
        }
    }

    fn knows(&self, bytes: &[u8]) -> bool {
        let digest = runtime::strip(bytes).map(|plain| runtime::digest_hex(&plain));
        digest.is_ok_and(|digest| self.hot_swap.0.state.lock().history.knows(&digest))
    }
}

/// A regular file, or what a link names, up to the first byte too many. Whoever may write into the
/// folder may also make a pipe or a link to a device there, which would be read for ever.
fn read_regular(file: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let file = fs::File::options().read(true).custom_flags(libc::O_NONBLOCK).open(file)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn signature_of(file: &Path) -> PathBuf {
    let mut signature = file.as_os_str().to_owned();
    signature.push(".sig");
    signature.into()
}

fn state_of(file: &Path) -> FileState {
    let metadata = fs::metadata(file).ok()?;
    Some((metadata.len(), metadata.modified().ok()))
}
