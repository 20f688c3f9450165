use gradebook_core::{ExamNumber, Pseudonym, Score, Timestamp};
use proptest::prelude::*;

use super::*;

const SPAN: u64 = 50;

/// The third stretch.
fn stretch() -> Stretch {
    Stretch::of(Position::new(2 * SPAN + 1), SPAN)
}

fn scored(student: &str, exam: u64, score: f64, received_ms: u64) -> Entry {
    Entry::Scored {
        student: StudentId::parse(student).unwrap(),
        exam: ExamNumber::new(exam).unwrap(),
        score: Score::new(score).unwrap(),
        received: Timestamp::from_ms(received_ms),
    }
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let score = prop_oneof![(0..=1_000_u32).prop_map(|n| f64::from(n) / 1_000.0), 0.0..=1.0];
    let student = prop_oneof!["[ab]", "\\PC{1,40}"].prop_filter("an id", |id| !id.is_empty());
    let scores = (student, 0..1_u64 << 53, score, 0..1_u64 << 44)
        .prop_map(|(student, exam, score, ms)| scored(&student, exam, score, ms));
    let erasures = (any::<[u8; 16]>(), any::<bool>())
        .prop_map(|(student, suppress)| Entry::Erased { student: Pseudonym(student), suppress });
    prop_oneof![9 => scores, 1 => erasures]
}

/// Entries at some of the positions of the stretch.
fn any_entries() -> impl Strategy<Value = Vec<(Position, Entry)>> {
    let entries = proptest::collection::vec(proptest::option::of(any_entry()), SPAN as usize);
    entries.prop_map(|entries| {
        let at = |index: usize| stretch().before().plus(index as u64 + 1);
        let found = entries.into_iter().enumerate();
        found.filter_map(|(index, entry)| Some((at(index), entry?))).collect()
    })
}

proptest! {
    #[test]
    fn what_was_packed_is_unpacked(entries in any_entries()) {
        let bytes = encode(stretch(), &entries);
        prop_assert_eq!(decode(stretch(), &bytes), Ok(entries.clone()));
        let mut named: Vec<StudentId> = entries.iter().filter_map(|(_, entry)| match entry {
            Entry::Scored { student, .. } => Some(student.clone()),
            Entry::Erased { .. } => None,
        }).collect();
        let mut students = students(stretch(), &bytes).unwrap();
        named.sort();
        named.dedup();
        students.sort();
        prop_assert_eq!(students, named);
    }

    #[test]
    fn a_changed_byte_is_noticed(entries in any_entries(), at in any::<usize>(), by in 1_u8..) {
        let mut bytes = encode(stretch(), &entries);
        // The three bytes after the version are not looked at.
        let at = at % bytes.len();
        prop_assume!(!(5..8).contains(&at));
        bytes[at] ^= by;
        prop_assert!(decode(stretch(), &bytes).is_err());
    }

    #[test]
    fn a_cut_segment_is_noticed(entries in any_entries(), at in any::<usize>()) {
        let bytes = encode(stretch(), &entries);
        prop_assert!(decode(stretch(), &bytes[..at % bytes.len()]).is_err());
    }

    /// Whoever makes the checksum right can write what they like: it must still be an error, or
    /// entries that could have been packed.
    #[test]
    fn forged_columns_are_no_danger(
        entries in any_entries(),
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4),
    ) {
        let mut packed = columns::write(stretch(), &entries);
        for (at, byte) in changes {
            let length = packed.columns.len();
            packed.columns[at % length] = byte;
        }
        let students = columns::read_students(packed.names, &packed.students).unwrap();
        let counts = [packed.scores, packed.erasures];
        if let Ok(found) = columns::read(stretch(), counts, &students, &packed.columns) {
            prop_assert_eq!(found.len(), packed.scores + packed.erasures);
            prop_assert!(found.is_sorted_by(|(one, _), (other, _)| one < other));
            prop_assert!(found.iter().all(|(position, _)| stretch().has(*position)));
        }
    }
}

#[test]
fn a_stretch_has_its_positions_and_no_others() {
    let stretch = stretch();
    assert_eq!((stretch.number(), stretch.before().get(), stretch.last().get()), (2, 100, 150));
    let has = |position| stretch.has(Position::new(position));
    assert_eq!([100, 101, 150, 151].map(has), [false, true, true, false]);
    assert_eq!(stretch.next(), Stretch::of(Position::new(151), SPAN));
    assert_eq!(Stretch::of(Position::START, SPAN).number(), 0);
}

#[test]
fn few_distinct_scores_take_little_and_no_entries_almost_nothing() {
    let span = 10_000;
    let stretch = Stretch::of(Position::new(1), span);
    let entry = |n: u64, score| scored(&format!("student {}", n % 100), n / 100, score, 7);
    let grades = |n: u64| (Position::new(n + 1), entry(n, (n * 7 % 100) as f64 / 100.0));
    let noise = |n: u64| {
        let bits = n.wrapping_mul(6_364_136_223_846_793_005) >> 11;
        (Position::new(n + 1), entry(n, bits as f64 / (1_u64 << 53) as f64))
    };
    let length = |entries: Vec<_>| {
        let bytes = encode(stretch, &entries);
        assert_eq!(decode(stretch, &bytes).as_ref(), Ok(&entries));
        bytes.len() as u64
    };
    assert!(length((0..span).map(grades).collect()) < 2 * span);
    assert!(length((0..span).map(noise).collect()) < 9 * span);
    assert!(length(Vec::new()) < 2 * HEADER_BYTES as u64);
}

#[test]
fn each_fault_has_a_name() {
    let entries = [(Position::new(101), scored("foo", 3, 0.991, 1_795_342_530_123))];
    let sound = encode(stretch(), &entries);
    assert_eq!(decode(stretch(), b""), Err(SegmentError::Foreign));
    assert_eq!(decode(stretch(), &[b'x'; 100]), Err(SegmentError::Foreign));
    let mut newer = sound.clone();
    newer[4] = 2;
    assert_eq!(decode(stretch(), &newer), Err(SegmentError::Version(2)));
    assert_eq!(decode(stretch(), &sound[..sound.len() - 1]), Err(SegmentError::Damaged));
    assert_eq!(decode(stretch().next(), &sound), Err(SegmentError::OtherStretch));
}

/// A segment that says with a right checksum that it is huge is not believed.
#[test]
fn a_bomb_is_not_expanded() {
    let honest = encode(stretch(), &[(Position::new(101), scored("foo", 3, 0.991, 1))]);
    for (at, claimed) in [(36, 51), (40, 51), (44, 2), (52, u32::MAX), (60, 1 << 20), (48, 9_999)] {
        let mut forged = honest.clone();
        forged[at..at + 4].copy_from_slice(&u32::to_le_bytes(claimed));
        seal(&mut forged);
        let found = decode(stretch(), &forged);
        assert!(matches!(found, Err(SegmentError::Contradiction(_))), "{at}: {found:?}");
    }
    // What expands to more than it says is refused as well.
    let bomb = compress(&[0; 1 << 20]);
    assert_eq!(expand(&bomb, 1 << 10), None);
}

/// As the first version wrote it: whatever changes, this is read.
#[test]
fn the_first_version_is_read() {
    let entries = [
        (Position::new(101), scored("foo", 3, 0.991, 1_795_342_530_123)),
        (Position::new(103), Entry::Erased { student: Pseudonym([7; 16]), suppress: true }),
        (Position::new(150), scored("Zoë", 0, 0.0, 0)),
    ];
    let digits = FIRST.concat();
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    let packed: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
    assert_eq!(decode(stretch(), &packed).as_deref(), Ok(&entries[..]));
}

const FIRST: [&str; 4] = [
    "477242730100000032088c7df423b28e118607140d66632e65000000000000003200000002000000",
    "01000000020000001200000009000000390000003b00000028b52ffd200949000003666f6f045a6f",
    "c3ab28b52ffd203b85010074020131000100030096d987acc06895d987acc068008300c000ca00a1",
    "004500b600ef003f00030701020001fd5aa005",
];
