//! Averages and statistics: exact, and the same whatever order the scores came in.

use gradebook_core::gradebook::{ListQuery, ResultKey, ResultQuery, Sort};
use gradebook_core::statistics::Statistics;
use gradebook_core::{
    Entry, ExamNumber, Gradebook, Position, Score, ScoringPolicy, StudentId, Sum, Timestamp,
    average,
};
use num_bigint::BigUint;
use proptest::prelude::*;

use crate::entries::{KEY, exam, journal, policy, score, student};
use crate::model::PlainBook;

/// Scores that a sum holds exactly.
fn exact_score() -> impl Strategy<Value = Score> {
    score()
        .prop_filter("at least 2^-43, or zero", |score| score.get() == 0.0 || score.get() > 1.2e-13)
}

/// `value` in units of 2^-1074, of which every double is a whole number.
fn units(value: f64) -> BigUint {
    let (exponent, fraction) = (value.to_bits() >> 52, value.to_bits() & ((1 << 52) - 1));
    if exponent == 0 {
        BigUint::from(fraction)
    } else {
        BigUint::from(fraction | 1 << 52) << (exponent - 1)
    }
}

fn distance(one: &BigUint, other: &BigUint) -> BigUint {
    if one > other { one - other } else { other - one }
}

proptest! {
    /// No other double is nearer to the quotient, and of two equally near the even one is taken.
    #[test]
    fn an_average_is_the_double_nearest_to_the_quotient(
        scores in prop::collection::vec(exact_score(), 1..40)
    ) {
        let (mut sum, mut exact) = (Sum::default(), BigUint::ZERO);
        for score in &scores {
            sum.add(*score);
            exact += units(score.get());
        }
        let found = average(sum, scores.len().try_into().unwrap());
        let off_by = |value: f64| distance(&(units(value) * scores.len()), &exact);
        for neighbour in [found.next_up(), found.next_down().max(0.0)] {
            let even = found.to_bits().is_multiple_of(2);
            let nearer = off_by(found) < off_by(neighbour);
            prop_assert!(
                nearer || found == neighbour || even && off_by(found) == off_by(neighbour)
            );
        }
    }

    #[test]
    fn statistics_and_standings(policy in policy(), journal in journal(1..300)) {
        let (mut book, mut plain) = (Gradebook::new(policy, KEY), PlainBook::new(policy, KEY));
        for (position, entry) in &journal {
            book.post(*position, entry);
            plain.post(*position, entry);
        }
        for item in plain.students(&ListQuery::all(1000)).items {
            let all = ResultQuery::all(1000);
            let results = plain.student_results(&item.student, &all).unwrap().items;
            let scores: Vec<_> = results.iter().map(|result| result.score).collect();
            let expected = Statistics::of(&scores, scores.iter().copied().sum());
            prop_assert_eq!(book.student_statistics(&item.student), Some(expected));
        }
        for item in plain.exams(&ListQuery::all(1000)).items {
            let results = plain.exam_results(item.exam, &ResultQuery::all(1000)).unwrap().items;
            let scores: Vec<_> = results.iter().map(|result| result.score).collect();
            let expected = Statistics::of(&scores, scores.iter().copied().sum());
            prop_assert_eq!(book.exam_statistics(item.exam), Some(expected));
        }
        let all = plain.results(&ResultQuery::all(1000)).items;
        for (result, standing) in all.iter().zip(book.standings(&all)) {
            let peers = all.iter().filter(|other| other.exam == result.exam);
            let above = peers.filter(|other| other.score > result.score).count();
            prop_assert_eq!(standing.unwrap().rank as usize, above + 1);
        }
    }

    /// Each student-exam pair once, in two orders.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        (scores, shuffled) in prop::collection::hash_map((student_text(), exam()), score(), 0..200)
            .prop_map(Vec::from_iter)
            .prop_flat_map(|scores| (Just(scores.clone()), Just(scores).prop_shuffle())),
    ) {
        let (one, other) = (posted(&scores), posted(&shuffled));
        let bits = |book: &Gradebook| -> Vec<_> {
            let students = book.students(&ListQuery::all(1000)).items.into_iter().map(|item| {
                let statistics = book.student_statistics(&item.student);
                (
                    item.student.to_string(),
                    item.aggregate.average.to_bits(),
                    item.aggregate.count,
                    statistics,
                )
            });
            let exams = book.exams(&ListQuery::all(1000)).items.into_iter().map(|item| {
                let statistics = book.exam_statistics(item.exam);
                (
                    item.exam.to_string(),
                    item.aggregate.average.to_bits(),
                    item.aggregate.count,
                    statistics,
                )
            });
            students.chain(exams).collect()
        };
        // Statistics are compared as text too, in which two doubles are the same only bit by bit.
        prop_assert_eq!(format!("{:?}", bits(&one)), format!("{:?}", bits(&other)));
    }
}

/// Ids as text, because a map needs them to be hashed as the test goes on.
fn student_text() -> impl Strategy<Value = String> {
    student().prop_map(|student| student.to_string())
}

fn posted(scores: &[((String, ExamNumber), Score)]) -> Gradebook {
    let mut book = Gradebook::new(ScoringPolicy::KeepLatest, KEY);
    for (number, ((student, exam), score)) in scores.iter().enumerate() {
        let student = StudentId::parse(student).unwrap();
        let received = Timestamp::from_ms(1000);
        let entry = Entry::Scored { student, exam: *exam, score: *score, received };
        book.post(Position::new(number as u64 + 1), &entry);
    }
    book
}

/// Their slots are still there, in the midst of the others.
#[test]
fn the_erased_are_in_no_distribution() {
    let value = |number: u32| Score::new(f64::from(number) / 10.0).unwrap();
    let exam = ExamNumber::new(3).unwrap();
    let scores: Vec<_> =
        (0..10).map(|number| ((format!("student {number}"), exam), value(number))).collect();
    let mut book = posted(&scores);
    for number in [4, 5, 9] {
        let student = KEY.pseudonym(&StudentId::parse(&scores[number].0.0).unwrap());
        let entry = Entry::Erased { student, suppress: false };
        book.post(book.position().plus(1), &entry);
    }
    let left = [0, 1, 2, 3, 6, 7, 8].map(value);
    let expected = Statistics::of(&left, left.into_iter().sum());
    assert_eq!(book.exam_statistics(exam), Some(expected));
    let by_score = ResultQuery {
        sort: Sort { key: ResultKey::Score, descending: false },
        ..ResultQuery::all(10)
    };
    let page = book.exam_results(exam, &by_score).unwrap();
    assert!(page.items.iter().map(|item| item.score).eq(left));
    assert!(book.standings(&page.items).iter().all(|standing| standing.unwrap().of == 7));
}
