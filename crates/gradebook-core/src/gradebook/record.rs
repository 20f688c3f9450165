//! A result as the gradebook keeps it: 28 bytes.

use crate::{Position, Score, Timestamp};

/// Which student, among those that are held: an index into [`Students`](super::students::Students).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StudentIndex(pub(super) u32);

/// Which exam, among those that are held: an index into [`Exams`](super::exams::Exams). Below
/// [`EXAMS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ExamIndex(pub(super) u32);

/// Where a record is kept: an index into the [`Chronicle`](super::chronicle::Chronicle).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(pub(super) u32);

/// When something changed: position (44 bits), time received (44 bits in milliseconds), and how
/// many scores have counted (8 bits, 255 and more alike).
///
/// Packed into three words, because there is one in every result.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stamp([u32; 3]);

/// One student's counted score in one exam.
///
/// Aligned to four bytes, as an aligned double would cost another four.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(4))]
pub(super) struct Record {
    score: Score,
    pub(super) student: StudentIndex,
    exam_and_flag: u32,
    pub(super) stamp: Stamp,
}

const DISPLACED: u32 = 1 << 31;

/// In the place of exam and flag, where a record was removed: the exam that no gradebook has.
const REMOVED: u32 = DISPLACED | EXAMS_MAX;

/// The most exams of a gradebook.
pub(super) const EXAMS_MAX: u32 = (1 << 31) - 1;

impl Stamp {
    pub(super) fn new(position: Position, received: Timestamp, attempts: u8) -> Self {
        assert!(position <= Position::MAX, "invariant: a journal has at most 2^44 - 1 entries");
        let (position, received) = (position.get(), received.as_ms());
        let high = (position >> 32) << 20 | (received >> 32) << 8 | u64::from(attempts);
        Self([position as u32, received as u32, high as u32])
    }

    pub(super) fn position(self) -> Position {
        Position::new(u64::from(self.0[2] >> 20) << 32 | u64::from(self.0[0]))
    }

    pub(super) fn received(self) -> Timestamp {
        Timestamp::from_ms(u64::from(self.0[2] >> 8 & 0xfff) << 32 | u64::from(self.0[1]))
    }

    pub(super) fn attempts(self) -> u8 {
        self.0[2] as u8
    }
}

impl Record {
    pub(super) fn new(score: Score, student: StudentIndex, exam: ExamIndex, stamp: Stamp) -> Self {
        Self { score, student, exam_and_flag: exam.0, stamp }
    }

    /// The same student and exam with another score.
    pub(super) fn with(&self, score: Score, stamp: Stamp) -> Self {
        Self { score, stamp, ..*self }
    }

    pub(super) fn score(&self) -> Score {
        self.score
    }

    pub(super) fn exam(&self) -> ExamIndex {
        ExamIndex(self.exam_and_flag & !DISPLACED)
    }

    /// Whether the record no longer stands where its position would put it.
    pub(super) fn is_displaced(&self) -> bool {
        self.exam_and_flag & DISPLACED != 0
    }

    pub(super) fn displaced(&self) -> Self {
        Self { exam_and_flag: self.exam_and_flag | DISPLACED, ..*self }
    }

    /// What is left in the slot when the record is taken out: displaced, and of no exam.
    pub(super) fn removed(&self) -> Self {
        Self { exam_and_flag: REMOVED, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_record_takes_28_bytes() {
        assert_eq!(size_of::<Record>(), 28);
    }

    proptest! {
        #[test]
        fn a_stamp_keeps_every_bit(
            position in 0..=Position::MAX.get(),
            ms in 0u64..1 << 44,
            attempts: u8,
        ) {
            let (position, received) = (Position::new(position), Timestamp::from_ms(ms));
            let stamp = Stamp::new(position, received, attempts);
            prop_assert_eq!(
                (stamp.position(), stamp.received(), stamp.attempts()),
                (position, received, attempts),
            );
        }
    }
}
