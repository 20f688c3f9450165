//! Whatever is posted and whatever is asked, the gradebook answers as the plain one does.
//!
//! `cargo +nightly fuzz run gradebook`, from this folder's parent.

#![no_main]

#[path = "../../crates/gradebook-core/tests/book/model.rs"]
#[expect(dead_code, reason = "the property tests use all of it")]
mod model;

use gradebook_core::gradebook::{Anchor, ListKey, ListQuery, ResultKey, ResultQuery, Sort};
use gradebook_core::{
    Entry, ExamNumber, Gradebook, Position, PseudonymKey, Score, ScoringPolicy, StudentId,
    Timestamp,
};
use libfuzzer_sys::fuzz_target;
use model::PlainBook;

const KEY: PseudonymKey = PseudonymKey([7; 16]);
const POLICIES: [ScoringPolicy; 3] =
    [ScoringPolicy::KeepLatest, ScoringPolicy::KeepHighest, ScoringPolicy::KeepFirst];

fn student(byte: u8) -> StudentId {
    StudentId::parse(&format!("{}{byte}", ["a", "B", "é"][usize::from(byte % 3)])).expect("valid")
}

fn exam(byte: u8) -> ExamNumber {
    ExamNumber::new(u64::from(byte) * u64::from(byte % 7)).expect("in range")
}

fn score(byte: u8) -> Score {
    Score::new(f64::from(byte) / 255.0).expect("in range")
}

/// Posts an entry that eight bytes stand for.
fn post(books: &mut (Gradebook, PlainBook), [what, who, which, value, later, ..]: [u8; 8]) {
    let position = books.1.position().plus(1 + u64::from(later % 3));
    let entry = if what == 0 {
        Entry::Erased { student: KEY.pseudonym(&student(who)), suppress: value > 250 }
    } else {
        let received = Timestamp::from_ms(position.get() / 4 + u64::from(later / 250));
        Entry::Scored { student: student(who), exam: exam(which), score: score(value), received }
    };
    assert_eq!(books.0.post(position, &entry), books.1.post(position, &entry));
}

/// Asks every question that eight bytes stand for.
fn ask((book, plain): &(Gradebook, PlainBook), bytes: [u8; 8]) {
    let [sort, who, which, value, filters, limit, high, low] = bytes;
    let (descending, limit) = (sort & 1 == 1, 1 + usize::from(limit % 16));
    let key = [ResultKey::Id, ResultKey::Score, ResultKey::ReceivedAt][usize::from(sort / 2 % 3)];
    let anchor_value = match key {
        ResultKey::Id => 0,
        ResultKey::Score => score(value).to_bits(),
        ResultKey::ReceivedAt => u64::from(value),
    };
    fn query<Id>(
        bytes: [u8; 8],
        sort: Sort<ResultKey>,
        after: Option<Anchor<Id>>,
        limit: usize,
    ) -> ResultQuery<Id> {
        let [_, who, which, _, filters, _, high, low] = bytes;
        let is_set = |bit: u8| filters >> bit & 1 == 1;
        ResultQuery {
            exams: if is_set(0) { vec![exam(which), exam(high)] } else { vec![] },
            students: if is_set(1) { vec![student(who), student(low)] } else { vec![] },
            min_score: is_set(2).then(|| score(low)),
            max_score: is_set(3).then(|| score(high)),
            since: is_set(4).then(|| Timestamp::from_ms(u64::from(low))),
            sort,
            after: after.filter(|_| is_set(5)),
            limit,
        }
    }
    let order = Sort { key, descending };
    let after = Some(Anchor { value: anchor_value, id: exam(high) });
    let asked = query(bytes, order, after, limit);
    assert_eq!(
        book.student_results(&student(who), &asked),
        plain.student_results(&student(who), &asked)
    );
    let after = Some(Anchor { value: anchor_value, id: student(high) });
    let asked = query(bytes, order, after, limit);
    assert_eq!(book.exam_results(exam(which), &asked), plain.exam_results(exam(which), &asked));
    let since = Position::new(u64::from(high));
    let asked = query(bytes, order, Some(Anchor { value: anchor_value, id: since }), limit);
    assert_eq!(book.results(&asked), plain.results(&asked));
    let changed = book.changed_since(since, limit).map(Iterator::collect);
    assert_eq!(changed, plain.changed_since(since, limit));

    let keys = [ListKey::Id, ListKey::AverageScore, ListKey::ResultCount, ListKey::LastResultAt];
    let key = keys[usize::from(sort / 2 % 4)];
    let value = match key {
        ListKey::Id => 0,
        ListKey::AverageScore => score(value).to_bits(),
        ListKey::ResultCount | ListKey::LastResultAt => u64::from(value),
    };
    let is_set = |bit: u8| filters >> bit & 1 == 1;
    let exams = if is_set(0) { vec![exam(which), exam(high)] } else { vec![] };
    let students = if is_set(1) { vec![student(who), student(low)] } else { vec![] };
    let order = Sort { key, descending };
    let contains = is_set(6).then(|| "É1".to_owned());
    let after = is_set(5).then(|| Anchor { value, id: student(low) });
    let asked = ListQuery {
        exams: exams.clone(),
        students: students.clone(),
        contains,
        sort: order,
        after,
        limit,
    };
    assert_eq!(book.students(&asked), plain.students(&asked));
    let after = is_set(5).then(|| Anchor { value, id: exam(low) });
    let asked = ListQuery { exams, students, contains: None, sort: order, after, limit };
    assert_eq!(book.exams(&asked), plain.exams(&asked));
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, rest)) = bytes.split_first() else { return };
    let policy = POLICIES[usize::from(first % 3)];
    let mut books = (Gradebook::new(policy, KEY), PlainBook::new(policy, KEY));
    // One step in eight is a question.
    for &step in rest.as_chunks::<8>().0 {
        if step[7] % 8 == 7 { ask(&books, step) } else { post(&mut books, step) }
    }
});
