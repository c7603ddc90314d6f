//! Opening the shard's file, and the host's only SQL: PRAGMA, BEGIN, COMMIT, ROLLBACK.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use super::OpenError;
use crate::{
    guest::types::Fault,
    host_functions::sqlite::{self, SqliteHost},
};

/// The database, in the data folder.
const FILE: &str = "inventory.sqlite";
/// How long a statement waits for a lock of somebody outside this process: nobody inside holds one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// What a copy of the data leaves of the disk.
const ROOM_LEFT_BYTES: u64 = 16 << 20;
/// Locked for as long as a process has the data folder.
const LOCK_FILE: &str = "edge-host.lock";

/// The writer's settings.
///
/// - `journal_mode = WAL`: without it readers block the writer and a commit costs two fsyncs.
/// - `synchronous = FULL`: without it a power cut takes back commits that were acknowledged.
/// - `foreign_keys = ON`: without it a leg could name an order that does not exist.
/// - `cache_size`: 16 MiB of pages; with the default 2 MiB a batch spills into the WAL early.
/// - `wal_autocheckpoint = 4000`: at the default of 1,000 pages every few batches pay for a
///   checkpoint; 16 MiB of WAL make it rare and still quick to recover.
/// - `journal_size_limit`: gives the disk back after a reader held a checkpoint up.
/// - `trusted_schema = OFF`: a crafted file cannot run functions from its schema.
/// - `temp_store = MEMORY`: what a large statement may have to undo has no other place in a
///   container whose only writable folder is the data's.
const WRITER_PRAGMAS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA cache_size = -16384;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA trusted_schema = OFF;
    PRAGMA temp_store = MEMORY;";

/// A reader's settings: `query_only` beside the read-only handle: nothing writes by mistake.
const READER_PRAGMAS: &str = "
    PRAGMA query_only = ON;
    PRAGMA cache_size = -8192;
    PRAGMA trusted_schema = OFF;
    PRAGMA temp_store = MEMORY;";

/// Holds the data folder until it is dropped, or the process ends however it ends.
pub(super) struct FolderLock(#[expect(dead_code, reason = "held, not read")] File);

fn lock(data: &Path) -> Result<FolderLock, OpenError> {
    let folder = |source| OpenError::Folder { path: data.to_owned(), source };
    fs::create_dir_all(data).map_err(folder)?;
    let path = data.join(LOCK_FILE);
    let file = File::options().create(true).append(true).open(&path).map_err(folder)?;
    match file.try_lock() {
        Ok(()) => Ok(FolderLock(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(data.to_owned())),
        Err(TryLockError::Error(source)) => Err(OpenError::Folder { path, source }),
    }
}

/// The data folder, claimed for this process; and its database, which a thread opens meanwhile.
pub struct Claim {
    pub(super) lock: FolderLock,
    opening: Option<JoinHandle<Result<SqliteHost, OpenError>>>,
}

impl Claim {
    /// Makes the data folder if it is missing, and claims it. A database that is there is opened
    /// beside whatever the caller does next, which in a start is to load the guest.
    pub(super) fn new(data: &Path) -> Result<Self, OpenError> {
        let lock = lock(data)?;
        let exists = data.join(FILE).exists();
        let data = data.to_owned();
        let open = move || open_writer(&data);
        // Without a thread it is opened by the writer.
        let spawn = || thread::Builder::new().name("open".to_owned()).spawn(open).ok();
        Ok(Self { lock, opening: if exists { spawn() } else { None } })
    }

    /// The folder's lock, and the writing connection; makes the database if there is none.
    pub(super) fn open(self, data: &Path) -> Result<(FolderLock, SqliteHost), OpenError> {
        let ahead = self.opening.and_then(|opening| opening.join().ok());
        Ok((self.lock, ahead.unwrap_or_else(|| open_writer(data))?))
    }
}

/// Everything that the database's state is in while nobody has it open.
pub(super) fn files(data: &Path) -> Vec<PathBuf> {
    vec![data.join(FILE), data.join(format!("{FILE}-wal"))]
}

/// The writing connection; makes the database if there is none.
pub(super) fn open_writer(data: &Path) -> Result<SqliteHost, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    open(data, flags, WRITER_PRAGMAS)
}

/// A read-only connection to a database that the writer has opened.
pub(super) fn open_reader(data: &Path) -> Result<SqliteHost, OpenError> {
    open(data, OpenFlags::SQLITE_OPEN_READ_ONLY, READER_PRAGMAS)
}

/// Whether a copy of the data would leave the disk some room: the writer beside it needs that.
fn check_room(data: &Path, folder: &Path) -> Result<(), OpenError> {
    let files = files(data).into_iter().filter_map(|file| file.metadata().ok());
    let bytes: u64 = files.map(|file| file.len()).sum();
    let failed = |source| OpenError::Folder { path: folder.to_owned(), source };
    let disk = rustix::fs::statvfs(folder).map_err(|error| failed(error.into()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= bytes.saturating_add(ROOM_LEFT_BYTES) {
        return Ok(());
    }
    let (copy, left, free) = (bytes >> 20, ROOM_LEFT_BYTES >> 20, free >> 20);
    let why = format!(
        "a copy of the data takes {copy} MiB and leaves {left} MiB; {free} MiB are free: make room"
    );
    Err(failed(io::Error::new(io::ErrorKind::StorageFull, why)))
}

/// Copies the database as of one commit, where there is room for that.
pub(super) fn copy(data: &Path, folder: &Path) -> Result<(), OpenError> {
    check_room(data, folder)?;
    let (from, to) = (data.join(FILE), folder.join(FILE));
    let failed = |error: rusqlite::Error| OpenError::Database {
        path: to.clone(),
        message: format!("copying {}: {error}", from.display()),
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(&from, flags).map_err(failed)?;
    let mut copy = Connection::open(&to).map_err(failed)?;
    let backup = Backup::new(&source, &mut copy).map_err(failed)?;
    // All pages in one step: a step that others' commits come between would begin again.
    match backup.step(-1).map_err(failed)? {
        StepResult::Done => Ok(()),
        other => Err(OpenError::Database { path: to.clone(), message: format!("{other:?}") }),
    }
}

fn open(data: &Path, flags: OpenFlags, pragmas: &str) -> Result<SqliteHost, OpenError> {
    let path: PathBuf = data.join(FILE);
    // Each connection stays on one thread, so SQLite's own mutexes would only cost time.
    Connection::open_with_flags(&path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .and_then(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.execute_batch(pragmas)?;
            SqliteHost::new(connection)
        })
        .map_err(|error| OpenError::Database { path, message: error.to_string() })
}

/// Begins the writer's transaction.
pub(super) fn begin_write(host: &SqliteHost) -> Result<(), Fault> {
    run(host.connection(), "BEGIN IMMEDIATE")
}

/// Begins a reader's transaction, unless there is one: until its end everything sees one snapshot,
/// that of the first read.
pub(super) fn begin_read(host: &SqliteHost) -> Result<(), Fault> {
    if host.connection().is_autocommit() { run(host.connection(), "BEGIN") } else { Ok(()) }
}

/// Begins a reader's transaction, and takes its snapshot at once.
pub(super) fn begin_snapshot(host: &SqliteHost) -> Result<(), Fault> {
    begin_read(host)?;
    host.connection()
        .pragma_query_value(None, "schema_version", |_| Ok(()))
        .map_err(|error| fault("PRAGMA schema_version", error))
}

/// Makes the transaction durable.
pub(super) fn commit(host: &SqliteHost) -> Result<(), Fault> {
    run(host.connection(), "COMMIT")
}

/// Moves everything from the WAL into the database file, and empties the WAL. Does not wait for
/// readers: where one is in the way, what can be moved is, and the WAL stays.
pub(super) fn empty_wal(host: &SqliteHost) -> Result<(), Fault> {
    const EMPTY: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
    let connection = host.connection();
    let empty = || {
        connection.busy_timeout(Duration::ZERO)?;
        connection.query_row(EMPTY, [], |_| Ok(()))
    };
    let emptied = empty().map_err(|error| fault(EMPTY, error));
    connection.busy_timeout(BUSY_TIMEOUT).map_err(|error| fault(EMPTY, error))?;
    emptied
}

/// Takes the transaction back. SQLite has done so already after some errors.
pub(super) fn rollback(host: &SqliteHost) -> Result<(), Fault> {
    if host.connection().is_autocommit() {
        return Ok(());
    }
    run(host.connection(), "ROLLBACK")
}

/// Not from the cache of statements: a guest that sends the same text would find it there, past the
/// authorizer.
fn run(connection: &Connection, statement: &str) -> Result<(), Fault> {
    connection.execute_batch(statement).map_err(|error| fault(statement, error))
}

fn fault(statement: &str, error: rusqlite::Error) -> Fault {
    match sqlite::translate(error) {
        crate::guest::sqlite::Error::Busy => Fault::Busy,
        crate::guest::sqlite::Error::Full => Fault::Full,
        crate::guest::sqlite::Error::Interrupted => Fault::Interrupted,
        other => Fault::Storage(format!("{statement}: {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_commits_with_is_not_lent_to_the_guest() {
        let data = tempfile::tempdir().unwrap();
        let mut host = open_writer(data.path()).unwrap();
        begin_write(&host).unwrap();
        commit(&host).unwrap();
        begin_write(&host).unwrap();
        let answer = crate::guest::Sqlite::execute(&mut host, "COMMIT".to_owned(), Vec::new());
        assert!(matches!(answer, Err(crate::guest::sqlite::Error::Other(_))), "{answer:?}");
        rollback(&host).unwrap();
    }

    /// Issue 3: a trial's copy could fill the disk under the writer.
    #[test]
    fn a_copy_that_does_not_fit_on_the_disk_is_not_begun() {
        let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        drop(open_writer(data.path()).unwrap());
        copy(data.path(), folder.path()).unwrap();
        // Nothing but a length: SQLite knows better how much of it is the database.
        File::options().write(true).open(data.path().join(FILE)).unwrap().set_len(1 << 43).unwrap();
        let said = copy(data.path(), folder.path()).unwrap_err().to_string();
        assert!(said.contains("make room"), "{said}");
    }
}
