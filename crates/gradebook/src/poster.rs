//! Posts journal entries to the book, and tells the hub.

use std::sync::Arc;

use gradebook_core::gradebook::Posted;
use gradebook_core::{Entry, Position};

use crate::book::SharedBook;
use crate::hub::{Hub, Notice};

/// The last step of an entry's way: whatever the journal has, and only that, is posted here.
#[derive(Clone, Debug)]
pub struct Poster {
    book: Arc<SharedBook>,
    hub: Arc<Hub>,
}

impl Poster {
    /// Posts to `book` and tells `hub`.
    #[must_use]
    pub fn new(book: Arc<SharedBook>, hub: Arc<Hub>) -> Self {
        Self { book, hub }
    }

    /// Posts a batch that the journal has. When this returns, readers see it and subscribers have
    /// been told.
    pub fn post(&self, entries: &[(Position, Entry)]) {
        let mut notices = Vec::new();
        self.book.post_each(entries, |book, (position, entry)| {
            match (book.post(*position, entry), entry) {
                (Posted::Changed, Entry::Scored { student, exam, .. }) => {
                    if self.hub.watches(student, *exam) {
                        notices.extend(book.change(student, *exam).map(Notice::Changed));
                    }
                }
                (Posted::Erased(Some(erasure)), _) => {
                    notices.push(Notice::Erased { position: *position, erasure });
                }
                (Posted::Changed | Posted::Unchanged | Posted::Suppressed, _)
                | (Posted::Erased(None), _) => {}
            }
        });
        if !notices.is_empty() {
            self.hub.publish(notices);
        }
    }
}
