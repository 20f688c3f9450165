//! Rows to entries.

use gradebook_core::{Entry, ExamNumber, Position, Pseudonym, Score, Timestamp};
use rusqlite::{Connection, Row, Rows};

use super::InvalidEntry;
use super::open::load_students;
use super::students::Students;
use crate::journal::JournalError;

const LAST: &str = "SELECT max(ifnull((SELECT max(position) FROM entries), 0),
                               ifnull((SELECT max(position) FROM erasures), 0))";

const ENTRIES: &str = "SELECT position, student, exam, score, received FROM entries
                       WHERE position > ?1 ORDER BY position LIMIT ?2";

const ERASURES: &str = "SELECT position, student, suppress FROM erasures
                        WHERE position > ?1 ORDER BY position LIMIT ?2";

/// The position of the last entry.
pub fn last(connection: &Connection) -> rusqlite::Result<Position> {
    connection.prepare_cached(LAST)?.query_row([], |row| row.get(0)).map(Position::new)
}

/// Adds to `found` the entries after `after`, at most `limit`.
pub fn entries(
    connection: &Connection,
    students: &mut Students,
    after: Position,
    limit: usize,
    found: &mut Vec<(Position, Entry)>,
) -> Result<(), JournalError> {
    // One transaction, so that both tables are read as of one moment.
    let transaction = connection.unchecked_transaction()?;
    let mut select = transaction.prepare_cached(ERASURES)?;
    let mut rows = select.query((after.get(), limit))?;
    let mut erasure = next_erasure(&mut rows)?;
    let mut select = transaction.prepare_cached(ENTRIES)?;
    let mut scores = select.query((after.get(), limit))?;
    let mut left = limit;
    while left > 0 {
        let Some(row) = scores.next()? else { break };
        let entry = score(&transaction, students, row)?;
        while left > 0 && erasure.as_ref().is_some_and(|(position, _)| *position < entry.0) {
            found.extend(erasure.take());
            erasure = next_erasure(&mut rows)?;
            left -= 1;
        }
        if left > 0 {
            found.push(entry);
            left -= 1;
        }
    }
    while let Some(entry) = erasure.take_if(|_| left > 0) {
        found.push(entry);
        erasure = next_erasure(&mut rows)?;
        left -= 1;
    }
    Ok(())
}

fn score(
    connection: &Connection,
    students: &mut Students,
    row: &Row<'_>,
) -> Result<(Position, Entry), JournalError> {
    let position: i64 = row.get(0)?;
    let invalid = |member| InvalidEntry { position, member };
    let number: i64 = row.get(1)?;
    if students.id(number).is_none() {
        // Somebody else writes to the file, and has met a new student.
        load_students(connection, students)??;
    }
    let student = students.id(number).ok_or_else(|| invalid("student"))?.clone();
    let exam: Option<u64> = row.get::<_, i64>(2)?.try_into().ok();
    let exam = exam.and_then(|exam| ExamNumber::new(exam).ok()).ok_or_else(|| invalid("exam"))?;
    let score = Score::new(row.get(3)?).map_err(|_| invalid("score"))?;
    let received: u64 = row.get::<_, i64>(4)?.try_into().map_err(|_| invalid("received time"))?;
    let received = Timestamp::from_ms(received);
    let position = u64::try_from(position).map_err(|_| invalid("position"))?;
    Ok((Position::new(position), Entry::Scored { student, exam, score, received }))
}

fn next_erasure(rows: &mut Rows<'_>) -> Result<Option<(Position, Entry)>, JournalError> {
    let Some(row) = rows.next()? else { return Ok(None) };
    let position: i64 = row.get(0)?;
    let invalid = |member| InvalidEntry { position, member };
    let pseudonym: Option<[u8; 16]> =
        row.get_ref(1)?.as_blob().ok().and_then(|b| b.try_into().ok());
    let student = Pseudonym(pseudonym.ok_or_else(|| invalid("pseudonym"))?);
    let suppress = row.get::<_, i64>(2)? != 0;
    let position = u64::try_from(position).map_err(|_| invalid("position"))?;
    Ok(Some((Position::new(position), Entry::Erased { student, suppress })))
}
