//! Takes the scores out of a journal: every one of them, in the order of the journal.

use std::io::{self, Write};

use gradebook_core::{Entry, ExamNumber, Position, Score, StudentId, Timestamp};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::journal::{BATCH_ENTRIES_MAX, Journal, JournalError};
use crate::progress::{Elsewhere, Progress};

/// A text form of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A line of JSON for each score: exact, and read by most programs.
    Ndjson,
    /// RFC 4180, with a line of names: for spreadsheets.
    Csv,
}

/// Why the scores did not come out.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The target could not be written.
    #[error("cannot write")]
    Write(#[from] io::Error),
    /// The process was asked to end.
    #[error("the export was ended before all scores were out")]
    Ended,
}

/// A score as every list of results shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportedScore<'a> {
    exam: ExamNumber,
    student_id: &'a StudentId,
    score: Score,
    received_at: Timestamp,
}

/// Writes every score in `journal` to `out`, and returns how many there are.
///
/// What is appended meanwhile is left out. Erased scores are gone, and erasures name nobody, so
/// neither is written.
///
/// # Errors
/// See [`ExportError`].
pub fn export(
    journal: &mut dyn Journal,
    format: Format,
    out: &mut dyn Write,
    shutdown: &CancellationToken,
) -> Result<u64, ExportError> {
    let last = journal.last()?;
    let mut progress = Progress::start("exporting", last.get(), Elsewhere::Quiet);
    let mut lines = Lines::new(format, out)?;
    let mut after = Position::START;
    let mut count = 0;
    while after < last {
        if shutdown.is_cancelled() {
            return Err(ExportError::Ended);
        }
        let entries = journal.read(after, BATCH_ENTRIES_MAX)?;
        let Some((read, _)) = entries.last() else { break };
        after = *read;
        for (_, entry) in entries.iter().filter(|(position, _)| *position <= last) {
            if let Entry::Scored { student, exam, score, received } = entry {
                let score = (*exam, student, *score, *received);
                lines.write(score)?;
                count += 1;
            }
        }
        progress.at(after.get());
    }
    lines.finish()?;
    progress.finish();
    Ok(count)
}

/// The lines of one format.
enum Lines<'a> {
    Ndjson(&'a mut dyn Write),
    Csv(Box<csv::Writer<&'a mut dyn Write>>),
}

impl<'a> Lines<'a> {
    fn new(format: Format, out: &'a mut dyn Write) -> io::Result<Self> {
        Ok(match format {
            Format::Ndjson => Self::Ndjson(out),
            Format::Csv => {
                let mut writer =
                    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
                writer.write_record(["exam", "studentId", "score", "receivedAt"])?;
                Self::Csv(Box::new(writer))
            }
        })
    }

    fn write(
        &mut self,
        (exam, student_id, score, received_at): (ExamNumber, &StudentId, Score, Timestamp),
    ) -> io::Result<()> {
        match self {
            Self::Ndjson(out) => {
                let line = ExportedScore { exam, student_id, score, received_at };
                serde_json::to_writer(&mut *out, &line)?;
                out.write_all(b"\n")
            }
            Self::Csv(writer) => {
                let score = serde_json::to_string(&score)?;
                let student = guarded(student_id.as_str());
                let (exam, received) = (exam.to_string(), received_at.to_string());
                Ok(writer.write_record([exam.as_str(), &student, &score, &received])?)
            }
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Ndjson(out) => out.flush(),
            Self::Csv(mut writer) => writer.flush(),
        }
    }
}

/// An id as CSV holds it: one that a spreadsheet would take for a formula gets an apostrophe in
/// front (OWASP, CSV injection). So does one that begins with apostrophes and then such a formula,
/// so that [`unguarded`] gives back every id exactly.
fn guarded(id: &str) -> String {
    if is_formula(id.trim_start_matches('\'')) { format!("'{id}") } else { id.to_owned() }
}

/// The id that [`guarded`] wrote.
#[must_use]
pub fn unguarded(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(id) if is_formula(id.trim_start_matches('\'')) => id,
        _ => text,
    }
}

fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_guarded_and_every_id_comes_back() {
        for (id, text) in [
            ("foo", "foo"),
            ("=1+1", "'=1+1"),
            ("-foo", "'-foo"),
            ("'foo", "'foo"),
            ("'", "'"),
            ("'=1", "''=1"),
            ("''@x", "'''@x"),
            ("o'=x", "o'=x"),
        ] {
            assert_eq!(guarded(id), text);
            assert_eq!(unguarded(text), id);
        }
    }
}
