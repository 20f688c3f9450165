//! `include=standing`: where each result stands in its exam, at a bounded cost.

use gradebook_core::Gradebook;
use gradebook_core::gradebook::{EXAMINED_MAX, Page, ResultItem, ResultQuery};
use gradebook_core::statistics::Standing;

use super::bounds::Bound;
use super::call::Call;
use super::problem::Problem;
use crate::reader::Reader;

impl Call {
    /// A page that `read` gives; shorter where standings are asked for and would cost too much.
    ///
    /// A standing costs a look at every result of its exam. So a page with standings ends early,
    /// before its exams have more than [`EXAMINED_MAX`] results together; the first result is
    /// always on it.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn affordable_page<Id>(
        &self,
        book: &Gradebook,
        mut query: ResultQuery<Id>,
        read: impl Fn(&ResultQuery<Id>) -> Result<Page<ResultItem, Id>, Problem>,
    ) -> Result<Page<ResultItem, Id>, Problem> {
        let page = read(&query)?;
        if !self.query.standing {
            return Ok(page);
        }
        let affordable = affordable(book, &page.items, EXAMINED_MAX);
        if affordable == page.items.len() {
            return Ok(page);
        }
        Bound::Standings.reached();
        query.limit = affordable;
        read(&query)
    }
}

/// Where each of `items` stands in its exam, as the book is by then; `None` where the exam is gone.
///
/// The book is let go between two exams: a student may have many large ones, and whoever posts must
/// not wait for more than one.
#[must_use]
pub fn exam_by_exam(reader: &Reader, items: &[ResultItem]) -> Vec<Option<Standing>> {
    let exams = items.chunk_by(|one, other| one.exam == other.exam);
    exams.flat_map(|of_one| reader.now().standings(of_one)).collect()
}

/// How many of `items`, from the first on, have exams of together at most `examined_max` results.
fn affordable(book: &Gradebook, items: &[ResultItem], examined_max: usize) -> usize {
    let mut examined = 0;
    let mut last = None;
    let fitting = items.iter().take_while(|item| {
        if last != Some(item.exam) {
            last = Some(item.exam);
            examined += book.exam(item.exam).map_or(0, |exam| exam.count as usize);
        }
        examined <= examined_max
    });
    fitting.count().max(1)
}

#[cfg(test)]
mod tests {
    use gradebook_core::{
        Entry, ExamNumber, Position, PseudonymKey, Score, ScoringPolicy, StudentId, Timestamp,
    };

    use super::*;

    #[test]
    fn standings_read_exam_by_exam_are_those_of_the_book() {
        let api = super::super::tests::api_holding(&[
            ("ann", 1),
            ("bob", 1),
            ("eve", 1),
            ("ann", 2),
            ("bob", 2),
            ("ann", 3),
        ]);
        let ann = StudentId::parse("ann").unwrap();
        let book = api.reader.now();
        let mut items = book.student_results(&ann, &ResultQuery::all(10)).unwrap().items;
        let expected = book.standings(&items);
        drop(book);
        assert_eq!(exam_by_exam(&api.reader, &items), expected);
        // An exam that is gone by then has none, and the others have.
        items[1].exam = ExamNumber::new(9).unwrap();
        let found = exam_by_exam(&api.reader, &items);
        assert_eq!((found[0], found[1], found[2]), (expected[0], None, expected[2]));
    }

    #[test]
    fn a_page_ends_before_its_exams_are_too_large_together() {
        let mut book = Gradebook::new(ScoringPolicy::KeepLatest, PseudonymKey([0; 16]));
        let pairs = [("ann", 1), ("bob", 1), ("eve", 1), ("ann", 2), ("bob", 2), ("ann", 3)];
        for (position, (student, exam)) in (1..).zip(pairs) {
            let entry = Entry::Scored {
                student: StudentId::parse(student).unwrap(),
                exam: ExamNumber::new(exam).unwrap(),
                score: Score::new(0.5).unwrap(),
                received: Timestamp::from_ms(0),
            };
            book.post(Position::new(position), &entry);
        }
        let ann = StudentId::parse("ann").unwrap();
        let items = book.student_results(&ann, &ResultQuery::all(10)).unwrap().items;
        let affordable = |examined_max| affordable(&book, &items, examined_max);
        assert_eq!([6, 5, 4, 3, 2].map(affordable), [3, 2, 1, 1, 1]);
        assert_eq!(super::affordable(&book, &[], 6), 1);
    }
}
