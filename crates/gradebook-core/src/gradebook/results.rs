//! Pages of results: of a student, of an exam, and of all.

use super::listing::{Ask, Listing, page};
use super::query::{Page, ResultItem, ResultKey, ResultQuery, Sort};
use super::record::{ExamIndex, Record, Slot, Stamp, StudentIndex};
use super::selection::Key;
use super::sorted_blocks::SortedBlocks;
use super::{Gradebook, Moment};
use crate::{ExamNumber, Position, Score, StudentId, Timestamp};

impl Gradebook {
    /// A page of one student's results; `None` when nothing is held of them.
    #[must_use]
    pub fn student_results(
        &self,
        student: &StudentId,
        query: &ResultQuery<ExamNumber>,
    ) -> Option<Page<ResultItem, ExamNumber>> {
        let student = self.students.find(student)?;
        let mut filter = self.filter(query);
        let excluded = filter.students.take().is_some_and(|others| !others.contains(&student));
        let exams = if excluded { Some(Vec::new()) } else { filter.exams.take() };
        let chosen = exams.map(|exams| self.records_of(&[student], &exams));
        let list = StudentResults { book: self, student, sort: query.sort, filter };
        let after = query.after.as_ref().map(|anchor| (anchor.value, anchor.id.get()));
        Some(self.result_page(&list, query, after, chosen))
    }

    /// A page of one exam's results; `None` when nothing is held of it.
    #[must_use]
    pub fn exam_results(
        &self,
        exam: ExamNumber,
        query: &ResultQuery<StudentId>,
    ) -> Option<Page<ResultItem, StudentId>> {
        let exam = self.exams.find(exam)?;
        let mut filter = self.filter(query);
        let excluded = filter.exams.take().is_some_and(|others| !others.contains(&exam));
        let students = if excluded { Some(Vec::new()) } else { filter.students.take() };
        let chosen = students.map(|students| self.records_of(&students, &[exam]));
        let list = ExamResults { book: self, exam, sort: query.sort, filter };
        let after = query.after.as_ref().map(|anchor| {
            (anchor.value, self.students.label_bound(&anchor.id, query.sort.descending))
        });
        Some(self.result_page(&list, query, after, chosen))
    }

    /// A page of all results. Sorted by id they stand in the order of their last change.
    #[must_use]
    pub fn results(&self, query: &ResultQuery<Position>) -> Page<ResultItem, Position> {
        let mut filter = self.filter(query);
        let chosen = self.chosen_records(&filter);
        let since = filter.since.take_if(|_| self.in_time_order && chosen.is_none());
        let list = AllResults { book: self, sort: query.sort, since, filter };
        let after = query.after.as_ref().map(|anchor| (anchor.value, anchor.id.get()));
        self.result_page(&list, query, after, chosen)
    }

    /// The results that changed after `after`, in the order of these changes.
    ///
    /// `None` where that cannot be told, or is more than `most`: when a student was erased after
    /// `after`, or more results changed.
    #[must_use]
    pub fn changed_since(
        &self,
        after: Position,
        most: usize,
    ) -> Option<impl Iterator<Item = ResultItem> + '_> {
        let moment = self.chronicle.partition_point(|stamp| stamp.position() <= after);
        let changed = || self.chronicle.after(moment);
        let known = after >= self.last_erasure && changed().nth(most).is_none();
        known.then(|| changed().map(|record| self.item(record)))
    }

    fn result_page<'book, Id, L: Listing<Item = &'book Record, Id = Id>>(
        &'book self,
        list: &L,
        query: &ResultQuery<Id>,
        after: Option<Key>,
        chosen: Option<Vec<&'book Record>>,
    ) -> Page<ResultItem, Id> {
        let (descending, limit) = (query.sort.descending, query.limit);
        let ask = Ask { descending, after, limit, examined_max: self.examined_max };
        page(list, ask, chosen, |record| self.item(record))
    }

    fn filter<Id>(&self, query: &ResultQuery<Id>) -> Filter {
        Filter {
            exams: self.held_exams(&query.exams),
            students: self.held_students(&query.students),
            min_score: query.min_score,
            max_score: query.max_score,
            since: query.since,
        }
    }

    /// Those of these exams that are held, each once; `None` when there is no filter.
    pub(super) fn held_exams(&self, exams: &[ExamNumber]) -> Option<Vec<ExamIndex>> {
        let held = exams.iter().filter_map(|&exam| self.exams.find(exam));
        (!exams.is_empty()).then(|| distinct(held.collect()))
    }

    /// Those of these students who are held, each once; `None` when there is no filter.
    pub(super) fn held_students(&self, students: &[StudentId]) -> Option<Vec<StudentIndex>> {
        let held = students.iter().filter_map(|student| self.students.find(student));
        (!students.is_empty()).then(|| distinct(held.collect()))
    }

    fn records_of(&self, students: &[StudentIndex], exams: &[ExamIndex]) -> Vec<&Record> {
        let pairs = exams.iter().flat_map(|&exam| students.iter().map(move |&who| (exam, who)));
        let slots = pairs.filter_map(|(exam, student)| self.find_in_exam(exam, student).ok());
        slots.map(|slot| self.chronicle.get(slot)).collect()
    }

    /// The results that the filters on exam and student let through, where an index can tell and
    /// they are not too many.
    fn chosen_records(&self, filter: &Filter) -> Option<Vec<&Record>> {
        let get = |slot: Slot| self.chronicle.get(slot);
        match (&filter.students, &filter.exams) {
            (Some(students), Some(exams)) => (students.len().saturating_mul(exams.len())
                <= self.examined_max)
                .then(|| self.records_of(students, exams)),
            (Some(students), None) => {
                let lists = || students.iter().map(|&student| &self.students.get(student).results);
                (lists().map(SortedBlocks::len).sum::<usize>() <= self.examined_max)
                    .then(|| lists().flat_map(SortedBlocks::iter).map(get).collect())
            }
            (None, Some(exams)) => {
                let lists = || exams.iter().map(|&exam| &self.exams.get(exam).results);
                (lists().map(SortedBlocks::len).sum::<usize>() <= self.examined_max).then(|| {
                    lists().flat_map(SortedBlocks::iter).map(|sat| get(sat.slot)).collect()
                })
            }
            (None, None) => None,
        }
    }
}

pub(super) fn distinct<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort_unstable();
    items.dedup();
    items
}

/// The filters of a question about results, with the ids looked up.
struct Filter {
    exams: Option<Vec<ExamIndex>>,
    students: Option<Vec<StudentIndex>>,
    min_score: Option<Score>,
    max_score: Option<Score>,
    since: Option<Timestamp>,
}

impl Filter {
    fn is_empty(&self) -> bool {
        let by_id = self.exams.is_some() || self.students.is_some();
        let by_value = self.min_score.is_some() || self.max_score.is_some() || self.since.is_some();
        !by_id && !by_value
    }

    fn passes(&self, record: &Record) -> bool {
        self.min_score.is_none_or(|least| record.score() >= least)
            && self.max_score.is_none_or(|most| record.score() <= most)
            && self.since.is_none_or(|since| record.stamp.received() >= since)
            && self.exams.as_ref().is_none_or(|exams| exams.contains(&record.exam()))
            && self.students.as_ref().is_none_or(|all| all.contains(&record.student))
    }
}

fn value(key: ResultKey, record: &Record) -> u64 {
    match key {
        ResultKey::Id => 0,
        ResultKey::Score => record.score().to_bits(),
        ResultKey::ReceivedAt => record.stamp.received().as_ms(),
    }
}

/// One student's results, by exam.
struct StudentResults<'book> {
    book: &'book Gradebook,
    student: StudentIndex,
    sort: Sort<ResultKey>,
    filter: Filter,
}

impl<'book> Listing for StudentResults<'book> {
    type Item = &'book Record;
    type Id = ExamNumber;

    fn len(&self) -> usize {
        self.book.students.get(self.student).results.len()
    }

    fn is_in_order(&self) -> bool {
        self.sort.key == ResultKey::Id
    }

    fn walk(&self, after: Option<Key>) -> impl Iterator<Item = &'book Record> {
        let results = &self.book.students.get(self.student).results;
        let book = self.book;
        let slots = results.walk(self.sort.descending, after, |slot, (_, number)| {
            book.exam_of(slot).get().cmp(&number)
        });
        slots.map(|slot| book.chronicle.get(slot))
    }

    fn all(&self) -> impl Iterator<Item = &'book Record> {
        let slots = self.book.students.get(self.student).results.iter();
        slots.map(|slot| self.book.chronicle.get(slot))
    }

    fn is_unfiltered(&self) -> bool {
        self.filter.is_empty()
    }

    fn passes(&self, record: &'book Record) -> bool {
        self.filter.passes(record)
    }

    fn value(&self, record: &'book Record) -> u64 {
        value(self.sort.key, record)
    }

    fn rank(&self, record: &'book Record) -> u64 {
        self.id(record).get()
    }

    fn id(&self, record: &'book Record) -> ExamNumber {
        self.book.exams.number(record.exam())
    }
}

/// One exam's results, by student.
struct ExamResults<'book> {
    book: &'book Gradebook,
    exam: ExamIndex,
    sort: Sort<ResultKey>,
    filter: Filter,
}

impl<'book> Listing for ExamResults<'book> {
    type Item = &'book Record;
    type Id = StudentId;

    fn len(&self) -> usize {
        self.book.exams.get(self.exam).results.len()
    }

    fn is_in_order(&self) -> bool {
        self.sort.key == ResultKey::Id
    }

    fn walk(&self, after: Option<Key>) -> impl Iterator<Item = &'book Record> {
        let results = &self.book.exams.get(self.exam).results;
        let students = &self.book.students;
        let sats = results.walk(self.sort.descending, after, |sat, (_, label)| {
            students.label(sat.student).cmp(&label)
        });
        sats.map(|sat| self.book.chronicle.get(sat.slot))
    }

    fn all(&self) -> impl Iterator<Item = &'book Record> {
        self.book.records_of_exam(self.exam)
    }

    fn is_unfiltered(&self) -> bool {
        self.filter.is_empty()
    }

    fn passes(&self, record: &'book Record) -> bool {
        self.filter.passes(record)
    }

    fn value(&self, record: &'book Record) -> u64 {
        value(self.sort.key, record)
    }

    fn rank(&self, record: &'book Record) -> u64 {
        self.book.students.label(record.student)
    }

    fn id(&self, record: &'book Record) -> StudentId {
        self.book.students.id(record.student).clone()
    }
}

/// All results, by the position of their last change.
struct AllResults<'book> {
    book: &'book Gradebook,
    sort: Sort<ResultKey>,
    /// Only results received then or later; set where that is an end piece of the order.
    since: Option<Timestamp>,
    filter: Filter,
}

impl AllResults<'_> {
    /// Value and rank of the result with this stamp.
    fn stamp_key(&self, stamp: Stamp) -> Key {
        let by_time = self.sort.key == ResultKey::ReceivedAt;
        (if by_time { stamp.received().as_ms() } else { 0 }, stamp.position().get())
    }

    fn is_too_early(&self, stamp: Stamp) -> bool {
        self.since.is_some_and(|since| stamp.received() < since)
    }

    fn first(&self) -> Moment {
        self.book.chronicle.partition_point(|stamp| self.is_too_early(stamp))
    }
}

impl<'book> Listing for AllResults<'book> {
    type Item = &'book Record;
    type Id = Position;

    fn len(&self) -> usize {
        match self.since {
            Some(_) => self.book.chronicle.count_after(self.first()),
            None => self.book.result_count,
        }
    }

    fn is_in_order(&self) -> bool {
        match self.sort.key {
            ResultKey::Id => true,
            ResultKey::ReceivedAt => self.book.in_time_order,
            ResultKey::Score => false,
        }
    }

    fn walk(&self, after: Option<Key>) -> impl Iterator<Item = &'book Record> {
        let chronicle = &self.book.chronicle;
        let (rising, falling) = if self.sort.descending {
            let moment = chronicle
                .partition_point(|stamp| after.is_none_or(|after| self.stamp_key(stamp) < after));
            let records = chronicle.before(moment);
            (None, Some(records.take_while(|record| !self.is_too_early(record.stamp))))
        } else {
            let moment = chronicle.partition_point(|stamp| {
                self.is_too_early(stamp)
                    || after.is_some_and(|after| self.stamp_key(stamp) <= after)
            });
            (Some(chronicle.after(moment)), None)
        };
        rising.into_iter().flatten().chain(falling.into_iter().flatten())
    }

    fn all(&self) -> impl Iterator<Item = &'book Record> {
        let book = self.book;
        book.chronicle.after(self.first())
    }

    fn is_unfiltered(&self) -> bool {
        self.filter.is_empty()
    }

    fn passes(&self, record: &'book Record) -> bool {
        self.filter.passes(record)
    }

    fn value(&self, record: &'book Record) -> u64 {
        value(self.sort.key, record)
    }

    fn rank(&self, record: &'book Record) -> u64 {
        record.stamp.position().get()
    }

    fn id(&self, record: &'book Record) -> Position {
        record.stamp.position()
    }
}
