//! The journal of demos and tests: a vector, gone with the process.

use std::collections::HashMap;
use std::sync::Arc;

use gradebook_core::{Entry, Position, PseudonymKey, StudentId};

use super::{Checkpoint, Identity, Journal, JournalError};

/// A journal in memory.
#[derive(Debug)]
pub struct MemoryJournal {
    identity: Identity,
    last: Position,
    entries: Vec<(Position, Entry)>,
    checkpoints: HashMap<Arc<str>, Arc<str>>,
}

impl MemoryJournal {
    /// An empty journal with a random epoch, since its positions die with the process.
    #[must_use]
    pub fn new() -> Self {
        let identity = Identity { key: PseudonymKey(rand::random()), epoch: Some(rand::random()) };
        Self { identity, last: Position::START, entries: Vec::new(), checkpoints: HashMap::new() }
    }

    fn expect_last(&self, expected: Position) -> Result<(), JournalError> {
        if expected == self.last { Ok(()) } else { Err(JournalError::Conflict { last: self.last }) }
    }
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl Journal for MemoryJournal {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn last(&mut self) -> Result<Position, JournalError> {
        Ok(self.last)
    }

    fn append(
        &mut self,
        expected_last: Position,
        entries: &[Entry],
        checkpoints: &[Checkpoint],
    ) -> Result<Position, JournalError> {
        self.expect_last(expected_last)?;
        for entry in entries {
            self.last = self.last.plus(1);
            self.entries.push((self.last, entry.clone()));
        }
        for checkpoint in checkpoints {
            let Checkpoint { feed, last_event_id } = checkpoint.clone();
            self.checkpoints.insert(feed, last_event_id);
        }
        Ok(self.last)
    }

    fn read(
        &mut self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry)>, JournalError> {
        let start = self.entries.partition_point(|(position, _)| *position <= after);
        Ok(self.entries[start..].iter().take(limit).cloned().collect())
    }

    fn checkpoint(&mut self, feed: &str) -> Result<Option<Arc<str>>, JournalError> {
        Ok(self.checkpoints.get(feed).cloned())
    }

    fn erase(
        &mut self,
        expected_last: Position,
        student: &StudentId,
        suppress: bool,
    ) -> Result<Position, JournalError> {
        self.expect_last(expected_last)?;
        self.entries.retain(
            |(_, entry)| !matches!(entry, Entry::Scored { student: owner, .. } if owner == student),
        );
        let student = self.identity.key.pseudonym(student);
        self.append(expected_last, &[Entry::Erased { student, suppress }], &[])
    }
}
