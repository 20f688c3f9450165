//! From a path to a journal that may be used, or to one clear reason why not.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gradebook_core::{PseudonymKey, StudentId, Timestamp};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, ffi};

use super::Failure;
use super::holder::{HoldError, Holder};
use super::students::Students;
use crate::journal::Identity;

/// What the header of the file says of its owner (`PRAGMA application_id`): `GrBk`.
pub const APPLICATION_ID: i32 = 0x4772_426b;

/// The version of the schema (`PRAGMA user_version`) that this program writes and reads.
pub const SCHEMA_VERSION: i32 = 1;

/// Bytes in a page. Measured: see docs/measurements.md.
const PAGE_BYTES: u32 = 4_096;

/// Pages in the write-ahead log at which its content is moved to the file, after a commit.
const WAL_PAGES: u32 = 4_096;

/// What remains of the write-ahead log's file after it has been larger, in bytes.
const WAL_BYTES_KEPT: u32 = 64 * 1024 * 1024;

/// How long one attempt waits for another process's transaction.
const BUSY_WAIT: Duration = Duration::from_millis(100);

const SCHEMA: &str = include_str!("schema.sql");

/// A file that cannot be used as a journal.
#[derive(Debug)]
pub struct OpenError {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub reason: Reason,
}

/// Why a file cannot be used as a journal. Each is the rest of a sentence about the file.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The folder is missing.
    #[error("cannot be kept there: there is no folder {}", .0.display())]
    NoFolder(PathBuf),
    /// There is nothing to read.
    #[error("does not exist")]
    NoFile,
    /// A folder, a device: anything but a file.
    #[error("is not a file")]
    NotAFile,
    /// Another process writes to it: the one with this number, when it can be told.
    #[error("is in use by {}", .0.map_or_else(|| "another process".to_owned(), |id| format!("process {id}")))]
    Held(Option<u32>),
    /// Neither empty nor SQLite's format.
    #[error("is not a journal, nor any SQLite file")]
    NotSqlite,
    /// A SQLite file that something else has made.
    #[error("is not a journal, but a SQLite file of another application")]
    Foreign,
    /// A later version of this program has written it: the version of its schema.
    #[error(
        "was written by a newer gradebook: its schema has version {0}, and {SCHEMA_VERSION} is \
         the latest that this one knows"
    )]
    Newer(i32),
    /// The file or its folder cannot be written, or not even read.
    #[error("may not be used")]
    NotPermitted(#[source] Cause),
    /// The disk is full.
    #[error("cannot be opened: the disk is full")]
    Full(#[source] Cause),
    /// The content contradicts itself.
    #[error("is damaged, and `gradebook check` says where")]
    Damaged(#[source] Cause),
    /// Anything else.
    #[error("cannot be opened")]
    Other(#[source] Cause),
}

type Cause = Box<dyn Error + Send + Sync>;

impl Reason {
    /// Whether the setting is to blame: another path would do.
    #[must_use]
    pub fn is_setting(&self) -> bool {
        match self {
            Self::NoFolder(_)
            | Self::NoFile
            | Self::NotAFile
            | Self::NotSqlite
            | Self::Foreign
            | Self::Newer(_)
            | Self::NotPermitted(_) => true,
            Self::Held(_) | Self::Full(_) | Self::Damaged(_) | Self::Other(_) => false,
        }
    }

    fn of(self, path: &Path) -> OpenError {
        OpenError { path: path.to_owned(), reason: self }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the journal {} {}", self.path.display(), self.reason)
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.reason.source()
    }
}

/// Content that this program would never have written.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The row that names the journal is missing or of another form.
    #[error("it has no key")]
    NoKey,
    /// The numbers of students have a gap.
    #[error("student number {0} is out of order")]
    StudentOutOfOrder(i64),
    /// An id has two numbers.
    #[error("student number {0} has the id of another")]
    StudentTwice(i64),
    /// A text is not a student id.
    #[error("student number {0} has no valid id")]
    StudentInvalid(i64),
}

/// An open file, and everything of it that is known by heart.
pub struct Opened {
    /// The only connection.
    pub connection: Connection,
    /// Every student.
    pub students: Students,
    /// The key of the pseudonyms.
    pub identity: Identity,
    /// Present when the file may be written.
    pub holder: Option<Holder>,
}

/// Opens `path` for writing; makes the journal if there is none.
pub fn for_writing(path: &Path) -> Result<Opened, OpenError> {
    let path = &resolved(path)?;
    refuse_other_formats(path)?;
    let holder = Holder::hold(path).map_err(|error| match error {
        HoldError::Held(process) => Reason::Held(process).of(path),
        HoldError::Io(error) => from_io(path, error),
    })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).and_then(|mut connection| {
        set_up(&mut connection)?;
        Ok(connection)
    });
    let connection = opened.map_err(|error| from_sqlite(path, error))?;
    belongs_to_us(path, &connection)?;
    keep_in_wal(&connection).map_err(|error| from_sqlite(path, error))?;
    load(path, connection, Some(holder))
}

/// Opens `path`, which must be a journal, for reading; somebody else may be writing to it.
pub fn for_reading(path: &Path) -> Result<Opened, OpenError> {
    let path = &resolved(path)?;
    if !path.exists() {
        return Err(Reason::NoFile.of(path));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| from_sqlite(path, error))?;
    belongs_to_us(path, &connection)?;
    load(path, connection, None)
}

/// The path without links, so that two paths to one file are held as one.
fn resolved(path: &Path) -> Result<PathBuf, OpenError> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => return Err(Reason::NotAFile.of(path)),
        Ok(_) => return fs::canonicalize(path).map_err(|error| from_io(path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(from_io(path, error)),
    }
    let Some(name) = path.file_name() else { return Err(Reason::NotAFile.of(path)) };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match fs::canonicalize(folder) {
        Ok(folder) => Ok(folder.join(name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Reason::NoFolder(folder.to_owned()).of(path))
        }
        Err(error) => Err(from_io(path, error)),
    }
}

/// Looks at the first bytes of a file that is there, so that nothing is put beside, let alone into,
/// a file that has never been a journal.
fn refuse_other_formats(path: &Path) -> Result<(), OpenError> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let mut start = Vec::new();
    match fs::File::open(path) {
        Ok(file) => file.take(MAGIC.len() as u64).read_to_end(&mut start),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
    .map_err(|error| from_io(path, error))?;
    if start.is_empty() || start == MAGIC { Ok(()) } else { Err(Reason::NotSqlite.of(path)) }
}

/// Makes the schema in an empty file, in one transaction, so that a file has all of it or nothing.
fn set_up(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let tables: u32 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let owner: i32 = transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if tables > 0 || owner != 0 {
        return Ok(());
    }
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    let key: [u8; 16] = rand::random();
    let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default();
    let created = Timestamp::from_ms(now).to_string();
    let mut insert = transaction.prepare("INSERT INTO meta(name, value) VALUES (?1, ?2)")?;
    insert.execute(("key", &key[..]))?;
    insert.execute(("created", created))?;
    insert.execute(("created_by", concat!("gradebook ", env!("CARGO_PKG_VERSION"))))?;
    drop(insert);
    transaction.commit()
}

fn belongs_to_us(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let pragma = |name| {
        let value = connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        value.map_err(|error| from_sqlite(path, error))
    };
    if pragma("application_id")? != APPLICATION_ID {
        return Err(Reason::Foreign.of(path));
    }
    let found = pragma("user_version")?;
    if found > SCHEMA_VERSION {
        return Err(Reason::Newer(found).of(path));
    }
    Ok(())
}

fn keep_in_wal(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    // Somebody else's transaction is waited for by the writer, which says so meanwhile.
    connection.busy_timeout(BUSY_WAIT)?;
    // FULL syncs the log at every commit: what a client has read survives a power cut.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    Ok(())
}

fn load(path: &Path, connection: Connection, holder: Option<Holder>) -> Result<Opened, OpenError> {
    let failed = |error| from_sqlite(path, error);
    let damaged = |damage: Damage| Reason::Damaged(Box::new(damage)).of(path);
    let sql = "SELECT value FROM meta WHERE name = 'key'";
    let key: Option<[u8; 16]> = connection
        .query_row(sql, [], |row| {
            Ok(row.get_ref(0)?.as_blob().ok().and_then(|key| key.try_into().ok()))
        })
        .map_err(failed)?;
    let key = PseudonymKey(key.ok_or_else(|| damaged(Damage::NoKey))?);
    let mut students = Students::default();
    load_students(&connection, &mut students).map_err(failed)?.map_err(damaged)?;
    let identity = Identity { key, epoch: None };
    Ok(Opened { connection, students, identity, holder })
}

/// Adds to `students` whoever is in the file and not yet in it.
pub fn load_students(
    connection: &Connection,
    students: &mut Students,
) -> rusqlite::Result<Result<(), Damage>> {
    let mut select =
        connection.prepare_cached("SELECT id, student FROM students WHERE id > ?1 ORDER BY id")?;
    let mut rows = select.query([students.len()])?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        if usize::try_from(number) != Ok(students.len() + 1) {
            return Ok(Err(Damage::StudentOutOfOrder(number)));
        }
        match row.get_ref(1)? {
            ValueRef::Text(text) if text.starts_with(b"\0") => students.add_erased(),
            ValueRef::Text(text) => {
                let id = std::str::from_utf8(text).ok().and_then(|id| StudentId::parse(id).ok());
                let Some(id) = id else { return Ok(Err(Damage::StudentInvalid(number))) };
                if students.number(&id).is_some() {
                    return Ok(Err(Damage::StudentTwice(number)));
                }
                students.add(id);
            }
            _ => return Ok(Err(Damage::StudentInvalid(number))),
        }
    }
    Ok(Ok(()))
}

fn from_io(path: &Path, error: io::Error) -> OpenError {
    let reason = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Reason::NotPermitted,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Reason::Full,
        _ => Reason::Other,
    };
    reason(Box::new(error)).of(path)
}

fn from_sqlite(path: &Path, error: rusqlite::Error) -> OpenError {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    let reason = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => return Reason::NotSqlite.of(path),
        Some(ErrorCode::DatabaseCorrupt) => Reason::Damaged,
        Some(ErrorCode::DiskFull) => Reason::Full,
        // The full disk was met while the file that SQLite's processes share was enlarged.
        _ if extended == Some(ffi::SQLITE_IOERR_SHMSIZE) => Reason::Full,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Reason::NotPermitted,
        _ => Reason::Other,
    };
    reason(Box::new(Failure(error))).of(path)
}
