//! Which guests served here: on disk, so that a restart goes on with the same one.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use super::{
    Error,
    folder::{self, write_whole},
};
use crate::{guest::lifecycle::Description, runtime};

/// How long a guest that was taken back waits before it may come again; doubled each time.
const BACKOFF: Duration = Duration::from_mins(1);
const BACKOFF_MAX: Duration = Duration::from_hours(1);
/// How many processes may end otherwise than by a stop while they watch a guest; then it is taken
/// back at the next start. Whoever pulls a plug, or has no memory left, does so less often.
const DEATHS_MAX: u32 = 3;

/// A guest that serves, served, or was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// SHA-256 of the plain module, in hexadecimal.
    pub digest: String,
    /// What it calls itself.
    pub name: String,
    /// Its semantic version.
    pub version: String,
    /// The tables it knows.
    pub schema_version: u32,
    /// Where it came from.
    pub source: String,
    /// When it last began to serve, in milliseconds since 1970.
    pub since_ms: u64,
    /// How it stands.
    pub standing: Standing,
    /// How often it was taken back.
    pub failures: u32,
    /// When it was last taken back, and why.
    pub failed: Option<(u64, String)>,
    /// An operator has rolled back from it: it serves again only when somebody asks for it.
    #[serde(default)]
    pub left: bool,
}

impl Version {
    /// Whether it may serve again without anybody asking for it.
    fn may_return(&self) -> bool {
        self.standing == Standing::Previous && !self.left
    }

    fn description(&self) -> Description {
        let Self { name, version, schema_version, .. } = self.clone();
        Description { name, version, schema_version }
    }
}

/// How a guest of the history stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It serves.
    Serving,
    /// It served before, and can again.
    Previous,
    /// It was taken back.
    TakenBack,
}

/// The file's contents, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Contents {
    /// The guest that the configuration named when this was written.
    configured: String,
    /// A switch to this one has begun.
    expected: Option<String>,
    /// A switch to this one has begun, and it has not passed its watch yet.
    #[serde(default)]
    unproven: Option<Unproven>,
    versions: Vec<Version>,
}

/// A guest that may yet be taken back, and what it calls itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unproven {
    digest: String,
    name: String,
    version: String,
    schema_version: u32,
    /// Processes that began with it, and were not stopped.
    runs: u32,
}

/// The guests of one node.
#[derive(Clone, Debug)]
pub struct History {
    folder: PathBuf,
    contents: Contents,
}

impl History {
    /// Reads the history of `folder`. `configured` is the guest that the configuration names: where
    /// it is another than before, somebody has deployed it, and it serves.
    pub fn open(folder: &Path, configured: &str) -> Self {
        let read = fs::read(folder.join(folder::HISTORY))
            .and_then(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::other));
        let mut contents: Contents = match read {
            Ok(contents) => contents,
            Err(error) => {
                if error.kind() != ErrorKind::NotFound {
                    set_aside(folder, &error);
                }
                Contents::default()
            }
        };
        if contents.configured != configured {
            configured.clone_into(&mut contents.configured);
            (contents.expected, contents.unproven) = (None, None);
            for version in &mut contents.versions {
                if version.standing == Standing::Serving {
                    version.standing = Standing::Previous;
                }
            }
        }
        Self { folder: folder.to_owned(), contents }
    }

    /// Counts this start for the guest that has not passed its watch, if there is one. Where
    /// process after process has died with it, takes it back; answers which, and why.
    pub fn begins(&mut self) -> Option<(String, String)> {
        let unproven = self.contents.unproven.as_mut()?;
        let taken_back = if unproven.runs < DEATHS_MAX {
            unproven.runs += 1;
            None
        } else {
            self.take_back_deadly()
        };
        // Whatever comes of it, the host starts.
        if let Err(error) = self.write() {
            tracing::error!(%error, "the history of guests was not written");
        }
        taken_back
    }

    fn take_back_deadly(&mut self) -> Option<(String, String)> {
        let Contents { expected, unproven, versions, .. } = &mut self.contents;
        let Unproven { digest, name, version, schema_version, runs } = unproven.clone()?;
        // The one that it was to follow, or the one before it; unless its tables are too new.
        let others = versions.iter().filter(|it| it.digest != digest);
        let others = others.filter(|it| it.schema_version >= schema_version);
        let serving = others.clone().find(|it| it.standing == Standing::Serving);
        let next = serving.or_else(|| others.clone().find(|it| it.may_return()));
        *expected = Some(next?.digest.clone());
        let reason = format!("{runs} processes died before it had passed its watch");
        match versions.iter_mut().find(|it| it.digest == digest) {
            Some(deadly) => deadly.standing = Standing::TakenBack,
            None => versions.push(Version {
                digest: digest.clone(),
                name,
                version,
                schema_version,
                source: "a switch that did not end".to_owned(),
                since_ms: now_ms(),
                standing: Standing::TakenBack,
                failures: 0,
                failed: None,
                left: false,
            }),
        }
        *unproven = None;
        self.note_failure(&digest, &reason);
        Some((digest, reason))
    }

    /// The guest that has not passed its watch.
    pub(super) fn is_unproven(&self, digest: &str) -> bool {
        self.contents.unproven.as_ref().is_some_and(|it| it.digest == digest)
    }

    /// The process was told to stop: no guest has made it die.
    pub(super) fn stops(&mut self) -> io::Result<()> {
        match &mut self.contents.unproven {
            Some(unproven) => unproven.runs = 0,
            None => return Ok(()),
        }
        self.write()
    }

    /// The guests to start with, best first. The configured one comes last, and is not among them.
    pub fn candidates(&self) -> Vec<String> {
        let Contents { configured, expected, versions, .. } = &self.contents;
        let serving = versions.iter().find(|version| version.standing == Standing::Serving);
        let mut digests: Vec<&String> = expected.iter().collect();
        digests.extend(serving.map(|version| &version.digest));
        digests.retain(|digest| *digest != configured);
        digests.into_iter().cloned().collect()
    }

    /// What a guest of the history calls itself.
    pub(super) fn description(&self, digest: &str) -> Option<Description> {
        let version = self.versions().iter().find(|version| version.digest == digest)?;
        Some(version.description())
    }

    /// Deletes what no guest of the history needs.
    pub(super) fn sweep(&self) {
        let Contents { configured, expected, versions, .. } = &self.contents;
        let mut kept: Vec<&str> = vec![configured];
        kept.extend(expected.as_deref());
        kept.extend(versions.iter().map(|version| version.digest.as_str()));
        folder::sweep(&self.folder, &kept);
    }

    /// Whether this guest has served before, or serves.
    pub(super) fn knows(&self, digest: &str) -> bool {
        self.versions().iter().any(|version| version.digest == digest)
    }

    /// Newest first.
    pub fn versions(&self) -> &[Version] {
        &self.contents.versions
    }

    pub(super) fn is_serving(&self, digest: &str) -> bool {
        self.versions()
            .iter()
            .any(|version| version.digest == digest && version.standing == Standing::Serving)
    }

    /// Whether a guest that was taken back has waited long enough.
    pub(super) fn may_come(&self, digest: &str) -> Result<(), Error> {
        let version = self.versions().iter().find(|version| version.digest == digest);
        let Some((at_ms, reason)) = version.and_then(|version| version.failed.clone()) else {
            return Ok(());
        };
        let failures = version.map_or(0, |version| version.failures);
        let doubled = BACKOFF.saturating_mul(1 << failures.saturating_sub(1).min(16));
        let until = Duration::from_millis(at_ms) + doubled.min(BACKOFF_MAX);
        match until.checked_sub(Duration::from_millis(now_ms())) {
            Some(retry_in) if !retry_in.is_zero() => Err(Error::BackingOff { reason, retry_in }),
            _ => Ok(()),
        }
    }

    /// Which guest a roll-back leads to, and what it calls itself.
    pub(super) fn target(&self, digest: Option<&str>) -> Result<(String, Description), Error> {
        let mut others =
            self.versions().iter().filter(|version| version.standing != Standing::Serving);
        let found = match digest {
            Some(digest) => others.find(|version| version.digest == digest),
            None => others.find(|version| version.standing == Standing::Previous),
        };
        found.map(|version| (version.digest.clone(), version.description())).ok_or_else(|| {
            Error::UnknownVersion(match digest {
                Some(digest) => format!("no other guest {digest} is in the history"),
                None => "there is no guest to go back to".to_owned(),
            })
        })
    }

    /// The guests that may take the place of one that is taken back, best first. The configured one
    /// is the last resort, also where it was taken back itself.
    pub(super) fn successors(&self) -> Vec<String> {
        let first = self.versions().iter().filter(|it| it.may_return());
        let last = self.versions().iter().filter(|it| {
            it.digest == self.contents.configured && it.standing == Standing::TakenBack && !it.left
        });
        first.chain(last).map(|version| version.digest.clone()).collect()
    }

    /// Notes that an operator has rolled back from this guest.
    pub(super) fn leave(&mut self, digest: &str) -> io::Result<()> {
        let mut versions = self.contents.versions.iter_mut();
        if let Some(version) = versions.find(|version| version.digest == digest) {
            version.left = true;
        }
        self.write()
    }

    /// The guest that serves.
    pub(super) fn serving(&self) -> Option<&str> {
        let serving = self.versions().iter().find(|it| it.standing == Standing::Serving);
        serving.map(|version| version.digest.as_str())
    }

    /// Keeps a copy of the configured guest, which a later image may no longer have; unless another
    /// has taken its file's place since the start.
    pub(super) fn keep(&self, configured: &Path) -> io::Result<()> {
        let kept = self.folder.join(format!("{}.wasm", self.contents.configured));
        if kept.exists() {
            return Ok(());
        }
        let bytes = fs::read(configured)?;
        let plain = runtime::strip(&bytes).map_err(io::Error::other)?;
        if runtime::digest_hex(&plain) != self.contents.configured {
            let guest = configured.display();
            tracing::warn!(%guest, "replaced since the start: nobody can go back to what it was");
            return Ok(());
        }
        // With its code, where it has that: whoever goes back to it need not compile.
        write_whole(&kept, &bytes)
    }

    /// Writes down that a switch to this guest begins. Answers what [`Self::expect_no_more`] wants.
    pub(super) fn expect(
        &mut self,
        digest: &str,
        description: &Description,
    ) -> (Option<Unproven>, io::Result<()>) {
        let unproven = Unproven {
            digest: digest.to_owned(),
            name: description.name.clone(),
            version: description.version.clone(),
            schema_version: description.schema_version,
            runs: 1,
        };
        self.contents.expected = Some(digest.to_owned());
        let before = self.contents.unproven.replace(unproven);
        (before, self.write())
    }

    /// Writes down that it did not come to the switch.
    pub(super) fn expect_no_more(&mut self, before: Option<Unproven>) -> io::Result<()> {
        (self.contents.expected, self.contents.unproven) = (None, before);
        self.write()
    }

    /// Writes down that this guest serves now. Answers the guests that are kept; the files of the
    /// others are deleted.
    pub(super) fn serves(
        &mut self,
        digest: &str,
        description: &Description,
        source: &str,
        history_max: usize,
    ) -> io::Result<Vec<String>> {
        let versions = &mut self.contents.versions;
        let known = versions.iter().position(|version| version.digest == digest);
        let known = known.map(|index| versions.remove(index));
        for version in versions.iter_mut() {
            if version.standing == Standing::Serving {
                version.standing = match version.failed {
                    Some(_) => Standing::TakenBack,
                    None => Standing::Previous,
                };
            }
        }
        let (failures, failed) = known.map_or((0, None), |known| (known.failures, known.failed));
        let version = Version {
            digest: digest.to_owned(),
            name: description.name.clone(),
            version: description.version.clone(),
            schema_version: description.schema_version,
            source: source.to_owned(),
            since_ms: now_ms(),
            standing: Standing::Serving,
            failures,
            failed,
            left: false,
        };
        versions.insert(0, version);
        let dropped = versions.split_off(versions.len().min(history_max + 1));
        self.contents.expected = None;
        self.contents.unproven.take_if(|it| it.digest != digest);
        self.write()?;
        for version in dropped.iter().filter(|it| it.digest != self.contents.configured) {
            folder::forget(&self.folder, &version.digest);
        }
        Ok(self.versions().iter().map(|version| version.digest.clone()).collect())
    }

    /// Notes why this guest is taken back.
    pub(super) fn fails(&mut self, digest: &str, reason: &str) -> io::Result<()> {
        self.note_failure(digest, reason);
        self.write()
    }

    fn note_failure(&mut self, digest: &str, reason: &str) {
        let mut versions = self.contents.versions.iter_mut();
        if let Some(version) = versions.find(|version| version.digest == digest) {
            version.failures += 1;
            version.failed = Some((now_ms(), reason.to_owned()));
        }
    }

    /// Notes that this guest has passed its watch: what it did before is forgiven.
    pub(super) fn passes(&mut self, digest: &str) -> io::Result<()> {
        self.contents.unproven.take_if(|it| it.digest == digest);
        let mut versions = self.contents.versions.iter_mut();
        if let Some(version) = versions.find(|version| version.digest == digest) {
            (version.failures, version.failed) = (0, None);
        }
        self.write()
    }

    /// Notes the guest that the host has started with.
    pub fn started(&mut self, digest: &str, description: &Description, source: &str) {
        if self.is_serving(digest) && self.contents.expected.is_none() {
            return;
        }
        // Until a guest is replaced there is nothing to remember: a start writes no file.
        let is_first = self.versions().is_empty();
        let version = Version {
            digest: digest.to_owned(),
            name: description.name.clone(),
            version: description.version.clone(),
            schema_version: description.schema_version,
            source: source.to_owned(),
            since_ms: now_ms(),
            standing: Standing::Serving,
            failures: 0,
            failed: None,
            left: false,
        };
        if is_first {
            self.contents.versions.push(version);
            return;
        }
        let written = self.serves(digest, description, source, usize::MAX - 1);
        if let Err(error) = written {
            tracing::error!(%error, "the history of guests was not written");
        }
    }

    fn write(&self) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(&self.contents).map_err(io::Error::other)?;
        write_whole(&self.folder.join(folder::HISTORY), &bytes)
    }
}

/// Keeps a history that nobody can read, for somebody to mend.
fn set_aside(folder: &Path, error: &io::Error) {
    let aside = folder.join(folder::DAMAGED);
    let moved = fs::rename(folder.join(folder::HISTORY), &aside);
    let kept = if moved.is_ok() { aside } else { folder.join(folder::HISTORY) };
    tracing::error!(
        file = %kept.display(),
        %error,
        "the history of guests cannot be read: the configured guest serves, and there is none to \
         go back to. Install the other one again; or stop the host, mend the file, and name it \
         history.json again. No guest's file is deleted while it is there"
    );
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
