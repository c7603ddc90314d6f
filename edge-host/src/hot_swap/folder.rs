//! The files of guests: written whole, found again by their digest, and gone when nobody needs
//! them.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

/// The history of guests that served.
pub(super) const HISTORY: &str = "history.json";
/// A history that could not be read. While it is there no guest's file is swept: whoever mends it
/// needs them.
pub(super) const DAMAGED: &str = "history.json.damaged";
/// Where a guest is tried on a copy of the data.
pub(super) const TRIAL: &str = "trial";

/// Writes a file that is there whole or not at all, also after a power cut.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let partial = path.with_extension("partial");
    let mut file = File::create(&partial)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| fs::rename(&partial, path)) {
        // A full disk is not helped by half a file.
        let _ = fs::remove_file(&partial);
        return Err(error);
    }
    File::open(folder)?.sync_all()
}

/// Deletes a guest's files. What is not there need not go.
pub(super) fn forget(folder: &Path, digest: &str) {
    remove(folder, |name| name.split_once('.').is_some_and(|(stem, _)| stem == digest));
}

/// Deletes what an earlier process was not done with, and guests that are not among those `kept`.
/// For a start, when nothing is on its way in.
pub(super) fn sweep(folder: &Path, kept: &[&str]) {
    if !folder.join(DAMAGED).exists() {
        remove(folder, |name| is_left_over(name, kept));
    }
}

fn is_left_over(name: &str, kept: &[&str]) -> bool {
    if [TRIAL, "history.partial"].contains(&name) {
        return true;
    }
    let Some((stem, ending)) = name.split_once('.') else { return false };
    let is_guest = stem.len() == 64 && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_whole = ["wasm", "so"].contains(&ending);
    is_guest && (ending.starts_with("partial") || is_whole && !kept.contains(&stem))
}

fn remove(folder: &Path, is_meant: impl Fn(&str) -> bool) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|it| it.file_name().to_str().is_some_and(&is_meant)) {
        let path = entry.path();
        let removed = match entry.file_type() {
            Ok(kind) if kind.is_dir() => fs::remove_dir_all(&path),
            _ => fs::remove_file(&path),
        };
        match removed {
            Ok(()) => tracing::info!(file = %path.display(), "removed: no guest needs it"),
            Err(error) => tracing::warn!(file = %path.display(), %error, "not removed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_takes_only_what_this_program_has_left() {
        let [ours, other] = ["a", "b"].map(|digit| digit.repeat(64));
        let is_swept = |name: &str| is_left_over(name, &[&ours]);
        let of = |digest: &str, ending: &str| format!("{digest}.{ending}");
        for name in [&of(&ours, "wasm"), &of(&ours, "so"), HISTORY, "x", "x.so", "x.partial"] {
            assert!(!is_swept(name), "{name}");
        }
        for name in [
            &of(&other, "wasm"),
            &of(&other, "so"),
            &of(&ours, "partial"),
            &of(&ours, "partial-7"),
            "history.partial",
            TRIAL,
        ] {
            assert!(is_swept(name), "{name}");
        }
    }
}
