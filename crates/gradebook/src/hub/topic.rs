//! One thing that is watched: what has not reached every subscriber yet, and who waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use parking_lot::Mutex;

use super::Published;

/// What is published is kept until every subscriber of the topic has taken it, at most so many
/// notices. Room for the largest batch ([`BATCH_ENTRIES_MAX`](crate::journal::BATCH_ENTRIES_MAX))
/// and some of the next, so that no burst makes a subscriber fall behind that takes what there is
/// whenever it is woken.
pub const QUEUED_NOTICES_MAX: usize = 16_384;

/// Notices that all topics together keep, at most (some 0.5 KiB each, and shared between topics).
pub const HELD_NOTICES_MAX: usize = 131_072;

/// Notices that a subscriber takes at once, at most: what it writes in one go.
pub const TAKEN_NOTICES_MAX: usize = 256;

/// One thing that is watched. The queue is a convenience and may be cut short at any time: a
/// subscriber that has missed something reads it from the book.
#[derive(Debug)]
pub(super) struct Topic {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What has not reached every subscriber yet.
    queue: VecDeque<Arc<Published>>,
    /// How many notices were published before `queue[0]`.
    before: u64,
    /// How many subscribers there are, and how many of them have not taken everything.
    subscribers: usize,
    behind: usize,
    /// Who waits, by seat; `None` is a subscriber that does not wait, or a free seat.
    waiting: Vec<Option<Waker>>,
    free_seats: Vec<usize>,
    /// Pushed to, and not yet woken.
    touched: bool,
}

/// A subscriber's place in a topic.
#[derive(Debug)]
pub(super) struct Seat {
    number: usize,
    /// How many notices were published before the next to take.
    next: u64,
}

/// What a subscriber found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Some notices; there may be more.
    Some,
    /// Some notices are gone before they were taken. The next to come are whole again.
    Missed,
    /// Nothing; it will be woken.
    Nothing,
}

impl State {
    fn end(&self) -> u64 {
        self.before + self.queue.len() as u64
    }

    /// Lets go of the first `count` notices.
    fn drop_first(&mut self, count: usize, held: &AtomicUsize) {
        self.queue.drain(..count);
        self.before += count as u64;
        held.fetch_sub(count, Ordering::Relaxed);
        if self.queue.is_empty() {
            // A burst's worth of room is not kept by thousands of quiet topics.
            self.queue.shrink_to(16);
        }
    }

    /// A subscriber that was behind is no more.
    fn caught_up(&mut self, held: &AtomicUsize) {
        self.behind -= 1;
        if self.behind == 0 {
            self.drop_first(self.queue.len(), held);
        }
    }
}

impl Topic {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default() }
    }

    /// A new subscriber. It will be told what is published from now on.
    pub(super) fn join(&self) -> Seat {
        let mut state = self.state.lock();
        state.subscribers += 1;
        let number = state.free_seats.pop().unwrap_or_else(|| {
            state.waiting.push(None);
            state.waiting.len() - 1
        });
        Seat { number, next: state.end() }
    }

    /// The subscriber is gone. Returns whether it was the last one.
    pub(super) fn leave(&self, seat: &Seat, held: &AtomicUsize) -> bool {
        let mut state = self.state.lock();
        state.subscribers -= 1;
        state.waiting[seat.number] = None;
        state.free_seats.push(seat.number);
        if seat.next < state.end() {
            state.caught_up(held);
        }
        state.subscribers == 0
    }

    /// Adds `notices`, and keeps at most `queued_max`; nobody is woken yet. Returns whether it is
    /// the first since the last [`wake`](Self::wake).
    pub(super) fn push(
        &self,
        notices: &[Arc<Published>],
        queued_max: usize,
        held: &AtomicUsize,
    ) -> bool {
        let mut state = self.state.lock();
        if state.subscribers == 0 || notices.is_empty() {
            return false;
        }
        state.behind = state.subscribers;
        state.queue.extend(notices.iter().cloned());
        let held_now = held.fetch_add(notices.len(), Ordering::Relaxed) + notices.len();
        let kept = if held_now > HELD_NOTICES_MAX { 0 } else { queued_max };
        let surplus = state.queue.len().saturating_sub(kept);
        if surplus > 0 {
            state.drop_first(surplus, held);
        }
        !std::mem::replace(&mut state.touched, true)
    }

    /// Wakes whoever waits.
    pub(super) fn wake(&self) {
        let wakers: Vec<Waker> = {
            let mut state = self.state.lock();
            state.touched = false;
            state.waiting.iter_mut().filter_map(Option::take).collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Takes at most [`TAKEN_NOTICES_MAX`] notices into `taken`; when there are none, `context` is
    /// woken when there are.
    pub(super) fn take(
        &self,
        seat: &mut Seat,
        taken: &mut Vec<Arc<Published>>,
        context: &Context<'_>,
        held: &AtomicUsize,
    ) -> Taken {
        let mut state = self.state.lock();
        let end = state.end();
        if seat.next == end {
            match &mut state.waiting[seat.number] {
                Some(waker) => waker.clone_from(context.waker()),
                empty => *empty = Some(context.waker().clone()),
            }
            return Taken::Nothing;
        }
        let Some(start) = seat.next.checked_sub(state.before) else {
            seat.next = end;
            state.caught_up(held);
            return Taken::Missed;
        };
        // Lossless: the queue is never longer than its bound.
        let start = start as usize;
        let stop = state.queue.len().min(start + TAKEN_NOTICES_MAX);
        taken.extend(state.queue.range(start..stop).cloned());
        seat.next = state.before + stop as u64;
        if seat.next == end {
            state.caught_up(held);
        }
        Taken::Some
    }
}
