//! Posts journal entries to the book, and tells the hub.

use std::sync::Arc;

use gradebook_core::gradebook::{Erasure, FORESEEN_ENTRIES, Posted};
use gradebook_core::{Entry, Gradebook, Position, StudentId};

use crate::book::SharedBook;
use crate::hub::{Erased, Hub, Notice};
use crate::rejections::Rejections;

/// The last step of an entry's way: whatever the journal has, and only that, is posted here.
#[derive(Clone, Debug)]
pub struct Poster {
    book: Arc<SharedBook>,
    hub: Arc<Hub>,
    rejections: Arc<Rejections>,
}

impl Poster {
    /// Posts to `book` and tells `hub`; an erased student is forgotten in `rejections` too.
    #[must_use]
    pub fn new(book: Arc<SharedBook>, hub: Arc<Hub>, rejections: Arc<Rejections>) -> Self {
        Self { book, hub, rejections }
    }

    /// Where what is held of `student` changed last; `None` when nothing is held.
    #[must_use]
    pub fn revision(&self, student: &StudentId) -> Option<Position> {
        self.book.read().student(student).map(|aggregate| aggregate.revision)
    }

    /// Posts a batch that the journal has. When this returns, readers see it and subscribers have
    /// been told.
    pub fn post(&self, entries: &[(Position, Entry)]) {
        let Some(&(last, _)) = entries.last() else { return };
        let (mut notices, mut forgotten) = (Vec::new(), Vec::new());
        let mut foreseen = Vec::with_capacity(FORESEEN_ENTRIES);
        self.book.post_each(entries.iter().enumerate(), |book, (index, (position, entry))| {
            if index % FORESEEN_ENTRIES == 0 {
                let ahead = entries[index..].iter().take(FORESEEN_ENTRIES);
                book.foresee(ahead.map(|(_, entry)| entry), &mut foreseen);
            }
            let foreseen = foreseen[index % FORESEEN_ENTRIES];
            match (book.post_foreseen(*position, entry, foreseen), entry) {
                (Posted::Changed, Entry::Scored { student, exam, .. }) => {
                    if self.hub.watches(student, *exam) {
                        notices.extend(book.change(student, *exam).map(Notice::Changed));
                    }
                }
                (Posted::Erased(Some(erasure)), _) => {
                    forgotten.push(erasure.student.clone());
                    if self.hub.subscribers() > 0 {
                        notices.push(Notice::Erased(erased(book, *position, erasure)));
                    }
                }
                (
                    Posted::Changed | Posted::Unchanged | Posted::Suppressed | Posted::Erased(_),
                    _,
                ) => {}
            }
        });
        forgotten.iter().for_each(|student| self.rejections.forget(student.as_str()));
        self.book.pulse().record(entries.iter().filter_map(|(_, entry)| match entry {
            Entry::Scored { received, .. } => Some(*received),
            Entry::Erased { .. } => None,
        }));
        self.hub.publish(notices, last);
    }
}

fn erased(book: &Gradebook, position: Position, erasure: Erasure) -> Erased {
    let Erasure { student, exams } = erasure;
    let exams = exams.into_iter().map(|exam| (exam, book.exam(exam))).collect();
    Erased { position, student, exams }
}
