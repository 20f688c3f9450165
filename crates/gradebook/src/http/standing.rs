//! `include=standing`: where each result stands in its exam, at a bounded cost.

use gradebook_core::Gradebook;
use gradebook_core::gradebook::{EXAMINED_MAX, Page, ResultItem, ResultQuery};
use gradebook_core::statistics::Standing;

use super::call::Call;
use super::problem::Problem;

impl Call {
    /// A page that `read` gives, with the standings of its results when they were asked for.
    ///
    /// A standing costs a look at every result of its exam. So a page with standings ends early,
    /// before its exams have more than [`EXAMINED_MAX`] results together; the first result is
    /// always on it.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn with_standings<Id>(
        &self,
        book: &Gradebook,
        mut query: ResultQuery<Id>,
        read: impl Fn(&ResultQuery<Id>) -> Result<Page<ResultItem, Id>, Problem>,
    ) -> Result<(Page<ResultItem, Id>, Vec<Standing>), Problem> {
        let mut page = read(&query)?;
        if !self.query.standing {
            return Ok((page, Vec::new()));
        }
        let affordable = affordable(book, &page.items, EXAMINED_MAX);
        if affordable < page.items.len() {
            query.limit = affordable;
            page = read(&query)?;
        }
        let standings = book.standings(&page.items).into_iter().collect::<Option<_>>();
        Ok((page, standings.expect("invariant: the exam of a result has results")))
    }
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
