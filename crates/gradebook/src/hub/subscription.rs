//! One subscriber's side of the hub.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use gradebook_core::Position;

use super::topic::{Seat, Taken, Topic};
use super::{FeedNotice, Hub, HubFull, Published, View, Watched};

/// A place at the hub: hears of everything that is published on what it watches after it was made.
/// Whoever subscribes first and reads the book then misses nothing.
#[derive(Debug)]
pub struct Subscription {
    hub: Arc<Hub>,
    watched: Watched,
    topic: Arc<Topic>,
    seat: Seat,
    feeds_seen: u64,
    rebuilds_seen: u64,
}

/// What a subscriber is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Some notices, in order.
    Notices,
    /// The subscriber was too slow, and some notices are gone. What they told is in the book.
    Missed,
    /// A feed changed: ask [`Subscription::feeds_changed`].
    Feeds,
    /// The book was built anew, and what was told before may not stand: read it from there.
    Rebuilt,
    /// Nothing will come any more: the process is ending.
    End,
}

impl Watched {
    /// The way of watching.
    #[must_use]
    pub fn view(&self) -> View {
        match self {
            Self::Student(_) => View::Student,
            Self::Exam(_) => View::Exam,
            Self::Students => View::Students,
            Self::Exams => View::Exams,
            Self::Results => View::Results,
        }
    }

    fn is_list(&self) -> bool {
        matches!(self, Self::Students | Self::Exams | Self::Results)
    }
}

impl Hub {
    /// A new subscriber.
    ///
    /// # Errors
    /// [`HubFull`] when there are as many as there may be.
    pub fn subscribe(self: &Arc<Self>, watched: Watched) -> Result<Subscription, HubFull> {
        let full = HubFull { subscribers_max: self.subscribers_max };
        let more = |count: usize| (count < self.subscribers_max).then_some(count + 1);
        if self.subscribers.try_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            metrics::counter!("gradebook_subscribers_refused_total").increment(1);
            return Err(full);
        }
        metrics::gauge!("gradebook_subscribers").increment(1);
        if watched.is_list() {
            self.list_subscribers.fetch_add(1, Ordering::Relaxed);
        }
        let new = || Arc::new(Topic::new());
        let (topic, seat) = {
            // Joined under the lock, so that nobody who leaves takes the topic away meanwhile.
            let mut entities = self.entities.write();
            let topic = match &watched {
                Watched::Student(id) => entities.students.entry(id.clone()).or_insert_with(new),
                Watched::Exam(exam) => entities.exams.entry(*exam).or_insert_with(new),
                Watched::Students => &mut self.students.clone(),
                Watched::Exams => &mut self.exams.clone(),
                Watched::Results => &mut self.results.clone(),
            };
            (Arc::clone(topic), topic.join())
        };
        let rebuilds_seen = self.rebuilds.load(Ordering::Acquire);
        let hub = Arc::clone(self);
        Ok(Subscription { hub, watched, topic, seat, feeds_seen: 0, rebuilds_seen })
    }
}

impl Subscription {
    /// What is watched.
    #[must_use]
    pub fn watched(&self) -> &Watched {
        &self.watched
    }

    /// Everything up to here has been published.
    #[must_use]
    pub fn published(&self) -> Position {
        Position::new(self.hub.published.load(Ordering::Acquire))
    }

    /// Takes what is there: notices go to `taken`, at most
    /// [`TAKEN_NOTICES_MAX`](super::TAKEN_NOTICES_MAX) of them.
    pub fn poll_news(
        &mut self,
        context: &Context<'_>,
        taken: &mut Vec<Arc<Published>>,
    ) -> Poll<News> {
        let found = self.topic.take(&mut self.seat, taken, context, &self.hub.held);
        // Looked at after the waker was left, and changed before it is woken: nothing is missed.
        if self.hub.closed.load(Ordering::Acquire) {
            return Poll::Ready(News::End);
        }
        let rebuilds = self.hub.rebuilds.load(Ordering::Acquire);
        if rebuilds > self.rebuilds_seen {
            self.rebuilds_seen = rebuilds;
            taken.clear();
            return Poll::Ready(News::Rebuilt);
        }
        match found {
            Taken::Some => Poll::Ready(News::Notices),
            Taken::Missed => {
                metrics::counter!("gradebook_subscribers_lagged_total").increment(1);
                Poll::Ready(News::Missed)
            }
            Taken::Nothing if self.hub.feeds_version.load(Ordering::Acquire) > self.feeds_seen => {
                Poll::Ready(News::Feeds)
            }
            Taken::Nothing => Poll::Pending,
        }
    }

    /// The feeds that have changed since this was last asked; at first, all that have ever changed.
    pub fn feeds_changed(&mut self) -> Vec<FeedNotice> {
        let feeds = self.hub.feeds.lock();
        let seen = self.feeds_seen;
        self.feeds_seen = self.hub.feeds_version.load(Ordering::Acquire);
        let news = feeds.iter().filter(|(version, _)| *version > seen);
        news.map(|(_, notice)| notice.clone()).collect()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let hub = &self.hub;
        let mut entities = hub.entities.write();
        if self.topic.leave(&self.seat, &hub.held) {
            match &self.watched {
                Watched::Student(student) => drop(entities.students.remove(student)),
                Watched::Exam(exam) => drop(entities.exams.remove(exam)),
                Watched::Students | Watched::Exams | Watched::Results => {}
            }
        }
        drop(entities);
        if self.watched.is_list() {
            hub.list_subscribers.fetch_sub(1, Ordering::Relaxed);
        }
        hub.subscribers.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("gradebook_subscribers").decrement(1);
    }
}
