//! What a writer has sent lately: to tell whether a batch without an answer arrived, and to append
//! again what a failover has lost.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use gradebook_core::{Entry, Position};

use crate::journal::{BATCH_ENTRIES_MAX, Checkpoint};

/// How many of the last entries are kept to be appended again: a second at full speed, and far
/// more than a replica that is fit to be promoted is behind.
pub const KEPT_ENTRIES_MAX: usize = 200_000;

/// The last entries that this writer sent, each once: kept, on its way, or lost.
#[derive(Debug, Default)]
pub struct Sent {
    /// In the journal, as far as is known, in order.
    kept: VecDeque<(Position, Entry)>,
    /// Entries of this writer after this position are all in `kept`.
    complete_after: Position,
    /// Sent, and not answered yet.
    on_its_way: Option<Batch>,
    /// Taken out of `kept` because a failover has lost them. They go first.
    lost: VecDeque<Entry>,
    /// The batch that arrived although nobody answered: its writer will try again.
    arrived: Option<(Position, usize)>,
    checkpoints: BTreeMap<Arc<str>, Arc<str>>,
}

/// Entries that are appended together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The position after which they stand.
    pub before: Position,
    /// What is appended.
    pub entries: Vec<Entry>,
    /// How far feeds have been read with them.
    pub checkpoints: Vec<Checkpoint>,
    /// Whether they were in the journal before, and lost.
    pub again: bool,
}

impl Batch {
    fn end(&self) -> Position {
        self.before.plus(self.entries.len() as u64)
    }
}

/// More was lost than is kept here.
#[derive(Debug, PartialEq, Eq)]
pub struct TooOld;

impl Sent {
    /// A batch goes on its way.
    pub fn sending(&mut self, batch: Batch) {
        self.arrived = None;
        self.on_its_way = Some(batch);
    }

    /// The batch on its way has arrived.
    pub fn acknowledged(&mut self) {
        if let Some(batch) = self.on_its_way.take() {
            self.keep(batch);
        }
    }

    /// The batch on its way was refused, and is nowhere.
    pub fn refused(&mut self) {
        if let Some(batch) = self.on_its_way.take().filter(|batch| batch.again) {
            self.lose(batch.entries);
        }
    }

    /// How far the journal reaches, if the batch on its way has arrived.
    #[must_use]
    pub fn end(&self, last: Position) -> Position {
        self.on_its_way.as_ref().map_or(last, |batch| batch.end().max(last))
    }

    /// Up to `common` the journal is what this writer knows: what was beyond is lost.
    ///
    /// # Errors
    /// [`TooOld`] when not all of it is kept here.
    pub fn stands_up_to(&mut self, common: Position) -> Result<(), TooOld> {
        if let Some(batch) = self.on_its_way.take() {
            if batch.end() <= common {
                let (before, count) = (batch.before, batch.entries.len());
                let again = batch.again;
                self.keep(batch);
                self.arrived = Some((before, count)).filter(|_| !again);
            } else if batch.again {
                self.lose(batch.entries);
            }
        }
        if common < self.complete_after {
            return Err(TooOld);
        }
        let stand = self.kept.partition_point(|(position, _)| *position <= common);
        let lost = self.kept.split_off(stand);
        self.lose(lost.into_iter().map(|(_, entry)| entry));
        Ok(())
    }

    /// The next batch of what was lost, to be appended after `before`; nothing when nothing is
    /// left.
    #[must_use]
    pub fn next_lost(&mut self, before: Position) -> Option<Batch> {
        let count = self.lost.len().min(BATCH_ENTRIES_MAX);
        if count == 0 {
            return None;
        }
        let entries: Vec<Entry> = self.lost.drain(..count).collect();
        let checkpoints = if self.lost.is_empty() { self.all_checkpoints() } else { Vec::new() };
        Some(Batch { before, entries, checkpoints, again: true })
    }

    /// Whether this batch is the one that arrived without an answer.
    #[must_use]
    pub fn has_arrived(&self, before: Position, entries: &[Entry]) -> bool {
        let is_it = self.arrived == Some((before, entries.len()));
        let last = self.kept.iter().skip(self.kept.len().saturating_sub(entries.len()));
        is_it && last.map(|(_, entry)| entry).eq(entries)
    }

    fn keep(&mut self, batch: Batch) {
        let positions = (1..).map(|ahead| batch.before.plus(ahead));
        self.kept.extend(positions.zip(batch.entries));
        for Checkpoint { feed, last_event_id } in batch.checkpoints {
            self.checkpoints.insert(feed, last_event_id);
        }
        let excess = self.kept.len().saturating_sub(KEPT_ENTRIES_MAX);
        if let Some((position, _)) = self.kept.drain(..excess).next_back() {
            self.complete_after = position;
        }
    }

    /// Puts entries before those that were lost earlier: they were written before.
    fn lose(&mut self, entries: impl IntoIterator<Item = Entry>) {
        let later = std::mem::take(&mut self.lost);
        self.lost.extend(entries);
        self.lost.extend(later);
    }

    fn all_checkpoints(&self) -> Vec<Checkpoint> {
        let checkpoint = |(feed, last_event_id): (&Arc<str>, &Arc<str>)| Checkpoint {
            feed: Arc::clone(feed),
            last_event_id: Arc::clone(last_event_id),
        };
        self.checkpoints.iter().map(checkpoint).collect()
    }
}

#[cfg(test)]
mod tests {
    use gradebook_core::{ExamNumber, Score, StudentId, Timestamp};

    use super::*;

    fn entries(exams: std::ops::Range<u64>) -> Vec<Entry> {
        let entry = |exam| Entry::Scored {
            student: StudentId::parse("foo").unwrap(),
            exam: ExamNumber::new(exam).unwrap(),
            score: Score::ZERO,
            received: Timestamp::default(),
        };
        exams.map(entry).collect()
    }

    fn send(sent: &mut Sent, before: u64, exams: std::ops::Range<u64>) {
        let before = Position::new(before);
        sent.sending(Batch {
            before,
            entries: entries(exams),
            checkpoints: Vec::new(),
            again: false,
        });
    }

    #[test]
    fn a_batch_that_arrived_without_an_answer_is_recognised_once() {
        let mut sent = Sent::default();
        send(&mut sent, 0, 0..3);
        assert_eq!(sent.end(Position::START), Position::new(3));
        sent.stands_up_to(Position::new(3)).unwrap();
        assert!(!sent.has_arrived(Position::START, &entries(1..4)));
        assert!(!sent.has_arrived(Position::new(1), &entries(0..3)));
        assert!(sent.has_arrived(Position::START, &entries(0..3)));
        send(&mut sent, 3, 3..4);
        assert!(!sent.has_arrived(Position::START, &entries(0..3)));
        assert!(sent.next_lost(Position::new(3)).is_none());
    }

    #[test]
    fn a_batch_that_did_not_arrive_is_for_its_writer_to_try_again() {
        let mut sent = Sent::default();
        send(&mut sent, 0, 0..3);
        sent.stands_up_to(Position::START).unwrap();
        assert!(!sent.has_arrived(Position::START, &entries(0..3)));
        assert!(sent.next_lost(Position::START).is_none());
    }

    #[test]
    fn what_was_lost_comes_back_in_order_even_when_it_is_lost_twice() {
        let mut sent = Sent::default();
        send(&mut sent, 0, 0..4);
        sent.acknowledged();
        send(&mut sent, 4, 4..6);
        sent.acknowledged();
        sent.stands_up_to(Position::new(2)).unwrap();
        let batch = sent.next_lost(Position::new(2)).unwrap();
        assert_eq!(batch.entries, entries(2..6));
        sent.sending(batch);
        // Before it arrives a second failover goes back further.
        sent.stands_up_to(Position::new(1)).unwrap();
        let batch = sent.next_lost(Position::new(1)).unwrap();
        assert_eq!(batch.entries, entries(1..6));
        sent.sending(batch);
        sent.acknowledged();
        assert!(sent.next_lost(Position::new(6)).is_none());
    }

    #[test]
    fn more_than_is_kept_cannot_be_brought_back() {
        let mut sent = Sent::default();
        let many = KEPT_ENTRIES_MAX as u64;
        send(&mut sent, 0, 0..many);
        sent.acknowledged();
        send(&mut sent, many, many..many + 5);
        sent.acknowledged();
        assert_eq!(sent.stands_up_to(Position::new(4)), Err(TooOld));
        assert_eq!(sent.stands_up_to(Position::new(5)), Ok(()));
    }
}
