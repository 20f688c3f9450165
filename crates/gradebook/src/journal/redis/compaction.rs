//! Takes out of a shared journal what makes no difference to anybody who reads it.

use gradebook_core::gradebook::Posted;
use gradebook_core::{Entry, Gradebook, Position, ScoringPolicy};

use super::erasure::{self, rewrite};
use super::link::Link;
use super::tail::{Followed, Tail};
use super::{JournalError, open};
use crate::config::redis::RedisUrl;

/// Entries that are deleted with one command.
const DELETED_AT_ONCE: usize = 1_000;

/// How often the copying is begun again when an erasure comes in between.
const REWRITES_MAX: usize = 10;

/// What a compaction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Entries that were looked at.
    pub entries: u64,
    /// Entries that were taken out.
    pub removed: u64,
}

/// Takes out scores that were delivered again (the same score of the same student and exam as the
/// one before) and scores of students who were erased for good. Under every scoring policy the
/// gradebook is the same without them, down to attempts and positions: so nobody who follows, or
/// starts, needs to know. Then rewrites the stream, which gives their memory back.
///
/// Others may read and write meanwhile; what they append after the beginning is left alone. Holds
/// a gradebook of its own in memory. `progress` is told the position reached, and the last.
///
/// # Errors
/// When the journal cannot be read; what was taken out until then makes no difference either.
pub fn compact(
    url: RedisUrl,
    mut progress: impl FnMut(Position, Position),
) -> Result<Compacted, JournalError> {
    let identity = open(url.clone())?;
    // The last score is the one that counts, so one that is the same as before changes nothing.
    let mut book = Gradebook::new(ScoringPolicy::KeepLatest, identity.key);
    let mut link = Link::new(url.clone())?;
    let mut tail = Tail::new(url, identity)?;
    let (end, _) = tail.look()?;
    let mut compacted = Compacted { entries: 0, removed: 0 };
    let mut repeated: Vec<Position> = Vec::new();
    while tail.seen() < end {
        match tail.go_on()? {
            Followed::Entries(entries) => {
                for (position, entry) in entries.iter().filter(|(position, _)| *position <= end) {
                    compacted.entries += 1;
                    let posted = book.post(*position, entry);
                    let makes_no_difference = matches!(entry, Entry::Scored { .. })
                        && matches!(posted, Posted::Unchanged | Posted::Suppressed);
                    // The last entry says how far the journal reaches.
                    if makes_no_difference && *position < end {
                        repeated.push(*position);
                    }
                }
                progress(tail.seen().min(end), end);
            }
            Followed::Nothing => break,
            Followed::Replaced => {
                return Err(super::RedisError::NotNow(
                    "a failover has changed the journal meanwhile: run it again".to_owned(),
                )
                .into());
            }
        }
    }
    compacted.removed = repeated.len() as u64;
    for positions in repeated.chunks(DELETED_AT_ONCE) {
        erasure::delete_positions(&mut link, positions)?;
    }
    // If somebody else copies already, it is their copy that leaves out what was deleted here, or
    // they begin it again.
    for _ in 0..REWRITES_MAX {
        if rewrite(&mut link)? {
            break;
        }
    }
    Ok(compacted)
}
