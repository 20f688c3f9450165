//! The pure part of gradebook: what a score is, what a journal holds, and the book it is posted to.
//!
//! No I/O, no clock, no randomness and no async: everything here is a deterministic function of its
//! arguments. The service around it is the package `gradebook`.

// A sum of doubles depends on their order. Scores are added up as integers, and each function that
// rounds says so.
#![cfg_attr(not(test), deny(clippy::float_arithmetic))]

pub mod average;
pub mod entry;
pub mod exam;
pub mod feed_format;
pub mod gradebook;
pub mod policy;
pub mod position;
pub mod pseudonym;
pub mod score;
pub mod statistics;
pub mod student;
pub mod timestamp;

pub use average::{Sum, average};
pub use entry::Entry;
pub use exam::{ExamNumber, ExamNumberError};
pub use gradebook::Gradebook;
pub use policy::ScoringPolicy;
pub use position::Position;
pub use pseudonym::{Pseudonym, PseudonymKey};
pub use score::{Score, ScoreError};
pub use student::{StudentId, StudentIdError};
pub use timestamp::{Timestamp, TimestampError};
