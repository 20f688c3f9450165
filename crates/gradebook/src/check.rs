//! Reads a journal from end to end, and says what is wrong with it.

use gradebook_core::{Entry, Position, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::journal::{BATCH_ENTRIES_MAX, Journal, JournalError};
use crate::progress::{Elsewhere, Progress};

/// What a journal holds, when nothing is wrong with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sound {
    /// The position of the last entry.
    pub last: Position,
    /// Scores.
    pub scores: u64,
    /// Erasures.
    pub erasures: u64,
    /// Positions whose entries were erased.
    pub erased: u64,
}

/// What is wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum Unsound {
    /// It cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Positions must increase.
    #[error("position {0} comes after position {1}")]
    Order(Position, Position),
    /// Times must not decrease.
    #[error("the score at position {0} was received before the one ahead of it")]
    Time(Position),
    /// Positions are dense until something is erased.
    #[error("{missing} positions are missing, and {removed} entries were removed")]
    Gaps {
        /// Positions without an entry.
        missing: u64,
        /// Entries that were removed, as the journal counts.
        removed: u64,
    },
    /// The process was asked to end.
    #[error("the check was ended")]
    Ended,
}

/// Reads everything. `removed` is how many entries erasures and compactions have removed, if the
/// journal keeps count; without it, every gap is taken for one of them.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(
    journal: &mut dyn Journal,
    removed: Option<u64>,
    shutdown: &CancellationToken,
) -> Result<Sound, Unsound> {
    let last = journal.last()?;
    let mut progress = Progress::start("checking", last.get(), Elsewhere::Quiet);
    let mut sound = Sound { last, ..Sound::default() };
    let mut before = Position::START;
    let mut received_before = Timestamp::default();
    while before < last {
        if shutdown.is_cancelled() {
            return Err(Unsound::Ended);
        }
        let entries = journal.read(before, BATCH_ENTRIES_MAX)?;
        if entries.is_empty() {
            break;
        }
        for (position, entry) in entries.into_iter().filter(|(position, _)| *position <= last) {
            if position <= before {
                return Err(Unsound::Order(position, before));
            }
            before = position;
            match entry {
                Entry::Scored { received, .. } if received < received_before => {
                    return Err(Unsound::Time(position));
                }
                Entry::Scored { received, .. } => {
                    received_before = received;
                    sound.scores += 1;
                }
                Entry::Erased { .. } => sound.erasures += 1,
            }
        }
        progress.at(before.get());
    }
    progress.finish();
    let missing = last.get() - sound.scores - sound.erasures;
    let removed = removed.unwrap_or(missing);
    if missing != removed {
        return Err(Unsound::Gaps { missing, removed });
    }
    Ok(Sound { erased: missing, ..sound })
}
