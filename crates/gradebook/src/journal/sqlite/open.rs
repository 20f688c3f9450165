//! From a path to a journal that may be used, or to one clear reason why not.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gradebook_core::{PseudonymKey, StudentId, Timestamp};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, ffi};

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

const SCHEMA: &str = include_str!("schema.sql");

/// Why a file cannot be used as a journal.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder is missing.
    #[error("there is no folder `{}` to keep the journal in", .0.display())]
    NoFolder(PathBuf),
    /// There is nothing to read.
    #[error("there is no journal `{}`", .0.display())]
    NoFile(PathBuf),
    /// A folder, a device: anything but a file.
    #[error("`{}` is not a file, so no journal can be kept in it", .0.display())]
    NotAFile(PathBuf),
    /// Another process writes to it.
    #[error("the journal `{}` is in use by {}", .path.display(), holder_name(*.process))]
    Held {
        /// The journal.
        path: PathBuf,
        /// Its holder, when it can be told.
        process: Option<u32>,
    },
    /// Neither empty nor SQLite's format.
    #[error("`{}` is not a journal: it is not a SQLite file", .0.display())]
    NotSqlite(PathBuf),
    /// A SQLite file that something else has made.
    #[error("`{}` is not a journal: it is a SQLite file of another application", .0.display())]
    Foreign(PathBuf),
    /// A later version of this program has written it.
    #[error(
        "the journal `{}` has schema version {found}, and this gradebook knows {SCHEMA_VERSION} \
         at most: use a newer gradebook", .path.display()
    )]
    Newer {
        /// The journal.
        path: PathBuf,
        /// Its schema version.
        found: i32,
    },
    /// The file or its folder cannot be written, or not even read.
    #[error("no permission to use the journal `{}`", .path.display())]
    NotPermitted {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The disk is full.
    #[error("the disk of the journal `{}` is full", .path.display())]
    Full {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The content contradicts itself.
    #[error("the journal `{}` is damaged (`gradebook check` says where)", .path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// What exactly.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Anything else.
    #[error("the journal `{}` cannot be opened", .path.display())]
    Other {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    /// Whether the setting is to blame: another path would do.
    #[must_use]
    pub fn is_setting(&self) -> bool {
        match self {
            Self::NoFolder(_)
            | Self::NoFile(_)
            | Self::NotAFile(_)
            | Self::NotSqlite(_)
            | Self::Foreign(_)
            | Self::Newer { .. }
            | Self::NotPermitted { .. } => true,
            Self::Held { .. } | Self::Full { .. } | Self::Damaged { .. } | Self::Other { .. } => {
                false
            }
        }
    }
}

fn holder_name(process: Option<u32>) -> String {
    process.map_or_else(|| "another process".to_owned(), |id| format!("process {id}"))
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
    let holder = Holder::hold(path).map_err(|error| match error {
        HoldError::Held(process) => OpenError::Held { path: path.clone(), process },
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
        return Err(OpenError::NoFile(path.clone()));
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
        Ok(found) if !found.is_file() => return Err(OpenError::NotAFile(path.to_owned())),
        Ok(_) => return fs::canonicalize(path).map_err(|error| from_io(path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(from_io(path, error)),
    }
    let Some(name) = path.file_name() else { return Err(OpenError::NotAFile(path.to_owned())) };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match fs::canonicalize(folder) {
        Ok(folder) => Ok(folder.join(name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(OpenError::NoFolder(folder.to_owned()))
        }
        Err(error) => Err(from_io(path, error)),
    }
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
        return Err(OpenError::Foreign(path.to_owned()));
    }
    let found = pragma("user_version")?;
    if found > SCHEMA_VERSION {
        return Err(OpenError::Newer { path: path.to_owned(), found });
    }
    Ok(())
}

fn keep_in_wal(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    // FULL syncs the log at every commit: what a client has read survives a power cut.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    Ok(())
}

fn load(path: &Path, connection: Connection, holder: Option<Holder>) -> Result<Opened, OpenError> {
    let failed = |error| from_sqlite(path, error);
    let damaged = |damage| OpenError::Damaged { path: path.to_owned(), source: Box::new(damage) };
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
                students.add(id);
            }
            _ => return Ok(Err(Damage::StudentInvalid(number))),
        }
    }
    Ok(Ok(()))
}

fn from_io(path: &Path, error: io::Error) -> OpenError {
    let (path, kind, source) = (path.to_owned(), error.kind(), Box::new(error));
    match kind {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            OpenError::NotPermitted { path, source }
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            OpenError::Full { path, source }
        }
        _ => OpenError::Other { path, source },
    }
}

fn from_sqlite(path: &Path, error: rusqlite::Error) -> OpenError {
    let (path, code) = (path.to_owned(), error.sqlite_error_code());
    let full = error.sqlite_error().is_some_and(|error| {
        // A full disk under the shared-memory file has a code of its own.
        error.extended_code == ffi::SQLITE_IOERR_SHMSIZE
    });
    let source = Box::new(error);
    match code {
        Some(ErrorCode::NotADatabase) => OpenError::NotSqlite(path),
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, source },
        Some(ErrorCode::DiskFull) => OpenError::Full { path, source },
        _ if full => OpenError::Full { path, source },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            OpenError::NotPermitted { path, source }
        }
        _ => OpenError::Other { path, source },
    }
}
