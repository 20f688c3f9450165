//! The exams that are held, by index, by number, and in numeric order.

use std::hash::Hasher as _;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

use super::record::{EXAMS_MAX, ExamIndex, Slot, Stamp, StudentIndex};
use super::sorted_blocks::{Place, SortedBlocks};
use crate::{ExamNumber, PseudonymKey, Sum};

/// The exams that are held. An exam is known by an index of four bytes inside the gradebook.
#[derive(Clone, Debug)]
pub(super) struct Exams {
    key: PseudonymKey,
    exams: Vec<Exam>,
    free: Vec<ExamIndex>,
    table: HashTable<ExamIndex>,
    sorted: SortedBlocks<ExamIndex>,
    /// The exam that was added or found for the last score: the next one is mostly for the same.
    latest: ExamIndex,
}

/// One exam: 64 bytes, as there may be one to every few results.
#[derive(Clone, Debug)]
pub(super) struct Exam {
    /// Of the scores of all `results`.
    pub(super) sum: Sum,
    /// The results, by student.
    pub(super) results: SortedBlocks<Sat>,
    pub(super) number: ExamNumber,
    /// Of the last change of any of them.
    pub(super) last: Stamp,
}

/// One student's result in an exam. The record names the student as well; here it is at hand where
/// an exam's students are searched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sat {
    pub(super) student: StudentIndex,
    pub(super) slot: Slot,
}

impl Exams {
    pub(super) fn new(key: PseudonymKey) -> Self {
        Self {
            key,
            exams: Vec::new(),
            free: Vec::new(),
            table: HashTable::new(),
            sorted: SortedBlocks::default(),
            latest: ExamIndex(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    pub(super) fn get(&self, index: ExamIndex) -> &Exam {
        &self.exams[index.0 as usize]
    }

    pub(super) fn get_mut(&mut self, index: ExamIndex) -> &mut Exam {
        &mut self.exams[index.0 as usize]
    }

    pub(super) fn number(&self, index: ExamIndex) -> ExamNumber {
        self.get(index).number
    }

    pub(super) fn find(&self, exam: ExamNumber) -> Option<ExamIndex> {
        self.table.find(hash(self.key, exam), |&index| self.number(index) == exam).copied()
    }

    /// As [`find`](Self::find), and faster when it is the exam that was interned last.
    pub(super) fn find_likely(&self, exam: ExamNumber) -> Option<ExamIndex> {
        let latest = self.exams.get(self.latest.0 as usize);
        if latest.is_some_and(|latest| latest.number == exam && !latest.results.is_empty()) {
            return Some(self.latest);
        }
        self.find(exam)
    }

    /// The index of `exam`; a new one for a new exam.
    pub(super) fn intern(&mut self, exam: ExamNumber) -> ExamIndex {
        self.latest = self.find_likely(exam).unwrap_or_else(|| self.add(exam));
        self.latest
    }

    fn add(&mut self, number: ExamNumber) -> ExamIndex {
        let added = Exam {
            sum: Sum::default(),
            results: SortedBlocks::default(),
            number,
            last: Stamp::default(),
        };
        let index = if let Some(index) = self.free.pop() {
            *self.get_mut(index) = added;
            index
        } else {
            self.exams.push(added);
            let index = u32::try_from(self.exams.len() - 1).ok().filter(|&index| index < EXAMS_MAX);
            ExamIndex(index.expect("invariant: a gradebook has at most EXAMS_MAX exams"))
        };
        let (exams, key) = (&self.exams, self.key);
        let rehash = |index: &ExamIndex| hash(key, exams[index.0 as usize].number);
        self.table.insert_unique(hash(key, number), index, rehash);
        self.sorted.insert(self.place_of(number), index);
        index
    }

    /// Forgets an exam, whose results are gone already.
    pub(super) fn remove(&mut self, index: ExamIndex) {
        let number = self.number(index);
        if let Ok(entry) = self.table.find_entry(hash(self.key, number), |&other| other == index) {
            entry.remove();
        }
        self.sorted.remove(self.place_of(number));
        self.free.push(index);
    }

    /// Before the first exam whose number is not below this one.
    fn place_of(&self, number: ExamNumber) -> Place {
        match self.sorted.last() {
            Some(last) if self.number(last) >= number => {
                self.sorted.partition_point(|other| self.number(other) < number)
            }
            _ => self.sorted.end(),
        }
    }

    /// The exams in order.
    pub(super) fn sorted(&self) -> &SortedBlocks<ExamIndex> {
        &self.sorted
    }
}

/// Keyed, so that nobody who does not know the key can make numbers that collide.
fn hash(key: PseudonymKey, exam: ExamNumber) -> u64 {
    let mut hasher = SipHasher13::new_with_key(&key.0);
    hasher.write_u64(exam.get());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exam_takes_64_bytes() {
        assert_eq!(size_of::<Exam>(), 64);
    }
}
