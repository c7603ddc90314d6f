//! What a host that stopped cleanly leaves to the next one on the same database: the generation in
//! Redis, so that the cache is warm from the first read on.
//!
//! It is believed once, and only when the database files are as they were left and the guest is the
//! same. A host that was killed leaves nothing, and the next begins a generation.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// In the data folder.
const FILE: &str = "cache-generation";

/// Where it is left, and what must be the same when it is found.
pub(in crate::shard) struct Handover {
    path: PathBuf,
    files: Vec<PathBuf>,
    guest: String,
}

impl Handover {
    /// `files` are all that the state is in, `guest` is who answers reads.
    pub(in crate::shard) fn new(data: &Path, files: Vec<PathBuf>, guest: &str) -> Self {
        Self { path: data.join(FILE), files, guest: guest.to_owned() }
    }

    /// The generation and the number of its last commit; there is nothing to take a second time.
    /// Taken before anything is written. A claim opens the database meanwhile: whatever that does
    /// to a file can only be a reason not to believe.
    pub(super) fn take(&self) -> Option<(String, u64)> {
        let text = fs::read_to_string(&self.path).ok()?;
        fs::remove_file(&self.path).ok()?;
        let mut lines = text.lines();
        let (generation, number) = (lines.next()?.to_owned(), lines.next()?.parse().ok()?);
        let same = lines.eq(self.witness()?.lines());
        same.then_some((generation, number))
    }

    /// To be called after the database is closed.
    pub(super) fn leave(&self, generation: &str, number: u64) {
        let Some(witness) = self.witness() else { return };
        if let Err(error) = fs::write(&self.path, format!("{generation}\n{number}\n{witness}")) {
            tracing::info!(%error, "the next start begins with an empty cache");
        }
    }

    /// A text that differs when the guest or one of the files does.
    fn witness(&self) -> Option<String> {
        let mut witness = format!("guest {}\n", self.guest);
        for file in &self.files {
            let line = match fs::metadata(file) {
                Ok(found) => format!(
                    "{} {} {} {}.{:09}\n",
                    found.dev(),
                    found.ino(),
                    found.len(),
                    found.mtime(),
                    found.mtime_nsec()
                ),
                Err(error) if error.kind() == ErrorKind::NotFound => "absent\n".to_owned(),
                Err(_) => return None,
            };
            witness.push_str(&line);
        }
        Some(witness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_taken_once_and_only_when_nothing_has_changed() {
        let data = std::env::temp_dir().join(format!("handover-{}", std::process::id()));
        fs::create_dir_all(&data).unwrap();
        let file = data.join("database");
        let of = |guest| Handover::new(&data, vec![file.clone(), data.join("absent")], guest);
        fs::write(&file, "rows").unwrap();
        assert_eq!(of("a").take(), None);
        of("a").leave("g", 7);
        assert_eq!(of("a").take(), Some(("g".to_owned(), 7)));
        assert_eq!(of("a").take(), None, "a second time");
        of("a").leave("g", 7);
        assert_eq!(of("b").take(), None, "another guest");
        of("a").leave("g", 7);
        fs::write(&file, "other rows").unwrap();
        assert_eq!(of("a").take(), None, "another database");
        fs::remove_dir_all(&data).unwrap();
    }
}
