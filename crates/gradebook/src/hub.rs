//! Bounded fan-out of changes to whoever watches.

use gradebook_core::gradebook::{Change, Erasure};
use gradebook_core::{ExamNumber, Position, StudentId};

/// Takes changes from the poster and hands them to the subscribers of a student, an exam or a list.
#[derive(Debug, Default)]
pub struct Hub {}

/// Something that subscribers are told of.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A result changed.
    Changed(Change),
    /// A student was erased.
    Erased {
        /// The position of the erasure.
        position: Position,
        /// Who, and which exams lost a result.
        erasure: Erasure,
    },
}

impl Hub {
    /// Whether anybody watches this student, this exam, or everything: only then is it worth
    /// building a [`Change`].
    #[must_use]
    pub fn watches(&self, _student: &StudentId, _exam: ExamNumber) -> bool {
        false
    }

    /// Tells the subscribers. Never waits for one.
    pub fn publish(&self, _notices: Vec<Notice>) {}
}
