//! Books that are large enough for lists of many blocks and for several chunks of records.

use gradebook_core::gradebook::{Anchor, ListKey, ListQuery, ResultKey, ResultQuery, Sort};
use gradebook_core::{
    Entry, ExamNumber, Gradebook, Position, Score, ScoringPolicy, StudentId, Timestamp,
};
use proptest::prelude::*;

use crate::entries::KEY;
use crate::model::PlainBook;

/// Few exams of many students, or the other way round: 16,384 pairs at most, some of them twice.
fn large_journal() -> impl Strategy<Value = Vec<Entry>> {
    let pair = (0u32..1 << 14, 0u32..100);
    (prop::collection::vec(pair, 6_000..9_000), prop::sample::select(&[2u32, 7, 12][..])).prop_map(
        |(pairs, exam_bits)| {
            let entries = pairs.into_iter().enumerate().map(|(number, (pair, score))| {
                let (student, exam) = (pair >> exam_bits, pair & ((1 << exam_bits) - 1));
                let student =
                    StudentId::parse(&format!("{:05}", student * 7919 % 100_003)).unwrap();
                if score == 0 && number % 8 == 0 {
                    let student = KEY.pseudonym(&student);
                    return Entry::Erased { student, suppress: false };
                }
                Entry::Scored {
                    student,
                    exam: ExamNumber::new(u64::from(exam)).unwrap(),
                    score: Score::new(f64::from(score) / 99.0).unwrap(),
                    received: Timestamp::from_ms(number as u64 / 10),
                }
            });
            entries.collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 50, ..ProptestConfig::with_cases(6) })]

    #[test]
    fn large_books_answer_as_plain_ones(
        journal in large_journal(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 8),
        descending: bool,
    ) {
        let mut book = Gradebook::new(ScoringPolicy::KeepLatest, KEY);
        let mut plain = PlainBook::new(ScoringPolicy::KeepLatest, KEY);
        let mut foreseen = Vec::new();
        for (number, entry) in journal.iter().enumerate() {
            if number % 16 == 0 {
                book.foresee(journal[number..].iter().take(16), &mut foreseen);
            }
            let position = Position::new(number as u64 + 1);
            prop_assert_eq!(
                book.post_foreseen(position, entry, foreseen[number % 16]),
                plain.post(position, entry),
            );
        }
        let all = plain.results(&ResultQuery::all(usize::MAX - 1));
        prop_assert_eq!(&book.results(&ResultQuery::all(usize::MAX - 1)), &all);
        prop_assert_eq!(
            book.students(&ListQuery::all(100_000)),
            plain.students(&ListQuery::all(100_000)),
        );
        prop_assert_eq!(
            book.exams(&ListQuery::all(100_000)),
            plain.exams(&ListQuery::all(100_000)),
        );
        for place in places {
            let item = place.get(&all.items);
            for key in [ResultKey::Id, ResultKey::Score, ResultKey::ReceivedAt] {
                let sort = Sort { key, descending };
                let value = match key {
                    ResultKey::Id => 0,
                    ResultKey::Score => item.score.to_bits(),
                    ResultKey::ReceivedAt => item.received.as_ms(),
                };
                let query = ResultQuery {
                    sort,
                    after: Some(Anchor { value, id: item.student.clone() }),
                    ..ResultQuery::all(50)
                };
                prop_assert_eq!(
                    book.exam_results(item.exam, &query),
                    plain.exam_results(item.exam, &query),
                );
                let query = ResultQuery {
                    sort,
                    after: Some(Anchor { value, id: item.exam }),
                    ..ResultQuery::all(50)
                };
                prop_assert_eq!(
                    book.student_results(&item.student, &query),
                    plain.student_results(&item.student, &query),
                );
                let query = ResultQuery {
                    sort,
                    since: Some(item.received),
                    ..ResultQuery::all(50)
                };
                prop_assert_eq!(book.results(&query), plain.results(&query));
                let query = ResultQuery {
                    sort,
                    after: Some(Anchor { value, id: item.position }),
                    ..ResultQuery::all(50)
                };
                prop_assert_eq!(book.results(&query), plain.results(&query));
            }
            let average = plain.student(&item.student).unwrap().average.to_bits();
            let sort = Sort { key: ListKey::AverageScore, descending };
            let after = Some(Anchor { value: average, id: item.student.clone() });
            let query = ListQuery { sort, after, ..ListQuery::all(20) };
            prop_assert_eq!(book.students(&query), plain.students(&query));
            prop_assert_eq!(
                book.changed_since(item.position, 500).map(Iterator::collect),
                plain.changed_since(item.position, 500)
            );
        }
    }
}
