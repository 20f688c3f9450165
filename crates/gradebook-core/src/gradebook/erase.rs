//! Taking a student out of the book.

use super::record::{ExamIndex, Record, StudentIndex};
use super::{Erasure, Gradebook};
use crate::{ExamNumber, Position, Pseudonym};

impl Gradebook {
    /// Erases the student with this pseudonym. Their slots and indexes are used again, their id is
    /// dropped, and what is left is as if they had never been there, but for revisions.
    ///
    /// Cost: for each result one search in its exam's list; where the result was the exam's last
    /// one, that list is read through.
    pub(super) fn erase(
        &mut self,
        position: Position,
        pseudonym: Pseudonym,
        suppress: bool,
    ) -> Option<Erasure> {
        if suppress && !self.is_suppressed(pseudonym) {
            self.suppressed.insert_unique(pseudonym.hash(), pseudonym, |other| other.hash());
        }
        self.revision = position;
        self.last_erasure = position;
        let index = self.students.find_pseudonym(pseudonym)?;
        let student = self.students.id(index).clone();
        let held = self.students.get_mut(index);
        let results = std::mem::take(&mut held.results);
        self.result_count -= results.len();
        let mut exams = Vec::with_capacity(results.len());
        for slot in results.iter() {
            let record = *self.chronicle.get(slot);
            exams.push(self.remove_from_exam(record.exam(), index, record));
            self.chronicle.remove(slot);
        }
        self.students.remove(index);
        Some(Erasure { student, exams })
    }

    pub(super) fn is_suppressed(&self, pseudonym: Pseudonym) -> bool {
        self.suppressed.find(pseudonym.hash(), |other| *other == pseudonym).is_some()
    }

    fn remove_from_exam(
        &mut self,
        exam: ExamIndex,
        student: StudentIndex,
        record: Record,
    ) -> ExamNumber {
        let label = self.students.label(student);
        let held = self.exams.get_mut(exam);
        let place = held.results.partition_point(|sat| self.students.label(sat.student) < label);
        held.results.remove(place);
        held.sum.subtract(record.score());
        let number = held.number;
        if held.results.is_empty() {
            self.exams.remove(exam);
        } else if held.last.position() == record.stamp.position() {
            let stamps = held.results.iter().map(|sat| self.chronicle.get(sat.slot).stamp);
            held.last = stamps.max_by_key(|stamp| stamp.position()).unwrap_or_default();
        }
        number
    }
}
