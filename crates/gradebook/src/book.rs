//! The gradebook, shared between one poster and many readers.

use std::sync::atomic::{AtomicUsize, Ordering};

use gradebook_core::Gradebook;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::pulse::Pulse;

/// How often a reader looks whether the poster has let it in before it goes to sleep. Posting one
/// entry takes well under a microsecond, so a reader is usually in after a few looks; it sleeps
/// only when the poster has lost its processor.
const LOOKS_BEFORE_SLEEP: usize = 200;

/// A gradebook behind a lock with a polite writer.
///
/// The poster holds the lock for a whole batch, but looks between two entries whether a reader
/// waits, and then lets it in. So a reader waits for one entry, not for one batch, and a poster
/// without readers takes the lock once a batch.
#[derive(Debug)]
pub struct SharedBook {
    lock: RwLock<Gradebook>,
    waiting: AtomicUsize,
    pulse: Pulse,
}

impl SharedBook {
    /// Shares `book`.
    #[must_use]
    pub fn new(book: Gradebook) -> Self {
        Self { lock: RwLock::new(book), waiting: AtomicUsize::new(0), pulse: Pulse::default() }
    }

    /// How many scores have been posted lately.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// The book as it is now, and for as long as the guard is held. Hold it briefly, and never over
    /// an `.await`: nothing is posted meanwhile.
    pub fn read(&self) -> RwLockReadGuard<'_, Gradebook> {
        if let Some(book) = self.lock.try_read() {
            return book;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let looked = (0..LOOKS_BEFORE_SLEEP).find_map(|_| {
            std::hint::spin_loop();
            self.lock.try_read()
        });
        let book = looked.unwrap_or_else(|| self.lock.read());
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        book
    }

    /// Hands every item to `post` together with the book; lets waiting readers in between items.
    pub fn post_each<Item>(
        &self,
        items: impl IntoIterator<Item = Item>,
        mut post: impl FnMut(&mut Gradebook, Item),
    ) {
        let mut book = self.lock.write();
        for item in items {
            post(&mut book, item);
            if self.waiting.load(Ordering::Relaxed) > 0 {
                drop(book);
                book = self.lock_after_readers();
            }
        }
    }

    /// Puts another book in the place of this one.
    pub fn replace(&self, book: Gradebook) {
        let before = std::mem::replace(&mut *self.lock.write(), book);
        drop(before); // a large book takes a while to drop: outside the lock
    }

    fn lock_after_readers(&self) -> RwLockWriteGuard<'_, Gradebook> {
        for _ in 0..LOOKS_BEFORE_SLEEP {
            if self.waiting.load(Ordering::Relaxed) == 0 {
                break;
            }
            std::hint::spin_loop();
        }
        // A waiting writer goes before new readers, so a stream of readers cannot keep it out.
        self.lock.write()
    }
}
