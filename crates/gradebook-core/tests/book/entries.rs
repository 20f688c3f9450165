//! Arbitrary journals.

use std::ops::Range;

use gradebook_core::{
    Entry, ExamNumber, Position, PseudonymKey, Score, ScoringPolicy, StudentId, Timestamp,
};
use proptest::prelude::*;

/// The key of all journals here.
pub const KEY: PseudonymKey = PseudonymKey(*b"sixteen byte key");

/// A student out of a small number, with ids that share beginnings, differ in case, and have the
/// odd character; one in eight is from a larger number.
pub fn student() -> impl Strategy<Value = StudentId> {
    prop_oneof![7 => 0u32..12, 1 => 0u32..2000].prop_map(|number| {
        let text = match number % 6 {
            0 => format!("student-{number}"),
            1 => format!("Student {number:04}"),
            2 => format!("é{number}"),
            3 => format!("a-student-whose-id-takes-more-than-24-bytes-{number}"),
            4 => format!("{}", char::from_u32(0x20 + number).unwrap_or('x')),
            _ => format!("{number}"),
        };
        StudentId::parse(&text).unwrap()
    })
}

/// An exam out of a small number; one in eight is from all there can be.
pub fn exam() -> impl Strategy<Value = ExamNumber> {
    prop_oneof![7 => 0u64..8, 1 => 0u64..1 << 53]
        .prop_map(|number| ExamNumber::new(number).unwrap())
}

/// A score, often one that others have too.
pub fn score() -> impl Strategy<Value = Score> {
    let value = prop_oneof![
        3 => (0u8..=10).prop_map(|tenths| f64::from(tenths) / 10.0),
        3 => 0.0..=1.0f64,
        1 => Just(f64::MIN_POSITIVE / 3.0),
    ];
    value.prop_map(|value| Score::new(value).unwrap())
}

/// What goes into a journal: how many positions are passed over, and an entry.
fn step() -> impl Strategy<Value = (u64, Step)> {
    let scored = (student(), exam(), score(), -2i64..20)
        .prop_map(|(student, exam, score, later_ms)| Step::Scored(student, exam, score, later_ms));
    let erased = (student(), prop::bool::weighted(0.3))
        .prop_map(|(student, suppress)| Step::Erased(student, suppress));
    (0u64..3, prop_oneof![40 => scored, 1 => erased])
}

#[derive(Clone, Debug)]
enum Step {
    Scored(StudentId, ExamNumber, Score, i64),
    Erased(StudentId, bool),
}

/// Entries with their positions. Times rise as they should, or now and then fall.
pub fn journal(length: Range<usize>) -> impl Strategy<Value = Vec<(Position, Entry)>> {
    let steps = prop::collection::vec(step(), length);
    (steps, any::<bool>()).prop_map(|(steps, rising)| {
        let (mut position, mut ms) = (Position::START, 1_000i64);
        let entries = steps.into_iter().map(|(passed_over, step)| {
            position = position.plus(1 + passed_over);
            let entry = match step {
                Step::Scored(student, exam, score, later_ms) => {
                    ms += if rising { later_ms.max(0) } else { later_ms };
                    let received = Timestamp::from_ms(ms.unsigned_abs());
                    Entry::Scored { student, exam, score, received }
                }
                Step::Erased(student, suppress) => {
                    Entry::Erased { student: KEY.pseudonym(&student), suppress }
                }
            };
            (position, entry)
        });
        entries.collect()
    })
}

/// Any of the policies.
pub fn policy() -> impl Strategy<Value = ScoringPolicy> {
    prop_oneof![
        Just(ScoringPolicy::KeepLatest),
        Just(ScoringPolicy::KeepHighest),
        Just(ScoringPolicy::KeepFirst)
    ]
}
