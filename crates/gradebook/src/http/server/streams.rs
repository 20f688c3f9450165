//! HTTP/2 streams whose client must take what it asked for.
//!
//! On HTTP/1 a client that reads nothing stops the connection, which [`super::patience`] sees. On
//! HTTP/2 it stops its own stream only: the others go on, and so does the connection. hyper runs
//! each stream as a task of the executor that it is given; a task that has handed over a part of
//! its body and is not asked for the next waits for the client.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use hyper::rt::Executor;
use hyper_util::rt::TokioExecutor;
use tokio::time::Instant;

tokio::task_local! {
    /// What the body of the stream that is run is doing.
    static TAKEN: Arc<Taken>;
}

/// How far the client has come with the body of its stream.
#[derive(Debug, Default)]
struct Taken {
    /// The parts that were handed over.
    parts: AtomicU64,
    /// The last part was handed over, and the next was not asked for.
    is_waiting: AtomicBool,
}

/// Runs the streams of a connection, and ends one whose client has not taken a part of its body
/// within the timeout. To drop it resets it (RFC 9113 §8.1).
#[derive(Clone, Copy, Debug)]
pub struct PatientExecutor {
    /// How long a client may take for one part.
    pub send_timeout: Duration,
}

impl<Stream> Executor<Stream> for PatientExecutor
where
    Stream: Future + Send + 'static,
    Stream::Output: Send,
{
    fn execute(&self, stream: Stream) {
        TokioExecutor::new().execute(patiently(stream, self.send_timeout));
    }
}

/// Runs `stream` until it ends, or until it has waited for the client for `send_timeout`.
async fn patiently(stream: impl Future, send_timeout: Duration) {
    let taken = Arc::new(Taken::default());
    let mut stream = pin!(TAKEN.scope(Arc::clone(&taken), stream));
    // Made at the first wait: most streams never wait.
    let mut alarm: Option<Pin<Box<tokio::time::Sleep>>> = None;
    let mut waits_for = None;
    std::future::poll_fn(|context| {
        if stream.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        if !taken.is_waiting.load(Ordering::Relaxed) {
            waits_for = None;
            return Poll::Pending;
        }
        let alarm = alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(send_timeout)));
        let part = Some(taken.parts.load(Ordering::Relaxed));
        if waits_for != part {
            waits_for = part;
            alarm.as_mut().reset(Instant::now() + send_timeout);
        }
        let is_over = alarm.as_mut().poll(context);
        if is_over.is_ready() {
            metrics::counter!("gradebook_http_streams_cut_total").increment(1);
        }
        is_over
    })
    .await;
}

/// A body that tells the stream that it belongs to when it waits for the client.
#[derive(Debug)]
struct ToldBody {
    body: Body,
    taken: Arc<Taken>,
}

/// `body`, told of to the stream that is run, if there is one: on HTTP/1 there is none.
pub fn told(body: Body) -> Body {
    let Ok(taken) = TAKEN.try_with(Arc::clone) else { return body };
    taken.is_waiting.store(true, Ordering::Relaxed);
    Body::new(ToldBody { body, taken })
}

impl HttpBody for ToldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let has_frame = matches!(frame, Poll::Ready(Some(Ok(_))));
        self.taken.parts.fetch_add(u64::from(has_frame), Ordering::Relaxed);
        self.taken.is_waiting.store(has_frame, Ordering::Relaxed);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
