//! Working ahead of the next entries, so that posting need not wait for memory.

use std::hint::black_box;

use super::Gradebook;
use super::record::ExamIndex;
use super::sorted_blocks::{Place, SortedBlocks};
use crate::{Entry, Pseudonym};

/// How many entries to work ahead of: as many as a processor can fetch memory for at once, and few
/// enough to take about a microsecond.
pub const FORESEEN_ENTRIES: usize = 16;

/// What was worked out for an entry before it is posted. All but the pseudonym is a guess: it is
/// looked at again when the entry is posted.
#[derive(Clone, Copy, Debug)]
pub struct Foreseen {
    pub(super) pseudonym: Pseudonym,
    /// Where the student would stand among all of them, if nobody knows the student yet.
    pub(super) newcomer: Option<Place>,
    pub(super) seat: Option<Seat>,
}

/// Where the result stands, or would stand, among those of an exam.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    pub(super) exam: ExamIndex,
    pub(super) place: Place,
}

impl Gradebook {
    /// Works ahead of entries that are about to be posted, at most [`FORESEEN_ENTRIES`] of them,
    /// and refills `foreseen` with one for each.
    ///
    /// Posting to a large book is mostly waiting for memory: who the student is, what is known of
    /// them, and where they stand among those of the exam are places that nothing has touched
    /// lately, each found through the one before. Taking each of these steps for all entries before
    /// the next one makes the waits overlap.
    pub fn foresee<'entry>(
        &self,
        entries: impl IntoIterator<Item = &'entry Entry>,
        foreseen: &mut Vec<Foreseen>,
    ) {
        foreseen.clear();
        let mut exams = [None; FORESEEN_ENTRIES];
        let mut ids = [None; FORESEEN_ENTRIES];
        for (number, entry) in entries.into_iter().enumerate().take(FORESEEN_ENTRIES) {
            foreseen.push(self.foresee_pseudonym(entry));
            if let Entry::Scored { exam, student, .. } = entry {
                exams[number] = self.exams.find_likely(*exam);
                ids[number] = Some(student);
            }
        }
        let mut students = [None; FORESEEN_ENTRIES];
        for (student, foreseen) in students.iter_mut().zip(&*foreseen) {
            *student = self.students.guess(foreseen.pseudonym);
        }
        for (id, student) in ids.iter_mut().zip(students) {
            *id = id.filter(|_| student.is_none());
        }
        let newcomers = self.students.places_of_newcomers(ids);
        let mut labels = [0; FORESEEN_ENTRIES];
        for (label, place) in labels.iter_mut().zip(newcomers) {
            // Just after the one before: where the label will be that a newcomer gets.
            let Some(place) = place else { continue };
            *label = self.students.label_before(place) + 1;
        }
        for (label, student) in labels.iter_mut().zip(students) {
            let Some(index) = student else { continue };
            let student = self.students.get(index);
            black_box((student.id().as_str().len(), student.sum, student.results.last()));
            *label = self.students.label(index);
        }
        let lists = exams.map(|exam| exam.map(|exam| &self.exams.get(exam).results));
        let places = SortedBlocks::partition_points(lists, |number, sat| {
            self.students.label(sat.student) < labels[number]
        });
        for (number, foreseen) in foreseen.iter_mut().enumerate() {
            foreseen.newcomer = newcomers[number];
            foreseen.seat = exams[number].map(|exam| Seat { exam, place: places[number] });
        }
    }

    pub(super) fn foresee_pseudonym(&self, entry: &Entry) -> Foreseen {
        let pseudonym = match entry {
            Entry::Scored { student, .. } => self.students.pseudonym(student),
            Entry::Erased { student, .. } => *student,
        };
        Foreseen { pseudonym, newcomer: None, seat: None }
    }
}
