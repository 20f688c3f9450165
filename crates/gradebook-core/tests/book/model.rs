//! The dullest correct gradebook: ordered maps, and every answer worked out from all there is.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use gradebook_core::gradebook::{
    Aggregate, Anchor, Change, Erasure, ExamItem, ListKey, ListQuery, Page, Posted, ResultItem,
    ResultKey, ResultQuery, StudentItem,
};
use gradebook_core::{
    Entry, ExamNumber, Position, Pseudonym, PseudonymKey, Score, ScoringPolicy, StudentId, Sum,
    Timestamp, average,
};

/// Answers as [`gradebook_core::Gradebook`] does, slowly.
#[derive(Clone, Debug)]
pub struct PlainBook {
    policy: ScoringPolicy,
    key: PseudonymKey,
    position: Position,
    revision: Position,
    last_erasure: Position,
    students: BTreeMap<StudentId, BTreeMap<ExamNumber, Kept>>,
    exams: BTreeMap<ExamNumber, BTreeSet<StudentId>>,
    suppressed: HashSet<Pseudonym>,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    score: Score,
    received: Timestamp,
    attempts: u8,
    position: Position,
}

impl PlainBook {
    /// An empty book.
    pub fn new(policy: ScoringPolicy, key: PseudonymKey) -> Self {
        Self {
            policy,
            key,
            position: Position::START,
            revision: Position::START,
            last_erasure: Position::START,
            students: BTreeMap::new(),
            exams: BTreeMap::new(),
            suppressed: HashSet::new(),
        }
    }

    /// Posts the entry at `position`, which must be after every position posted before.
    pub fn post(&mut self, position: Position, entry: &Entry) -> Posted {
        assert!(position > self.position, "invariant: entries are posted in order");
        self.position = position;
        match entry {
            Entry::Scored { student, exam, score, received } => {
                self.post_score(position, student, *exam, *score, *received)
            }
            Entry::Erased { student, suppress } => {
                if *suppress {
                    self.suppressed.insert(*student);
                }
                self.revision = position;
                self.last_erasure = position;
                let found = self.students.keys().find(|id| self.key.pseudonym(id) == *student);
                let found = found.cloned();
                Posted::Erased(found.map(|student| self.remove(student)))
            }
        }
    }

    fn post_score(
        &mut self,
        position: Position,
        student: &StudentId,
        exam: ExamNumber,
        score: Score,
        received: Timestamp,
    ) -> Posted {
        if !self.suppressed.is_empty() && self.suppressed.contains(&self.key.pseudonym(student)) {
            return Posted::Suppressed;
        }
        let results = self.students.entry(student.clone()).or_default();
        let counted = results.get(&exam);
        if counted.is_some_and(|counted| !self.policy.replaces(counted.score, score)) {
            return Posted::Unchanged;
        }
        let attempts = counted.map_or(1, |counted| counted.attempts.saturating_add(1));
        results.insert(exam, Kept { score, received, attempts, position });
        self.exams.entry(exam).or_default().insert(student.clone());
        self.revision = position;
        Posted::Changed
    }

    fn remove(&mut self, student: StudentId) -> Erasure {
        let results = self.students.remove(&student).unwrap_or_default();
        let exams: Vec<ExamNumber> = results.into_keys().collect();
        for exam in &exams {
            let Some(students) = self.exams.get_mut(exam) else { continue };
            students.remove(&student);
            if students.is_empty() {
                self.exams.remove(exam);
            }
        }
        Erasure { student, exams }
    }

    /// The position of the last entry posted.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The position of the last entry that changed anything.
    pub fn revision(&self) -> Position {
        self.revision
    }

    /// The position of the last erasure. Whoever has read the book before it must read it anew.
    pub fn last_erasure(&self) -> Position {
        self.last_erasure
    }

    /// How many students have results.
    pub fn student_count(&self) -> usize {
        self.students.len()
    }

    /// How many exams have results.
    pub fn exam_count(&self) -> usize {
        self.exams.len()
    }

    /// How many results there are.
    pub fn result_count(&self) -> usize {
        self.students.values().map(BTreeMap::len).sum()
    }

    /// How this student did; `None` when nothing is held of them.
    pub fn student(&self, student: &StudentId) -> Option<Aggregate> {
        self.students.get(student).map(|results| self.aggregate(results.values().copied()))
    }

    /// How this exam went; `None` when nothing is held of it.
    pub fn exam(&self, exam: ExamNumber) -> Option<Aggregate> {
        let students = self.exams.get(&exam)?;
        Some(self.aggregate(students.iter().map(|student| self.students[student][&exam])))
    }

    /// One student's result in one exam.
    pub fn result(&self, student: &StudentId, exam: ExamNumber) -> Option<ResultItem> {
        self.students.get(student)?.get(&exam).map(|kept| item(student, exam, *kept))
    }

    /// The result of `student` in `exam` as a change: with both aggregates beside it.
    pub fn change(&self, student: &StudentId, exam: ExamNumber) -> Option<Change> {
        Some(Change {
            result: self.result(student, exam)?,
            student: self.student(student)?,
            exam: self.exam(exam)?,
        })
    }

    /// The results changed after a position, in order.
    pub fn changed_since(&self, after: Position, most: usize) -> Option<Vec<ResultItem>> {
        let mut query = ResultQuery::all(usize::MAX - 1);
        query.after = Some(Anchor { value: 0, id: after });
        let items = self.results(&query).items;
        (after >= self.last_erasure && items.len() <= most).then_some(items)
    }

    /// A page of the students.
    pub fn students(&self, query: &ListQuery<StudentId>) -> Page<StudentItem, StudentId> {
        let contains = query.contains.as_ref().map(|text| text.to_lowercase());
        let items = self
            .students
            .iter()
            .filter(|(id, _)| query.students.is_empty() || query.students.contains(id))
            .filter(|(_, results)| {
                query.exams.is_empty() || query.exams.iter().any(|exam| results.contains_key(exam))
            })
            .filter(|(id, _)| {
                contains.as_ref().is_none_or(|text| id.as_str().to_lowercase().contains(text))
            })
            .map(|(id, results)| StudentItem {
                student: id.clone(),
                aggregate: self.aggregate(results.values().copied()),
            });
        page(items.collect(), query.sort.descending, query.after.as_ref(), query.limit, |item| {
            (list_value(query.sort.key, &item.aggregate), item.student.clone())
        })
    }

    /// A page of the exams. The filter on text does not apply.
    pub fn exams(&self, query: &ListQuery<ExamNumber>) -> Page<ExamItem, ExamNumber> {
        let items = self
            .exams
            .iter()
            .filter(|(exam, _)| query.exams.is_empty() || query.exams.contains(exam))
            .filter(|(_, ids)| {
                query.students.is_empty() || query.students.iter().any(|id| ids.contains(id))
            })
            .filter_map(|(&exam, _)| Some(ExamItem { exam, aggregate: self.exam(exam)? }));
        page(items.collect(), query.sort.descending, query.after.as_ref(), query.limit, |item| {
            (list_value(query.sort.key, &item.aggregate), item.exam)
        })
    }

    /// A page of one student's results; `None` when nothing is held of them.
    pub fn student_results(
        &self,
        student: &StudentId,
        query: &ResultQuery<ExamNumber>,
    ) -> Option<Page<ResultItem, ExamNumber>> {
        let results = self.students.get(student)?;
        let items = results.iter().map(|(&exam, kept)| item(student, exam, *kept));
        Some(result_page(items, query, |item| item.exam))
    }

    /// A page of one exam's results; `None` when nothing is held of it.
    pub fn exam_results(
        &self,
        exam: ExamNumber,
        query: &ResultQuery<StudentId>,
    ) -> Option<Page<ResultItem, StudentId>> {
        let students = self.exams.get(&exam)?;
        let items = students.iter().map(|id| item(id, exam, self.students[id][&exam]));
        Some(result_page(items, query, |item| item.student.clone()))
    }

    /// A page of all results. Sorted by id they stand in the order of their last change.
    pub fn results(&self, query: &ResultQuery<Position>) -> Page<ResultItem, Position> {
        let items = self.students.iter().flat_map(|(student, results)| {
            results.iter().map(|(&exam, kept)| item(student, exam, *kept))
        });
        result_page(items, query, |item| item.position)
    }

    fn aggregate(&self, results: impl Iterator<Item = Kept>) -> Aggregate {
        let mut sum = Sum::default();
        let (mut count, mut latest) = (0, None::<Kept>);
        for kept in results {
            sum.add(kept.score);
            count += 1;
            latest = latest.filter(|latest| latest.position > kept.position).or(Some(kept));
        }
        let latest = latest.expect("invariant: what is held has at least one result");
        Aggregate {
            average: average(sum, count),
            count,
            last_result: latest.received,
            revision: latest.position.max(self.last_erasure),
        }
    }
}

fn item(student: &StudentId, exam: ExamNumber, kept: Kept) -> ResultItem {
    let Kept { score, received, attempts, position } = kept;
    ResultItem { student: student.clone(), exam, score, received, attempts, position }
}

fn list_value(key: ListKey, aggregate: &Aggregate) -> u64 {
    match key {
        ListKey::Id => 0,
        ListKey::AverageScore => aggregate.average.to_bits(),
        ListKey::ResultCount => u64::from(aggregate.count),
        ListKey::LastResultAt => aggregate.last_result.as_ms(),
    }
}

fn result_page<Id: Ord + Clone>(
    items: impl Iterator<Item = ResultItem>,
    query: &ResultQuery<Id>,
    id: impl Fn(&ResultItem) -> Id,
) -> Page<ResultItem, Id> {
    let items = items
        .filter(|item| query.exams.is_empty() || query.exams.contains(&item.exam))
        .filter(|item| query.students.is_empty() || query.students.contains(&item.student))
        .filter(|item| query.min_score.is_none_or(|least| item.score >= least))
        .filter(|item| query.max_score.is_none_or(|most| item.score <= most))
        .filter(|item| query.since.is_none_or(|since| item.received >= since));
    page(items.collect(), query.sort.descending, query.after.as_ref(), query.limit, |item| {
        let value = match query.sort.key {
            ResultKey::Id => 0,
            ResultKey::Score => item.score.to_bits(),
            ResultKey::ReceivedAt => item.received.as_ms(),
        };
        (value, id(item))
    })
}

fn page<Item, Id: Ord + Clone>(
    mut items: Vec<Item>,
    descending: bool,
    after: Option<&Anchor<Id>>,
    limit: usize,
    key: impl Fn(&Item) -> (u64, Id),
) -> Page<Item, Id> {
    let total = u64::try_from(items.len()).ok();
    items.sort_by_key(&key);
    if descending {
        items.reverse();
    }
    if let Some(after) = after {
        let after = (after.value, after.id.clone());
        items.retain(|item| if descending { key(item) < after } else { key(item) > after });
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|item| {
        let (value, id) = key(item);
        Anchor { value, id }
    });
    Page { items, total, next }
}
