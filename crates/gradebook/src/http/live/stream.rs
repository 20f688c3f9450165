//! The body of a live response.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt as _;
use gradebook_core::Position;
use hyper::body::{Body, Frame};
use tokio::time::{Instant, Sleep};

use super::filter::Filter;
use super::missed::{self, Progress};
use super::wording;
use crate::feed_state::FeedState;
use crate::http::Api;
use crate::http::representation::event_stream::ResetReason;
use crate::hub::{News, Published, Subscription};

/// What a stream may do in one turn without anything to send, before others get theirs.
const TURN_STEPS_MAX: usize = 16;

/// The body of a live response: events as they happen, until the client goes or the process ends.
///
/// It holds no more than what it sends next. Whatever there is to tell is taken at once and sent
/// as one chunk.
#[derive(Debug)]
pub struct LiveStream {
    api: Arc<Api>,
    subscription: Subscription,
    filter: Option<Box<Filter>>,
    opening: Bytes,
    progress: Progress,
    /// The last id sent.
    id: Position,
    feeds_told: bool,
    ended: bool,
    last_sent: Instant,
    quiet: Pin<Box<Sleep>>,
}

impl LiveStream {
    /// Sends `opening`, goes on from `progress`, and sends a comment whenever nothing else was sent
    /// for a while.
    pub(super) fn new(
        api: Arc<Api>,
        subscription: Subscription,
        filter: Filter,
        opening: Bytes,
        progress: Progress,
    ) -> Self {
        let quiet = Box::pin(tokio::time::sleep(api.keep_alive));
        Self {
            api,
            subscription,
            filter: (!filter.is_empty()).then(|| Box::new(filter)),
            opening,
            progress,
            id: progress.told,
            feeds_told: false,
            ended: false,
            last_sent: Instant::now(),
            quiet,
        }
    }

    /// The next text; an empty one when something was done that nobody needs to know.
    fn poll_text(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if !self.opening.is_empty() {
            return Poll::Ready(Some(std::mem::take(&mut self.opening)));
        }
        if self.progress.behind {
            return Poll::Ready(Some(self.tell_missed()));
        }
        let published = self.subscription.published();
        let mut taken = Vec::new();
        match self.subscription.poll_news(context, &mut taken) {
            Poll::Ready(News::Notices) => Poll::Ready(Some(self.tell(&taken))),
            Poll::Ready(News::Missed) => {
                self.progress.behind = true;
                Poll::Ready(Some(Bytes::new()))
            }
            Poll::Ready(News::Feeds) => Poll::Ready(Some(self.tell_feeds())),
            Poll::Ready(News::Rebuilt) => Poll::Ready(Some(self.start_over())),
            Poll::Ready(News::End) => Poll::Ready(None),
            Poll::Pending => {
                // All that was published up to there has been taken.
                self.progress.told = self.progress.told.max(published);
                ready!(self.poll_quiet(context));
                Poll::Ready(Some(self.keep_alive()))
            }
        }
    }

    /// Waits until nothing was sent for as long as nothing may be sent.
    fn poll_quiet(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.quiet.poll_unpin(context));
            // Moving the alarm with everything that is sent would cost more than looking now.
            let due = self.last_sent + self.api.keep_alive;
            let is_due = due <= Instant::now();
            self.quiet.as_mut().reset(if is_due {
                Instant::now() + self.api.keep_alive
            } else {
                due
            });
            if is_due {
                return Poll::Ready(());
            }
        }
    }

    /// What is told of notices that were taken.
    fn tell(&mut self, taken: &[Arc<Published>]) -> Bytes {
        let watched = self.subscription.watched();
        // What was read from the book already is not told again.
        let told = self.progress.told;
        let news = taken.iter().filter(|one| one.notice().position() > told);
        let bytes = match (&self.filter, taken) {
            (None, [one]) if one.notice().position() > told => {
                wording::shared(&self.api, watched, one)
            }
            (None, _) => {
                let mut text = self.api.event_text();
                news.for_each(|one| text.push(&wording::shared(&self.api, watched, one)));
                text.into_bytes()
            }
            (Some(filter), _) => {
                let book = filter.asks_book(watched.view()).then(|| self.api.reader.now());
                let mut text = self.api.event_text();
                for one in news {
                    wording::notice(&mut text, watched, filter, book.as_deref(), one.notice());
                }
                text.into_bytes()
            }
        };
        let last = taken.last().map(|one| one.notice().position());
        self.progress.told = self.progress.told.max(last.unwrap_or_default());
        if !bytes.is_empty() && self.filter.is_none() {
            self.id = self.progress.told;
        }
        bytes
    }

    fn start_over(&mut self) -> Bytes {
        let mut text = self.api.event_text();
        let watched = self.subscription.watched();
        let reason = ResetReason::GradebookRebuilt;
        let progress = missed::reset(&mut text, &self.api.reader.now(), watched, reason);
        self.progress = progress;
        self.id = self.progress.told;
        text.into_bytes()
    }

    /// The next part of what was missed.
    fn tell_missed(&mut self) -> Bytes {
        let mut text = self.api.event_text();
        let all = Filter::default();
        let filter = self.filter.as_deref().unwrap_or(&all);
        let watched = self.subscription.watched();
        let book = self.api.reader.now();
        let progress = missed::tell_more(&mut text, &book, watched, filter, self.progress.told);
        drop(book);
        self.progress = progress;
        if !self.progress.behind {
            self.id = self.progress.told;
        }
        text.into_bytes()
    }

    fn tell_feeds(&mut self) -> Bytes {
        let first = !std::mem::replace(&mut self.feeds_told, true);
        let mut text = self.api.event_text();
        for notice in self.subscription.feeds_changed() {
            // That all is well goes without saying, until it was not.
            if !(first && notice.state == FeedState::Live) {
                text.feed(&notice);
            }
        }
        text.into_bytes()
    }

    /// A comment; and where the journal has gone on without anything for this subscriber, the id to
    /// resume from.
    fn keep_alive(&mut self) -> Bytes {
        let mut text = self.api.event_text();
        if self.progress.told > self.id {
            self.id = self.progress.told;
            text.id(self.id);
        }
        text.keep_alive();
        text.into_bytes()
    }
}

impl Body for LiveStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        for _ in 0..TURN_STEPS_MAX {
            match ready!(self.poll_text(context)) {
                Some(text) if text.is_empty() => {}
                Some(text) => {
                    self.last_sent = Instant::now();
                    return Poll::Ready(Some(Ok(Frame::data(text))));
                }
                None => {
                    self.ended = true;
                    return Poll::Ready(None);
                }
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
