//! Puts scores from a file into a journal.

mod lines;
mod source;

use std::io;
use std::sync::Arc;

use gradebook_core::{Entry, Position, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::journal::{BATCH_ENTRIES_MAX, Checkpoint, Journal, JournalError};
use crate::progress::{Elsewhere, Progress};
use source::{Found, FoundScore};

pub use lines::Place;
pub use source::{Source, SourceError};

/// Scores in one append. A line of recorded events can hold many, so there is room for more.
const BATCH_SCORES: usize = BATCH_ENTRIES_MAX / 2;

/// A text form of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A line of JSON for each score, as exported
    Ndjson,
    /// A table with a line of names, as exported
    Csv,
    /// A recorded event stream
    Events,
}

impl Format {
    /// What a file with this extension usually holds.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "csv" => Some(Self::Csv),
            "sse" => Some(Self::Events),
            _ => None,
        }
    }
}

/// How an import is done.
pub struct Import<'a> {
    /// The name of the checkpoint that says how far the file has been imported; `None` when nobody
    /// can go on with it.
    pub checkpoint: Option<Arc<str>>,
    /// Whether the first line that is no score ends it.
    pub strict: bool,
    /// The time for scores that come without one; later times are refused.
    pub now: Timestamp,
    /// The length of the file in bytes; 0 when nobody knows.
    pub bytes: u64,
    /// Told the number of each line that is no score, and why.
    pub reject: &'a mut dyn FnMut(u64, &str),
}

/// What an import has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Scores that are now in the journal.
    pub kept: u64,
    /// Lines that were no scores.
    pub rejected: u64,
    /// Scores with an earlier time than the last one in the journal, which got that time.
    pub moved: u64,
}

/// Why an import did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The journal could not be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The file could not be read.
    #[error("cannot read the file")]
    Read(#[from] io::Error),
    /// A line is no score, and the import is strict.
    #[error("line {line}: {why}; what came since the last full batch is not kept")]
    Strict {
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The process was asked to end.
    #[error("the import was ended; the same command goes on with it")]
    Ended,
}

impl Import<'_> {
    /// Appends every score of `source` to `journal`.
    ///
    /// # Errors
    /// See [`ImportError`]. What had been appended before stays.
    pub fn run(
        &mut self,
        source: &mut Source,
        journal: &mut dyn Journal,
        shutdown: &CancellationToken,
    ) -> Result<Imported, ImportError> {
        let mut last = journal.last()?;
        let mut last_received = last_received(journal, last)?;
        let mut progress = Progress::start("importing bytes", self.bytes, Elsewhere::Quiet);
        let mut imported = Imported::default();
        let mut found: Vec<Found> = Vec::new();
        let mut batch: Vec<Entry> = Vec::with_capacity(BATCH_ENTRIES_MAX);
        let mut more = true;
        while more {
            if shutdown.is_cancelled() {
                return Err(ImportError::Ended);
            }
            more = source.next(&mut found)?;
            for Found { line, score } in found.drain(..) {
                match score.and_then(|found| self.entry(found, &mut last_received)) {
                    Ok((entry, moved)) => {
                        imported.moved += u64::from(moved);
                        batch.push(entry);
                    }
                    Err(why) if self.strict => return Err(ImportError::Strict { line, why }),
                    Err(why) => {
                        imported.rejected += 1;
                        (self.reject)(line, &why);
                    }
                }
            }
            if batch.len() >= BATCH_SCORES || !more {
                last = journal.append(last, &batch, &self.checkpoint_at(source.place()))?;
                imported.kept += batch.len() as u64;
                batch.clear();
            }
            progress.at(source.place().offset);
        }
        progress.finish();
        Ok(imported)
    }

    fn checkpoint_at(&self, place: Place) -> Vec<Checkpoint> {
        let checkpoint = self.checkpoint.iter().map(|feed| Checkpoint {
            feed: Arc::clone(feed),
            last_event_id: Arc::from(place.to_string()),
        });
        checkpoint.collect()
    }

    /// The entry for a score, and whether its time had to be moved.
    fn entry(
        &self,
        (score, received): FoundScore,
        last_received: &mut Timestamp,
    ) -> Result<(Entry, bool), String> {
        let received = received.unwrap_or(self.now);
        if received > self.now {
            return Err("`receivedAt` is in the future".to_owned());
        }
        let moved = received < *last_received;
        *last_received = received.max(*last_received);
        let (student, exam, score) = (score.student, score.exam, score.score);
        Ok((Entry::Scored { student, exam, score, received: *last_received }, moved))
    }
}

/// When the last score in `journal` was received: times never decrease along a journal.
fn last_received(journal: &mut dyn Journal, last: Position) -> Result<Timestamp, JournalError> {
    let mut back = 1;
    loop {
        let after = Position::new(last.get().saturating_sub(back));
        // Erasures may be many, and what they removed leaves gaps: further back each time.
        let mut from = after;
        let mut latest = None;
        loop {
            let entries = journal.read(from, BATCH_ENTRIES_MAX)?;
            let Some((read, _)) = entries.last() else { break };
            from = *read;
            let received = entries.iter().rev().find_map(|(_, entry)| match entry {
                Entry::Scored { received, .. } => Some(*received),
                Entry::Erased { .. } => None,
            });
            latest = received.or(latest);
        }
        if latest.is_some() || after == Position::START {
            return Ok(latest.unwrap_or_default());
        }
        back *= 16;
    }
}
