//! A folder from which guests are taken: `NAME.wasm`, with `NAME.wasm.sig` where signatures are
//! asked.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

use super::{Error, HotSwap, Upload};
use crate::runtime;

/// How often the folder is looked into. A file is taken when two looks find it the same.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// What tells one state of a file from another.
type Seen = (u64, Option<SystemTime>);

/// Watches for as long as the process lives.
pub(super) fn watch(hot_swap: &HotSwap, folder: PathBuf) {
    let hot_swap = hot_swap.clone();
    let run = move || {
        let (mut settling, mut taken) = (HashMap::new(), HashMap::new());
        loop {
            look(&hot_swap, &folder, &mut settling, &mut taken);
            thread::sleep(LOOK_INTERVAL);
        }
    };
    if let Err(error) = thread::Builder::new().name("guest-inbox".to_owned()).spawn(run) {
        tracing::error!(%error, "no thread to watch the inbox of guests");
    }
}

fn look(
    hot_swap: &HotSwap,
    folder: &Path,
    settling: &mut HashMap<PathBuf, Seen>,
    taken: &mut HashMap<PathBuf, Seen>,
) {
    let found = match fs::read_dir(folder) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()),
        Err(error) => {
            tracing::debug!(folder = %folder.display(), %error, "no inbox of guests");
            return;
        }
    };
    for file in found.filter(|file| file.extension().is_some_and(|ending| ending == "wasm")) {
        let Ok(metadata) = fs::metadata(&file) else { continue };
        let seen = (metadata.len(), metadata.modified().ok());
        if taken.get(&file) == Some(&seen) {
            continue;
        }
        let is_settled = settling.insert(file.clone(), seen) == Some(seen);
        if is_settled && take(hot_swap, &file, metadata.len()) {
            taken.insert(file, seen);
        }
    }
}

fn is_known(hot_swap: &HotSwap, bytes: &[u8]) -> bool {
    let digest = runtime::strip(bytes).map(|plain| runtime::digest_hex(&plain));
    digest.is_ok_and(|digest| hot_swap.0.state.lock().history.knows(&digest))
}

/// Whether the file has had its turn; the outcome is in the log and in the status.
fn take(hot_swap: &HotSwap, file: &Path, bytes: u64) -> bool {
    if bytes > hot_swap.guest_bytes_max() as u64 {
        tracing::warn!(file = %file.display(), bytes, "too large for a guest");
        return true;
    }
    let mut signature = file.as_os_str().to_owned();
    signature.push(".sig");
    match fs::read(file) {
        Ok(bytes) if is_known(hot_swap, &bytes) => {
            // What was rolled back from does not come again by itself, as after a restart.
            tracing::info!(file = %file.display(), "known already; roll back to it");
            true
        }
        Ok(bytes) => {
            let signature = fs::read_to_string(signature).ok();
            let source = file.display().to_string();
            let upload = Upload { bytes, signature, source, may_migrate: false };
            !matches!(hot_swap.install(&upload).result, Err(Error::Busy))
        }
        Err(error) => {
            tracing::warn!(file = %file.display(), %error, "a guest cannot be read");
            true
        }
    }
}
