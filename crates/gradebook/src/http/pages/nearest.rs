//! What somebody may have meant who asked for a student or an exam that is not there.

use gradebook_core::gradebook::{Anchor, ListQuery};
use gradebook_core::{ExamNumber, Gradebook, StudentId};

use crate::http::bounds::Bound;

/// The most suggestions.
pub const SUGGESTIONS_MAX: usize = 6;

/// How many neighbours on either side are compared. A slip of the finger at the end of an id
/// leaves it near its place; one at the beginning is found when it is only one of case.
const NEIGHBOURS_MAX: usize = 200;

/// The smallest similarity of a suggestion, from 0 (nothing in common) to 1 (the same).
const SIMILARITY_MIN: f64 = 0.5;

/// Students whose ids are like `student`, most alike first.
#[must_use]
pub fn students(book: &Gradebook, student: &StudentId) -> Vec<StudentId> {
    let mut found = Vec::new();
    for descending in [false, true] {
        let mut query = ListQuery::all(NEIGHBOURS_MAX);
        query.sort.descending = descending;
        query.after = Some(Anchor { value: 0, id: student.clone() });
        found.extend(book.students(&query).items.into_iter().map(|item| item.student));
    }
    let mut query = ListQuery::all(NEIGHBOURS_MAX);
    query.contains = Some(student.as_str().to_owned());
    let containing = book.students(&query);
    Bound::Neighbours.reached_if(containing.next.is_some());
    found.extend(containing.items.into_iter().map(|item| item.student));
    most_alike(student, found)
}

fn most_alike(student: &StudentId, mut found: Vec<StudentId>) -> Vec<StudentId> {
    found.sort_unstable();
    found.dedup();
    let wanted = student.as_str().to_lowercase();
    let mut alike: Vec<(f64, StudentId)> = found
        .into_iter()
        .map(|id| (similarity(&wanted, &id.as_str().to_lowercase()), id))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .collect();
    alike.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    alike.truncate(SUGGESTIONS_MAX);
    alike.into_iter().map(|(_, id)| id).collect()
}

/// An id that contains the other is like it whatever the rest, so that a first name finds people.
fn similarity(wanted: &str, id: &str) -> f64 {
    let edits = strsim::normalized_damerau_levenshtein(wanted, id);
    if id.contains(wanted) { edits.max(SIMILARITY_MIN) } else { edits }
}

/// Exams before and after `exam`, nearest first.
#[must_use]
pub fn exams(book: &Gradebook, exam: ExamNumber) -> Vec<ExamNumber> {
    let mut found = Vec::new();
    for descending in [false, true] {
        let mut query = ListQuery::all(SUGGESTIONS_MAX);
        query.sort.descending = descending;
        query.after = Some(Anchor { value: 0, id: exam });
        found.extend(book.exams(&query).items.into_iter().map(|item| item.exam));
    }
    found.sort_by_key(|found| found.get().abs_diff(exam.get()));
    found.truncate(SUGGESTIONS_MAX);
    found
}

#[cfg(test)]
mod tests {
    use gradebook_core::{Entry, Position, PseudonymKey, Score, ScoringPolicy, Timestamp};

    use super::*;

    fn id(text: &str) -> StudentId {
        StudentId::parse(text).unwrap()
    }

    fn book(results: &[(&str, u64)]) -> Gradebook {
        let mut book = Gradebook::new(ScoringPolicy::KeepLatest, PseudonymKey([0; 16]));
        for (index, (student, exam)) in results.iter().enumerate() {
            let entry = Entry::Scored {
                student: id(student),
                exam: ExamNumber::new(*exam).unwrap(),
                score: Score::ZERO,
                received: Timestamp::default(),
            };
            book.post(Position::new(index as u64 + 1), &entry);
        }
        book
    }

    #[test]
    fn slips_case_and_first_names_are_understood() {
        let book = book(&[
            ("Hannah.Herman76", 1),
            ("Susana_Langworth", 1),
            ("Susan", 1),
            ("Evan48", 1),
            ("Zoë", 1),
        ]);
        for (asked, first) in [
            ("Hannah.Hermann76", "Hannah.Herman76"),
            ("susana_langworth", "Susana_Langworth"),
            ("hannah", "Hannah.Herman76"),
            ("Evna48", "Evan48"),
            ("Zoe", "Zoë"),
        ] {
            assert_eq!(students(&book, &id(asked)).first(), Some(&id(first)), "{asked}");
        }
        assert_eq!(students(&book, &id("qqqqqqqqqqqq")), Vec::<StudentId>::new());
    }

    #[test]
    fn the_nearest_exams_come_first() {
        let results: Vec<_> = [1, 5, 100, 103, 200].map(|exam| ("foo", exam)).into();
        let found = exams(&book(&results), ExamNumber::new(104).unwrap());
        assert_eq!(found.iter().map(|exam| exam.get()).collect::<Vec<_>>(), [103, 100, 200, 5, 1]);
    }
}
