//! The view that is posted from the journal and answers every read.
//!
//! Each result is kept once, in the [`Chronicle`], and found from three sides: from its student
//! (sorted by exam), from its exam (sorted by student), and by the position of its last change.

mod chronicle;
mod erase;
mod exams;
mod foresee;
mod labels;
mod listing;
mod lists;
mod query;
mod record;
mod results;
mod selection;
mod sorted_blocks;
mod students;

use hashbrown::HashTable;

pub use foresee::{FORESEEN_ENTRIES, Foreseen};
pub use query::{
    Aggregate, Anchor, ExamItem, ListKey, ListQuery, Page, ResultItem, ResultKey, ResultQuery,
    Sort, StudentItem,
};

use self::chronicle::{Chronicle, Moment};
use self::exams::{Exam, Exams, Sat};
use self::record::{ExamIndex, Record, Slot, Stamp, StudentIndex};
use self::sorted_blocks::Place;
use self::students::{Student, Students};
use crate::statistics::{Standing, Statistics, standings};
use crate::{
    Entry, ExamNumber, Position, Pseudonym, PseudonymKey, Score, ScoringPolicy, StudentId, Sum,
    Timestamp, average,
};

/// The most items that one question examines. A filtered page that has examined so many ends
/// there, with a place to go on from.
pub const EXAMINED_MAX: usize = 1_000_000;

/// An exam's results lie together where at least one of so many in their midst is of the exam.
const SPREAD_MAX: usize = 2;

/// Student × exam → score, with exact averages: a deterministic function of the journal's entries.
#[derive(Clone, Debug)]
pub struct Gradebook {
    policy: ScoringPolicy,
    position: Position,
    revision: Position,
    last_erasure: Position,
    last_received: Timestamp,
    /// Whether no entry was ever received before the one ahead of it, as the writer promises. Then
    /// the order of positions is that of times as well.
    in_time_order: bool,
    examined_max: usize,
    result_count: usize,
    chronicle: Chronicle,
    students: Students,
    exams: Exams,
    suppressed: HashTable<Pseudonym>,
}

/// What posting an entry did.
#[derive(Clone, Debug, PartialEq)]
pub enum Posted {
    /// The result of that student in that exam is new, or another one.
    Changed,
    /// The score does not count: it is the same again, or the policy prefers the one before.
    Unchanged,
    /// The student was erased for good.
    Suppressed,
    /// A student was erased; `None` when nothing was held of them.
    Erased(Option<Erasure>),
}

/// What an erasure took away.
#[derive(Clone, Debug, PartialEq)]
pub struct Erasure {
    /// Who was erased.
    pub student: StudentId,
    /// The exams that lost a result, in order; some may be gone altogether.
    pub exams: Vec<ExamNumber>,
}

/// A changed result, and where it left the student and the exam.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The result as it now stands.
    pub result: ResultItem,
    /// The student after the change.
    pub student: Aggregate,
    /// The exam after the change.
    pub exam: Aggregate,
}

impl Gradebook {
    /// An empty book.
    #[must_use]
    pub fn new(policy: ScoringPolicy, key: PseudonymKey) -> Self {
        Self::examining_at_most(policy, key, EXAMINED_MAX)
    }

    /// An empty book with a bound of its own in the place of [`EXAMINED_MAX`].
    #[must_use]
    pub fn examining_at_most(
        policy: ScoringPolicy,
        key: PseudonymKey,
        examined_max: usize,
    ) -> Self {
        Self {
            policy,
            position: Position::START,
            revision: Position::START,
            last_erasure: Position::START,
            last_received: Timestamp::default(),
            in_time_order: true,
            examined_max,
            result_count: 0,
            chronicle: Chronicle::default(),
            students: Students::new(key),
            exams: Exams::new(key),
            suppressed: HashTable::new(),
        }
    }

    /// Posts the entry at `position`, which must be after every position posted before.
    ///
    /// # Panics
    /// Where it is not.
    pub fn post(&mut self, position: Position, entry: &Entry) -> Posted {
        self.post_foreseen(position, entry, self.foresee_pseudonym(entry))
    }

    /// As [`post`](Self::post), with what [`foresee`](Self::foresee) of this book gave for the
    /// entry.
    ///
    /// # Panics
    /// Where the position is not after every position posted before.
    pub fn post_foreseen(
        &mut self,
        position: Position,
        entry: &Entry,
        foreseen: Foreseen,
    ) -> Posted {
        assert!(position > self.position, "invariant: entries are posted in order");
        self.position = position;
        match entry {
            Entry::Scored { exam, score, received, student } => {
                let received = (position, *received);
                self.post_score(student, *exam, *score, received, foreseen)
            }
            Entry::Erased { student, suppress } => {
                Posted::Erased(self.erase(position, *student, *suppress))
            }
        }
    }

    fn post_score(
        &mut self,
        student: &StudentId,
        exam: ExamNumber,
        score: Score,
        (position, received): (Position, Timestamp),
        Foreseen { pseudonym, newcomer, seat }: Foreseen,
    ) -> Posted {
        self.in_time_order &= received >= self.last_received;
        self.last_received = received;
        if self.is_suppressed(pseudonym) {
            return Posted::Suppressed;
        }
        let student = self.students.intern(student, pseudonym, newcomer);
        let exam = self.exams.intern(exam);
        let foreseen = seat.filter(|seat| seat.exam == exam);
        match self.find_at(exam, student, foreseen.map(|seat| seat.place)) {
            Ok(slot) => {
                let counted = *self.chronicle.get(slot);
                if !self.policy.replaces(counted.score(), score) {
                    return Posted::Unchanged;
                }
                let attempts = counted.stamp.attempts().saturating_add(1);
                let stamp = Stamp::new(position, received, attempts);
                self.chronicle.change(slot, counted.with(score, stamp));
                self.students.get_mut(student).sum.subtract(counted.score());
                self.exams.get_mut(exam).sum.subtract(counted.score());
            }
            Err(place) => {
                let stamp = Stamp::new(position, received, 1);
                let slot = self.chronicle.add(Record::new(score, student, exam, stamp));
                self.exams.get_mut(exam).results.insert(place, Sat { student, slot });
                self.insert_in_student(student, exam, slot);
                self.result_count += 1;
            }
        }
        let stamp = Stamp::new(position, received, 0);
        let held = self.students.get_mut(student);
        held.sum.add(score);
        held.last = stamp;
        let held = self.exams.get_mut(exam);
        held.sum.add(score);
        held.last = stamp;
        self.revision = position;
        Posted::Changed
    }

    /// The slot of `student` in `exam`, or the place where it would be listed.
    fn find_in_exam(&self, exam: ExamIndex, student: StudentIndex) -> Result<Slot, Place> {
        self.find_at(exam, student, None)
    }

    /// As [`find_in_exam`](Self::find_in_exam), beginning with a guess.
    fn find_at(
        &self,
        exam: ExamIndex,
        student: StudentIndex,
        guess: Option<Place>,
    ) -> Result<Slot, Place> {
        let results = &self.exams.get(exam).results;
        let label = self.students.label(student);
        let before = |sat: Sat| self.students.label(sat.student) < label;
        let guess = guess.filter(|&place| results.is_partition_point(place, before));
        let place = guess.unwrap_or_else(|| results.partition_point(before));
        match results.at(place) {
            Some(sat) if sat.student == student => Ok(sat.slot),
            _ => Err(place),
        }
    }

    fn insert_in_student(&mut self, student: StudentIndex, exam: ExamIndex, slot: Slot) {
        let number = self.exams.number(exam);
        let held = self.students.get(student);
        if held.results.is_empty() || self.exams.number(held.last_exam) < number {
            let held = self.students.get_mut(student);
            held.results.push(slot);
            held.last_exam = exam;
        } else {
            let place = held.results.partition_point(|slot| self.exam_of(slot) < number);
            self.students.get_mut(student).results.insert(place, slot);
        }
    }

    fn exam_of(&self, slot: Slot) -> ExamNumber {
        self.exams.number(self.chronicle.get(slot).exam())
    }

    /// The policy it was made with.
    #[must_use]
    pub fn policy(&self) -> ScoringPolicy {
        self.policy
    }

    /// The position of the last entry posted.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// The position of the last entry that changed anything.
    #[must_use]
    pub fn revision(&self) -> Position {
        self.revision
    }

    /// The position of the last erasure. Whoever has read the book before it must read it anew.
    #[must_use]
    pub fn last_erasure(&self) -> Position {
        self.last_erasure
    }

    /// How many students have results.
    #[must_use]
    pub fn student_count(&self) -> usize {
        self.students.len()
    }

    /// How many exams have results.
    #[must_use]
    pub fn exam_count(&self) -> usize {
        self.exams.len()
    }

    /// How many results there are.
    #[must_use]
    pub fn result_count(&self) -> usize {
        self.result_count
    }

    /// How this student did; `None` when nothing is held of them.
    #[must_use]
    pub fn student(&self, student: &StudentId) -> Option<Aggregate> {
        Some(self.student_aggregate(self.students.get(self.students.find(student)?)))
    }

    /// How this exam went; `None` when nothing is held of it.
    #[must_use]
    pub fn exam(&self, exam: ExamNumber) -> Option<Aggregate> {
        Some(self.exam_aggregate(self.exams.get(self.exams.find(exam)?)))
    }

    /// One student's result in one exam.
    #[must_use]
    pub fn result(&self, student: &StudentId, exam: ExamNumber) -> Option<ResultItem> {
        let slot = self.find_in_exam(self.exams.find(exam)?, self.students.find(student)?).ok()?;
        Some(self.item(self.chronicle.get(slot)))
    }

    /// The result of `student` in `exam` as a change: with both aggregates beside it.
    #[must_use]
    pub fn change(&self, student: &StudentId, exam: ExamNumber) -> Option<Change> {
        let (student, exam) = (self.students.find(student)?, self.exams.find(exam)?);
        let slot = self.find_in_exam(exam, student).ok()?;
        Some(Change {
            result: self.item(self.chronicle.get(slot)),
            student: self.student_aggregate(self.students.get(student)),
            exam: self.exam_aggregate(self.exams.get(exam)),
        })
    }

    /// The distribution of this student's scores.
    #[must_use]
    pub fn student_statistics(&self, student: &StudentId) -> Option<Statistics> {
        let held = self.students.get(self.students.find(student)?);
        let records = held.results.iter().map(|slot| self.chronicle.get(slot));
        let scores: Vec<Score> = records.map(Record::score).collect();
        Some(Statistics::of(&scores, held.sum))
    }

    /// The distribution of this exam's scores.
    #[must_use]
    pub fn exam_statistics(&self, exam: ExamNumber) -> Option<Statistics> {
        let exam = self.exams.find(exam)?;
        let held = self.exams.get(exam);
        let mut scores = Vec::with_capacity(held.results.len());
        self.records_of_exam(exam).for_each(|record| scores.push(record.score()));
        Some(Statistics::of(&scores, held.sum))
    }

    /// The results of an exam in whatever order they are read fastest.
    ///
    /// Mostly an exam's scores arrive together, and so lie together. Then reading whatever lies
    /// there, and passing over what is of other exams, costs a third of jumping from one to the
    /// next in the order of the students.
    fn records_of_exam(&self, exam: ExamIndex) -> impl Iterator<Item = &Record> {
        let slots = self.exams.get(exam).results.iter().map(|sat| sat.slot);
        let (first, last) = slots.clone().fold((Slot(u32::MAX), Slot(0)), |(first, last), slot| {
            (first.min(slot), last.max(slot))
        });
        let count = self.exams.get(exam).results.len();
        let together = (last.0.saturating_sub(first.0)) as usize / SPREAD_MAX < count;
        let all = together.then(|| self.chronicle.slots(first, last)).into_iter().flatten();
        let each = (!together).then_some(slots).into_iter().flatten();
        all.filter(move |record| record.exam() == exam)
            .chain(each.map(|slot| self.chronicle.get(slot)))
    }

    /// Where each of these results stands in its exam; `None` when nothing is held of that.
    ///
    /// Cost: every exam that is named is read through once, whether for one result or for many.
    #[must_use]
    pub fn standings(&self, results: &[ResultItem]) -> Vec<Option<Standing>> {
        let mut by_exam: Vec<usize> = (0..results.len()).collect();
        by_exam.sort_by_key(|&number| results[number].exam);
        let mut found = vec![None; results.len()];
        for numbers in by_exam.chunk_by(|&one, &other| results[one].exam == results[other].exam) {
            let Some(exam) = self.exams.find(results[numbers[0]].exam) else { continue };
            let some: Vec<Score> = numbers.iter().map(|&number| results[number].score).collect();
            let all = self.records_of_exam(exam).map(Record::score);
            for (&number, standing) in numbers.iter().zip(standings(&some, all)) {
                found[number] = Some(standing);
            }
        }
        found
    }

    fn student_aggregate(&self, student: &Student) -> Aggregate {
        self.aggregate(student.sum, student.results.len(), student.last)
    }

    fn exam_aggregate(&self, exam: &Exam) -> Aggregate {
        self.aggregate(exam.sum, exam.results.len(), exam.last)
    }

    fn aggregate(&self, sum: Sum, count: usize, last: Stamp) -> Aggregate {
        let count = u32::try_from(count).expect("invariant: at most 2^32 - 1 results");
        Aggregate {
            average: average(sum, count),
            count,
            last_result: last.received(),
            revision: last.position().max(self.last_erasure),
        }
    }

    fn item(&self, record: &Record) -> ResultItem {
        // The id is copied last and straight into its place, as nothing after it can fail.
        let exam = self.exams.number(record.exam());
        let student = self.students.id(record.student);
        let (score, stamp) = (record.score(), record.stamp);
        let (received, attempts, position) = (stamp.received(), stamp.attempts(), stamp.position());
        ResultItem { student: student.clone(), exam, score, received, attempts, position }
    }
}
