//! Pages of students and of exams.

use super::Gradebook;
use super::listing::{Ask, Listing, page};
use super::query::{ExamItem, ListKey, ListQuery, Page, Sort, StudentItem};
use super::record::{ExamIndex, Stamp, StudentIndex};
use super::results::distinct;
use super::selection::Key;
use super::sorted_blocks::SortedBlocks;
use crate::average::may_average_within;
use crate::{ExamNumber, StudentId, Sum, average};

impl Gradebook {
    /// A page of the students.
    #[must_use]
    pub fn students(&self, query: &ListQuery<StudentId>) -> Page<StudentItem, StudentId> {
        let mut exams = self.held_exams(&query.exams);
        let mut chosen = self.held_students(&query.students);
        if let (None, Some(some)) = (&chosen, &exams) {
            let lists = || some.iter().map(|&exam| &self.exams.get(exam).results);
            if lists().map(SortedBlocks::len).sum::<usize>() <= self.examined_max {
                let students = lists().flat_map(SortedBlocks::iter).map(|sat| sat.student);
                chosen = Some(distinct(students.collect()));
                exams = None;
            }
        }
        let contains = query.contains.as_deref().map(str::to_lowercase);
        let list = StudentList { book: self, sort: query.sort, exams, contains };
        let after = query.after.as_ref().map(|anchor| {
            (anchor.value, self.students.label_bound(&anchor.id, query.sort.descending))
        });
        page(&list, self.ask(query, after), chosen, |index| {
            let student = self.students.get(index);
            StudentItem {
                student: student.id().clone(),
                aggregate: self.student_aggregate(student),
            }
        })
    }

    /// A page of the exams. The filter on text does not apply.
    #[must_use]
    pub fn exams(&self, query: &ListQuery<ExamNumber>) -> Page<ExamItem, ExamNumber> {
        let mut students = self.held_students(&query.students);
        let mut chosen = self.held_exams(&query.exams);
        if let (None, Some(some)) = (&chosen, &students) {
            let lists = || some.iter().map(|&student| &self.students.get(student).results);
            if lists().map(SortedBlocks::len).sum::<usize>() <= self.examined_max {
                let slots = lists().flat_map(SortedBlocks::iter);
                let exams = slots.map(|slot| self.chronicle.get(slot).exam());
                chosen = Some(distinct(exams.collect()));
                students = None;
            }
        }
        let list = ExamList { book: self, sort: query.sort, students };
        let after = query.after.as_ref().map(|anchor| (anchor.value, anchor.id.get()));
        page(&list, self.ask(query, after), chosen, |index| {
            let exam = self.exams.get(index);
            ExamItem { exam: exam.number, aggregate: self.exam_aggregate(exam) }
        })
    }

    fn ask<Id>(&self, query: &ListQuery<Id>, after: Option<Key>) -> Ask {
        let (descending, limit) = (query.sort.descending, query.limit);
        Ask { descending, after, limit, examined_max: self.examined_max }
    }
}

/// As in [`Anchor::value`](super::Anchor::value).
fn value(key: ListKey, sum: Sum, count: usize, last: Stamp) -> u64 {
    match key {
        ListKey::Id => 0,
        ListKey::AverageScore => average(sum, count as u32).to_bits(),
        ListKey::ResultCount => count as u64,
        ListKey::LastResultAt => last.received().as_ms(),
    }
}

/// All students, by id.
struct StudentList<'book> {
    book: &'book Gradebook,
    sort: Sort<ListKey>,
    exams: Option<Vec<ExamIndex>>,
    /// In lower case.
    contains: Option<String>,
}

impl Listing for StudentList<'_> {
    type Item = StudentIndex;
    type Id = StudentId;

    fn len(&self) -> usize {
        self.book.students.len()
    }

    fn is_in_order(&self) -> bool {
        self.sort.key == ListKey::Id
    }

    fn walk(&self, after: Option<Key>) -> impl Iterator<Item = StudentIndex> {
        let students = &self.book.students;
        students.sorted().walk(self.sort.descending, after, |index, (_, label)| {
            students.label(index).cmp(&label)
        })
    }

    fn is_unfiltered(&self) -> bool {
        self.exams.is_none() && self.contains.is_none()
    }

    fn passes(&self, index: StudentIndex) -> bool {
        let sat = |&exam: &ExamIndex| self.book.find_in_exam(exam, index).is_ok();
        self.exams.as_ref().is_none_or(|exams| exams.iter().any(sat))
            && self
                .contains
                .as_ref()
                .is_none_or(|text| contains_lowercase(self.book.students.id(index).as_str(), text))
    }

    fn all(&self) -> impl Iterator<Item = StudentIndex> {
        self.book.students.indexes()
    }

    fn value(&self, index: StudentIndex) -> u64 {
        let student = self.book.students.get(index);
        value(self.sort.key, student.sum, student.results.len(), student.last)
    }

    fn rank(&self, index: StudentIndex) -> u64 {
        self.book.students.label(index)
    }

    fn may_lie_within(&self, index: StudentIndex, least: u64, greatest: u64) -> bool {
        let student = self.book.students.get(index);
        self.sort.key != ListKey::AverageScore
            || may_average_within(student.sum, student.results.len(), least, greatest)
    }

    fn id(&self, index: StudentIndex) -> StudentId {
        self.book.students.id(index).clone()
    }
}

/// Whether `text`, put into lower case, contains `part`, which is.
fn contains_lowercase(text: &str, part: &str) -> bool {
    if !text.is_ascii() {
        return text.to_lowercase().contains(part);
    }
    let mut ends = text.as_bytes().windows(part.len().max(1));
    part.is_empty() || ends.any(|end| end.eq_ignore_ascii_case(part.as_bytes()))
}

/// All exams, by number.
struct ExamList<'book> {
    book: &'book Gradebook,
    sort: Sort<ListKey>,
    students: Option<Vec<StudentIndex>>,
}

impl Listing for ExamList<'_> {
    type Item = ExamIndex;
    type Id = ExamNumber;

    fn len(&self) -> usize {
        self.book.exams.len()
    }

    fn is_in_order(&self) -> bool {
        self.sort.key == ListKey::Id
    }

    fn walk(&self, after: Option<Key>) -> impl Iterator<Item = ExamIndex> {
        let exams = &self.book.exams;
        exams.sorted().walk(self.sort.descending, after, |index, (_, number)| {
            exams.number(index).get().cmp(&number)
        })
    }

    fn all(&self) -> impl Iterator<Item = ExamIndex> {
        self.book.exams.sorted().iter()
    }

    fn is_unfiltered(&self) -> bool {
        self.students.is_none()
    }

    fn passes(&self, index: ExamIndex) -> bool {
        let sat = |&student: &StudentIndex| self.book.find_in_exam(index, student).is_ok();
        self.students.as_ref().is_none_or(|students| students.iter().any(sat))
    }

    fn value(&self, index: ExamIndex) -> u64 {
        let exam = self.book.exams.get(index);
        value(self.sort.key, exam.sum, exam.results.len(), exam.last)
    }

    fn rank(&self, index: ExamIndex) -> u64 {
        self.book.exams.number(index).get()
    }

    fn may_lie_within(&self, index: ExamIndex, least: u64, greatest: u64) -> bool {
        let exam = self.book.exams.get(index);
        self.sort.key != ListKey::AverageScore
            || may_average_within(exam.sum, exam.results.len(), least, greatest)
    }

    fn id(&self, index: ExamIndex) -> ExamNumber {
        self.book.exams.number(index)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn case_is_ignored_as_unicode_says(text in "[aAkKſßéÉσΣ.K]{0,8}", part in "[aAkKéÉσΣ.]{0,3}") {
            let (whole, part) = (text.to_lowercase(), part.to_lowercase());
            prop_assert_eq!(contains_lowercase(&text, &part), whole.contains(&part));
        }
    }
}
