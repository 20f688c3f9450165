//! The gradebook, shared between one poster and many readers.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use gradebook_core::Gradebook;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::pulse::Pulse;

/// How often a reader looks whether the poster has let it in before it rings again, and how often
/// the poster looks whether all who rang are in before it goes on: some microseconds. Posting one
/// entry takes well under one, so a reader is usually in after a few looks.
const LOOKS: usize = 200;

/// How often a reader rings before it goes to sleep. It gets there only when the poster has lost
/// its processor, or shares one with it.
const RINGS_BEFORE_SLEEP: usize = 4;

/// Entries that the poster posts before it lets readers in again, so that it gets on however many
/// readers there are. Some two microseconds.
const ENTRIES_BETWEEN_READERS: usize = 4;

/// Entries after which the poster hands the lock over to a reader that sleeps, and waits for it to
/// wake up: some hundred microseconds, so that these waits stay few.
const ENTRIES_BETWEEN_SLEEPERS: usize = 1_024;

/// A gradebook behind a lock with a polite writer.
///
/// The poster holds the lock for a whole batch, but listens between two entries whether a reader
/// has rung, and then lets it in. So a reader waits for a few entries, not for a batch; and a
/// poster without readers takes the lock once a batch.
///
/// Each ring is answered once: a reader that has rung and then lost its processor is not waited
/// for again and again. It rings anew when it is back, and when that has not helped, it sleeps
/// until the lock is handed to it.
#[derive(Debug)]
pub struct SharedBook {
    lock: RwLock<Gradebook>,
    /// How often readers have rung, and how many are outside.
    rings: AtomicU64,
    outside: AtomicUsize,
    pulse: Pulse,
}

impl SharedBook {
    /// Shares `book`.
    #[must_use]
    pub fn new(book: Gradebook) -> Self {
        Self {
            lock: RwLock::new(book),
            rings: AtomicU64::new(0),
            outside: AtomicUsize::new(0),
            pulse: Pulse::default(),
        }
    }

    /// How many scores have been posted lately.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// The book as it is now, and for as long as the guard is held. Hold it briefly, and never over
    /// an `.await`: nothing is posted meanwhile.
    pub fn read(&self) -> RwLockReadGuard<'_, Gradebook> {
        self.lock.try_read().unwrap_or_else(|| self.ring())
    }

    fn ring(&self) -> RwLockReadGuard<'_, Gradebook> {
        self.outside.fetch_add(1, Ordering::Relaxed);
        let mut looks = (0..RINGS_BEFORE_SLEEP).flat_map(|_| {
            self.rings.fetch_add(1, Ordering::Relaxed);
            0..LOOKS
        });
        let found = looks.find_map(|_| {
            std::hint::spin_loop();
            self.lock.try_read()
        });
        let book = found.unwrap_or_else(|| {
            self.rings.fetch_add(1, Ordering::Relaxed);
            self.lock.read()
        });
        self.outside.fetch_sub(1, Ordering::Relaxed);
        book
    }

    /// Hands every item to `post` together with the book; lets readers in between items.
    pub fn post_each<Item>(
        &self,
        items: impl IntoIterator<Item = Item>,
        mut post: impl FnMut(&mut Gradebook, Item),
    ) {
        let mut book = self.lock.write();
        let mut answered = self.rings.load(Ordering::Relaxed);
        let (mut since_reader, mut since_sleeper) = (0, 0);
        for item in items {
            post(&mut book, item);
            since_reader += 1;
            since_sleeper += 1;
            let rings = self.rings.load(Ordering::Relaxed);
            if since_reader >= ENTRIES_BETWEEN_READERS && rings != answered {
                (answered, since_reader) = (rings, 0);
                drop(book);
                book = self.lock_after_readers();
            }
            if since_sleeper >= ENTRIES_BETWEEN_SLEEPERS {
                since_sleeper = 0;
                if self.outside.load(Ordering::Relaxed) > 0 {
                    RwLockWriteGuard::unlock_fair(book);
                    book = self.lock.write();
                }
            }
        }
    }

    /// Puts another book in the place of this one.
    pub fn replace(&self, book: Gradebook) {
        let before = std::mem::replace(&mut *self.lock.write(), book);
        drop(before); // a large book takes a while to drop: outside the lock
    }

    fn lock_after_readers(&self) -> RwLockWriteGuard<'_, Gradebook> {
        for _ in 0..LOOKS {
            if self.outside.load(Ordering::Relaxed) == 0 {
                break;
            }
            std::hint::spin_loop();
        }
        // A waiting writer goes before new readers, so a stream of readers cannot keep it out.
        self.lock.write()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use gradebook_core::{
        Entry, ExamNumber, Position, PseudonymKey, Score, ScoringPolicy, StudentId, Timestamp,
    };

    use super::*;

    fn shared() -> SharedBook {
        SharedBook::new(Gradebook::new(ScoringPolicy::KeepLatest, PseudonymKey([7; 16])))
    }

    fn post(book: &mut Gradebook, number: u64) {
        let entry = Entry::Scored {
            student: StudentId::parse("foo").unwrap(),
            exam: ExamNumber::new(3).unwrap(),
            score: Score::new(1.0 / number as f64).unwrap(),
            received: Timestamp::default(),
        };
        book.post(Position::new(number), &entry);
    }

    #[test]
    fn a_reader_gets_in_while_a_batch_is_posted() {
        let (book, seen, started) = (shared(), AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !started.load(Ordering::Acquire) {
                    std::hint::spin_loop();
                }
                seen.store(book.read().position().get(), Ordering::Release);
            });
            let unread = (1..=20_000_000).take_while(|_| seen.load(Ordering::Acquire) == 0);
            book.post_each(unread, |book, number| {
                post(book, number);
                started.store(true, Ordering::Release);
            });
        });
        assert_ne!(book.read().position(), Position::new(20_000_000), "it came after the batch");
    }

    #[test]
    fn readers_without_a_pause_do_not_keep_the_writer_out() {
        let (book, done) = (shared(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut before = Position::START;
                    while !done.load(Ordering::Acquire) {
                        let now = book.read().position();
                        assert!(before <= now);
                        before = now;
                    }
                });
            }
            book.post_each(1..=20_000, post);
            done.store(true, Ordering::Release);
        });
    }
}
