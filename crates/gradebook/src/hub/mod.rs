//! Bounded fan-out of changes to whoever watches.
//!
//! The poster asks [`Hub::watches`] for each changed result, and publishes once a batch. It never
//! waits for a subscriber: each topic keeps what is published until all its subscribers have taken
//! it, within bounds, and a subscriber that has missed something reads it from the book, where
//! everything that has changed since any position can be found.

mod notice;
mod subscription;
mod topic;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use gradebook_core::{ExamNumber, Position, StudentId};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

pub use notice::{Erased, FeedNotice, Notice, Published, View};
pub use subscription::{News, Subscription};
use topic::Topic;
pub use topic::{HELD_NOTICES_MAX, QUEUED_NOTICES_MAX, TAKEN_NOTICES_MAX};

use crate::feed_state::FeedState;

/// What can be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// One student's results.
    Student(StudentId),
    /// One exam's results.
    Exam(ExamNumber),
    /// The list of students.
    Students,
    /// The list of exams.
    Exams,
    /// All results.
    Results,
}

/// All places for subscribers are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all {subscribers_max} places for subscribers are taken")]
pub struct HubFull {
    /// How many there are.
    pub subscribers_max: usize,
}

/// Takes changes from the poster and hands them to the subscribers of a student, an exam or a list.
#[derive(Debug)]
pub struct Hub {
    subscribers_max: usize,
    queued_max: usize,
    /// How many subscribers there are, and how many of them watch a list.
    subscribers: AtomicUsize,
    list_subscribers: AtomicUsize,
    students: Arc<Topic>,
    exams: Arc<Topic>,
    results: Arc<Topic>,
    entities: RwLock<Entities>,
    /// The notices that wait in all queues together.
    held: AtomicUsize,
    /// Everything up to here has been published.
    published: AtomicU64,
    /// Told whenever that moves.
    moved: Notify,
    feeds: Mutex<Vec<(u64, FeedNotice)>>,
    /// Counts the changes of feeds.
    feeds_version: AtomicU64,
    closed: AtomicBool,
    /// How often the book was built anew, and up to where the last time.
    rebuilds: AtomicU64,
    rebuilt_at: AtomicU64,
}

/// The students and exams that are watched now.
#[derive(Debug, Default)]
struct Entities {
    students: HashMap<StudentId, Arc<Topic>>,
    exams: HashMap<ExamNumber, Arc<Topic>>,
}

impl Hub {
    /// A hub with room for `subscribers_max` subscribers.
    #[must_use]
    pub fn new(subscribers_max: usize) -> Self {
        Self::queueing_at_most(subscribers_max, QUEUED_NOTICES_MAX)
    }

    /// A hub with a bound of its own in the place of [`QUEUED_NOTICES_MAX`].
    #[must_use]
    pub fn queueing_at_most(subscribers_max: usize, queued_max: usize) -> Self {
        Self {
            subscribers_max,
            queued_max,
            subscribers: AtomicUsize::new(0),
            list_subscribers: AtomicUsize::new(0),
            students: Arc::new(Topic::new()),
            exams: Arc::new(Topic::new()),
            results: Arc::new(Topic::new()),
            entities: RwLock::default(),
            held: AtomicUsize::new(0),
            published: AtomicU64::new(0),
            moved: Notify::new(),
            feeds: Mutex::default(),
            feeds_version: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            rebuilds: AtomicU64::new(0),
            rebuilt_at: AtomicU64::new(0),
        }
    }

    /// How many subscribers there are.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.subscribers.load(Ordering::Relaxed)
    }

    /// Whether anybody watches this student, this exam, or everything: only then is it worth
    /// building a [`Change`](gradebook_core::gradebook::Change).
    ///
    /// Asked under the book's lock right after the entry was posted: somebody who subscribes too
    /// late to be seen here reads the book after that, and finds the change there.
    #[must_use]
    pub fn watches(&self, student: &StudentId, exam: ExamNumber) -> bool {
        if self.subscribers.load(Ordering::Relaxed) == 0 {
            return false;
        }
        if self.list_subscribers.load(Ordering::Relaxed) > 0 {
            return true;
        }
        let entities = self.entities.read();
        entities.exams.contains_key(&exam) || entities.students.contains_key(student)
    }

    /// Tells the subscribers of a batch: `notices` in order, and nothing else worth telling up to
    /// `position`. Never waits for one.
    pub fn publish(&self, notices: Vec<Notice>, position: Position) {
        if !notices.is_empty() {
            metrics::counter!("gradebook_changes_published_total").increment(notices.len() as u64);
            let published: Vec<_> =
                notices.into_iter().map(|notice| Arc::new(Published::new(notice))).collect();
            // Everything is pushed before anybody is woken: one wake-up, one write for a batch.
            let touched = self.push(&published);
            self.published.store(position.get(), Ordering::Release);
            touched.iter().for_each(|topic| topic.wake());
        }
        self.moved_to(position);
    }

    fn moved_to(&self, position: Position) {
        self.published.store(position.get(), Ordering::Release);
        self.moved.notify_waiters();
    }

    /// Waits until everything up to `position` is posted and published.
    pub async fn published_up_to(&self, position: Position) {
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            // From here on nothing is missed, so what is there by now is looked at after it.
            moved.as_mut().enable();
            if self.published.load(Ordering::Acquire) >= position.get() {
                return;
            }
            moved.await;
        }
    }

    fn push(&self, published: &[Arc<Published>]) -> Vec<Arc<Topic>> {
        let mut touched = Vec::new();
        let mut push = |topic: &Arc<Topic>, published: &[Arc<Published>]| {
            if topic.push(published, self.queued_max, &self.held) {
                touched.push(Arc::clone(topic));
            }
        };
        for list in [&self.students, &self.exams, &self.results] {
            push(list, published);
        }
        let entities = self.entities.read();
        if entities.students.is_empty() && entities.exams.is_empty() {
            return touched;
        }
        for one in published {
            let (student, change, erased) = match one.notice() {
                Notice::Changed(change) => (&change.result.student, Some(change.result.exam), None),
                Notice::Erased(erased) => (&erased.student, None, Some(&erased.exams)),
            };
            let lost = erased.into_iter().flatten().map(|(exam, _)| *exam);
            for topic in change.into_iter().chain(lost).filter_map(|exam| entities.exams.get(&exam))
            {
                push(topic, std::slice::from_ref(one));
            }
            if let Some(topic) = entities.students.get(student) {
                push(topic, std::slice::from_ref(one));
            }
        }
        touched
    }

    /// Tells everybody what a feed is doing now.
    pub fn feed_changed(&self, feed: &Arc<str>, state: FeedState) {
        {
            let mut feeds = self.feeds.lock();
            let version = self.feeds_version.load(Ordering::Relaxed) + 1;
            match feeds.iter_mut().find(|(_, notice)| notice.feed == *feed) {
                Some((_, notice)) if notice.state == state => return,
                Some(known) => *known = (version, FeedNotice { feed: Arc::clone(feed), state }),
                None => feeds.push((version, FeedNotice { feed: Arc::clone(feed), state })),
            }
            self.feeds_version.store(version, Ordering::Release);
        }
        self.wake_everybody();
    }

    /// The book was built anew up to `position`, and what was published before may not stand any
    /// more: everybody has to read it anew.
    pub fn rebuilt(&self, position: Position) {
        self.rebuilt_at.store(position.get(), Ordering::Release);
        self.moved_to(position);
        self.rebuilds.fetch_add(1, Ordering::Release);
        self.wake_everybody();
    }

    /// Whether the book was built anew since somebody read it up to `position`, or at that very
    /// position: other entries may have stood there.
    #[must_use]
    pub fn has_replaced(&self, position: Position) -> bool {
        let rebuilt_at = self.rebuilt_at.load(Ordering::Acquire);
        rebuilt_at > 0 && position.get() <= rebuilt_at
    }

    /// Ends every subscription, and makes every later one end at once: the process is ending.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake_everybody();
    }

    fn wake_everybody(&self) {
        let entities: Vec<Arc<Topic>> = {
            let entities = self.entities.read();
            entities.students.values().chain(entities.exams.values()).cloned().collect()
        };
        for topic in [&self.students, &self.exams, &self.results].into_iter().chain(&entities) {
            topic.wake();
        }
    }
}

#[cfg(test)]
mod tests;
