//! Whatever was posted and whatever is asked, the gradebook answers as the plain one does.

use gradebook_core::gradebook::{
    Anchor, FORESEEN_ENTRIES, ListKey, ListQuery, Page, ResultKey, ResultQuery, Sort,
};
use gradebook_core::{Entry, Gradebook, Position, Score, ScoringPolicy, Timestamp};
use proptest::prelude::*;

use crate::entries::{KEY, exam, journal, policy, score, student};
use crate::model::PlainBook;

fn both(policy: ScoringPolicy, journal: &[(Position, Entry)]) -> (Gradebook, PlainBook) {
    let (mut book, mut plain) = (Gradebook::new(policy, KEY), PlainBook::new(policy, KEY));
    let mut foreseen = Vec::new();
    // Some are foreseen, some are not.
    for (number, group) in journal.chunks(FORESEEN_ENTRIES).enumerate() {
        book.foresee(group.iter().map(|(_, entry)| entry), &mut foreseen);
        for ((position, entry), foreseen) in group.iter().zip(&foreseen) {
            let posted = match number % 3 {
                0 => book.post(*position, entry),
                _ => book.post_foreseen(*position, entry, *foreseen),
            };
            assert_eq!(posted, plain.post(*position, entry));
        }
    }
    (book, plain)
}

fn sometimes<T: std::fmt::Debug>(
    strategy: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    prop::option::weighted(0.2, strategy)
}

fn some_of<T: std::fmt::Debug>(
    strategy: impl Strategy<Value = T>,
) -> impl Strategy<Value = Vec<T>> {
    let some = prop::option::weighted(0.3, prop::collection::vec(strategy, 1..5));
    some.prop_map(Option::unwrap_or_default)
}

fn result_query<Id: std::fmt::Debug + Clone>(
    id: impl Strategy<Value = Id>,
) -> impl Strategy<Value = ResultQuery<Id>> {
    let key = prop_oneof![Just(ResultKey::Id), Just(ResultKey::Score), Just(ResultKey::ReceivedAt)];
    let value = prop_oneof![0u64..3000, score().prop_map(Score::to_bits)];
    (
        (some_of(exam()), some_of(student())),
        (
            sometimes(score()),
            sometimes(score()),
            sometimes((900u64..2500).prop_map(Timestamp::from_ms)),
        ),
        (key, any::<bool>()),
        prop::option::of((value, id)),
        1usize..20,
    )
        .prop_map(
            |(
                (exams, students),
                (min_score, max_score, since),
                (key, descending),
                after,
                limit,
            )| {
                let sort = Sort { key, descending };
                let after = after.map(|(value, id)| Anchor {
                    value: if key == ResultKey::Id { 0 } else { value },
                    id,
                });
                ResultQuery { exams, students, min_score, max_score, since, sort, after, limit }
            },
        )
}

fn list_query<Id: std::fmt::Debug + Clone>(
    id: impl Strategy<Value = Id>,
) -> impl Strategy<Value = ListQuery<Id>> {
    let key = prop_oneof![
        Just(ListKey::Id),
        Just(ListKey::AverageScore),
        Just(ListKey::ResultCount),
        Just(ListKey::LastResultAt)
    ];
    let value = prop_oneof![0u64..5, 1000u64..3000, score().prop_map(Score::to_bits)];
    let contains = sometimes(prop_oneof![Just("STUDENT"), Just("1"), Just("É"), Just("")]);
    (
        (some_of(exam()), some_of(student()), contains),
        (key, any::<bool>()),
        prop::option::of((value, id)),
        1usize..20,
    )
        .prop_map(|((exams, students, contains), (key, descending), after, limit)| {
            let sort = Sort { key, descending };
            let after = after.map(|(value, id)| Anchor {
                value: if key == ListKey::Id { 0 } else { value },
                id,
            });
            ListQuery { exams, students, contains: contains.map(str::to_owned), sort, after, limit }
        })
}

/// Follows `next` from page to page. Every page must be the same in both; and no more pages than
/// there are items.
fn same_pages<Item: PartialEq + std::fmt::Debug, Id: PartialEq + std::fmt::Debug>(
    mut both: impl FnMut(Option<Anchor<Id>>) -> (Page<Item, Id>, Page<Item, Id>),
    first: Option<Anchor<Id>>,
) -> Result<(), TestCaseError> {
    let mut after = first;
    loop {
        let (page, expected) = both(after);
        prop_assert_eq!(&page, &expected);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

fn position() -> impl Strategy<Value = Position> {
    (0u64..1000).prop_map(Position::new)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn single_lookups(
        policy in policy(),
        journal in journal(0..400),
        other in student(),
        other_exam in exam(),
    ) {
        let (book, plain) = both(policy, &journal);
        prop_assert_eq!(book.student_count(), plain.student_count());
        prop_assert_eq!(book.exam_count(), plain.exam_count());
        prop_assert_eq!(book.result_count(), plain.result_count());
        prop_assert_eq!(book.position(), plain.position());
        prop_assert_eq!(book.revision(), plain.revision());
        prop_assert_eq!(book.last_erasure(), plain.last_erasure());
        let named = journal.iter().filter_map(|(_, entry)| match entry {
            Entry::Scored { student, exam, .. } => Some((student, *exam)),
            Entry::Erased { .. } => None,
        });
        for (student, exam) in named.chain([(&other, other_exam)]) {
            prop_assert_eq!(book.student(student), plain.student(student));
            prop_assert_eq!(book.exam(exam), plain.exam(exam));
            prop_assert_eq!(book.result(student, exam), plain.result(student, exam));
            prop_assert_eq!(book.change(student, exam), plain.change(student, exam));
        }
    }

    #[test]
    fn pages_of_students(
        policy in policy(),
        journal in journal(0..300),
        query in list_query(student()),
    ) {
        let (book, plain) = both(policy, &journal);
        same_pages(|after| {
            let query = ListQuery { after, ..query.clone() };
            (book.students(&query), plain.students(&query))
        }, query.after.clone())?;
    }

    #[test]
    fn pages_of_exams(policy in policy(), journal in journal(0..300), query in list_query(exam())) {
        let (book, plain) = both(policy, &journal);
        same_pages(|after| {
            let query = ListQuery { after, ..query.clone() };
            (book.exams(&query), plain.exams(&query))
        }, query.after.clone())?;
    }

    #[test]
    fn pages_of_a_student(
        policy in policy(),
        journal in journal(0..300),
        student in student(),
        query in result_query(exam()),
    ) {
        let (book, plain) = both(policy, &journal);
        prop_assert_eq!(
            book.student_results(&student, &query).is_some(),
            plain.student(&student).is_some(),
        );
        if plain.student(&student).is_some() {
            same_pages(|after| {
                let query = ResultQuery { after, ..query.clone() };
                (
                    book.student_results(&student, &query).unwrap(),
                    plain.student_results(&student, &query).unwrap(),
                )
            }, query.after.clone())?;
        }
    }

    #[test]
    fn pages_of_an_exam(
        policy in policy(),
        journal in journal(0..300),
        exam in exam(),
        query in result_query(student()),
    ) {
        let (book, plain) = both(policy, &journal);
        prop_assert_eq!(book.exam_results(exam, &query).is_some(), plain.exam(exam).is_some());
        if plain.exam(exam).is_some() {
            same_pages(|after| {
                let query = ResultQuery { after, ..query.clone() };
                (
                    book.exam_results(exam, &query).unwrap(),
                    plain.exam_results(exam, &query).unwrap(),
                )
            }, query.after.clone())?;
        }
    }

    #[test]
    fn pages_of_all_results(
        policy in policy(),
        journal in journal(0..300),
        query in result_query(position()),
    ) {
        let (book, plain) = both(policy, &journal);
        same_pages(|after| {
            let query = ResultQuery { after, ..query.clone() };
            (book.results(&query), plain.results(&query))
        }, query.after.clone())?;
    }

    #[test]
    fn changes_since(
        policy in policy(),
        journal in journal(0..300),
        after in position(),
        most in 0usize..300,
    ) {
        let (book, plain) = both(policy, &journal);
        let changed = book.changed_since(after, most).map(Iterator::collect);
        prop_assert_eq!(changed, plain.changed_since(after, most));
    }
}
