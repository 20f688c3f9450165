//! Entries to rows.

use std::sync::LazyLock;

use gradebook_core::{Entry, Position, Pseudonym, StudentId};
use rusqlite::{CachedStatement, Connection, Transaction, TransactionBehavior};

use super::read;
use super::students::Students;
use crate::journal::{Checkpoint, JournalError};

/// Rows that one statement inserts: most of the cost of an insert is that of the statement.
/// Measured: see docs/measurements.md.
const ROWS_AT_ONCE: usize = 32;

const COLUMNS: usize = 5;

static INSERT_MANY: LazyLock<String> = LazyLock::new(|| insert(ROWS_AT_ONCE));
static INSERT_ONE: LazyLock<String> = LazyLock::new(|| insert(1));

const INSERT_STUDENT: &str = "INSERT INTO students(id, student) VALUES (?1, ?2)";

const INSERT_ERASURE: &str =
    "INSERT INTO erasures(position, student, suppress, removed) VALUES (?1, ?2, ?3, ?4)";

const UPSERT_CHECKPOINT: &str = "INSERT INTO checkpoints(feed, last_event_id) VALUES (?1, ?2)
    ON CONFLICT(feed) DO UPDATE SET last_event_id = excluded.last_event_id";

/// One row of `entries`, on its way.
#[derive(Clone, Copy)]
struct EntryRow {
    position: Position,
    student: u32,
    exam: u64,
    score: f64,
    received: u64,
}

/// A student who is to be erased.
pub struct Erasure<'a> {
    /// Whom.
    pub student: &'a StudentId,
    /// Their number, when they have one.
    pub number: Option<u32>,
    /// What is kept of them.
    pub pseudonym: Pseudonym,
    /// Whether later scores are to be dropped.
    pub suppress: bool,
}

/// Appends all of it, durably, or nothing. New students are added to `students` in any case.
pub fn append(
    connection: &mut Connection,
    students: &mut Students,
    expected_last: Position,
    entries: &[Entry],
    checkpoints: &[Checkpoint],
) -> Result<Position, JournalError> {
    let transaction = begin(connection, expected_last)?;
    let last = insert_entries(&transaction, students, expected_last, entries)?;
    for Checkpoint { feed, last_event_id } in checkpoints {
        let mut upsert = transaction.prepare_cached(UPSERT_CHECKPOINT)?;
        upsert.execute((feed.as_ref(), last_event_id.as_ref()))?;
    }
    transaction.commit()?;
    Ok(last)
}

/// Appends the erasure, and removes the student's entries and id.
pub fn erase(
    connection: &mut Connection,
    expected_last: Position,
    erasure: &Erasure<'_>,
) -> Result<Position, JournalError> {
    let transaction = begin(connection, expected_last)?;
    let mut removed = 0;
    if let Some(number) = erasure.number {
        removed = transaction.execute("DELETE FROM entries WHERE student = ?1", [number])?;
        // As many bytes as before, so that SQLite overwrites the row where it is.
        let blank = "\0".repeat(erasure.student.as_str().len());
        let sql = "UPDATE students SET student = ?2 WHERE id = ?1";
        transaction.execute(sql, (number, blank))?;
    }
    let last = expected_last.plus(1);
    let Erasure { pseudonym: Pseudonym(pseudonym), suppress, .. } = erasure;
    let row = (last.get(), &pseudonym[..], suppress, removed);
    transaction.execute(INSERT_ERASURE, row)?;
    transaction.commit()?;
    Ok(last)
}

/// Moves the write-ahead log into the file and empties it. False when a reader is in the way.
pub fn purge(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "PRAGMA wal_checkpoint(TRUNCATE)",
        [],
        |row| Ok(row.get::<_, i64>(0)? == 0),
    )
}

fn begin(
    connection: &mut Connection,
    expected_last: Position,
) -> Result<Transaction<'_>, JournalError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let last = read::last(&transaction)?;
    if last == expected_last { Ok(transaction) } else { Err(JournalError::Conflict { last }) }
}

fn insert_entries(
    transaction: &Transaction<'_>,
    students: &mut Students,
    mut last: Position,
    entries: &[Entry],
) -> rusqlite::Result<Position> {
    let mut insert_many = transaction.prepare_cached(&INSERT_MANY)?;
    let mut waiting: Vec<EntryRow> = Vec::with_capacity(ROWS_AT_ONCE);
    for entry in entries {
        last = last.plus(1);
        match entry {
            Entry::Scored { student, exam, score, received } => {
                let student = match students.number(student) {
                    Some(number) => number,
                    None => insert_student(transaction, students, student)?,
                };
                let (exam, score, received) = (exam.get(), score.get(), received.as_ms());
                waiting.push(EntryRow { position: last, student, exam, score, received });
            }
            Entry::Erased { student: Pseudonym(student), suppress } => {
                let mut insert = transaction.prepare_cached(INSERT_ERASURE)?;
                insert.execute((last.get(), &student[..], suppress, 0))?;
            }
        }
        if waiting.len() == ROWS_AT_ONCE {
            insert_rows(&mut insert_many, &waiting)?;
            waiting.clear();
        }
    }
    let mut insert_one = transaction.prepare_cached(&INSERT_ONE)?;
    for row in waiting.chunks(1) {
        insert_rows(&mut insert_one, row)?;
    }
    Ok(last)
}

fn insert_student(
    transaction: &Transaction<'_>,
    students: &mut Students,
    student: &StudentId,
) -> rusqlite::Result<u32> {
    let number = students.add(student.clone());
    transaction.prepare_cached(INSERT_STUDENT)?.execute((number, student.as_str()))?;
    Ok(number)
}

fn insert_rows(insert: &mut CachedStatement<'_>, rows: &[EntryRow]) -> rusqlite::Result<()> {
    for (index, row) in rows.iter().enumerate() {
        let first = index * COLUMNS + 1;
        insert.raw_bind_parameter(first, row.position.get())?;
        insert.raw_bind_parameter(first + 1, row.student)?;
        insert.raw_bind_parameter(first + 2, row.exam)?;
        insert.raw_bind_parameter(first + 3, row.score)?;
        insert.raw_bind_parameter(first + 4, row.received)?;
    }
    insert.raw_execute().map(drop)
}

fn insert(rows: usize) -> String {
    let values = vec!["(?,?,?,?,?)"; rows].join(",");
    format!("INSERT INTO entries(position, student, exam, score, received) VALUES {values}")
}
