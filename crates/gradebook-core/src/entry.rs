//! What a journal holds.

use crate::{ExamNumber, Pseudonym, Score, StudentId, Timestamp};

/// One entry of the journal, without its position.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A score was received.
    Scored {
        /// Whose score it is.
        student: StudentId,
        /// For which exam.
        exam: ExamNumber,
        /// How well.
        score: Score,
        /// When it was received. Never decreases along a journal: the writer sees to it.
        received: Timestamp,
    },
    /// Everything about one student was erased. The entries before it that name the student are
    /// physically gone from the journal, or soon will be; their positions stay unused.
    Erased {
        /// Who, without saying who.
        student: Pseudonym,
        /// Whether later scores of the same student are to be dropped.
        suppress: bool,
    },
}
