//! A connection whose client must take what it asked for.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// A stream on which a write fails when the other side has taken nothing for a while.
///
/// A client that asks and never reads would otherwise keep its connection, and what waits in it,
/// for ever.
#[derive(Debug)]
pub struct Patient<Stream> {
    stream: Stream,
    send_timeout: Duration,
    /// When patience ends; made at the first write that has to wait, and kept for the next.
    alarm: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl<Stream> Patient<Stream> {
    /// Fails a write on `stream` that has had to wait for `send_timeout`.
    pub fn new(stream: Stream, send_timeout: Duration) -> Self {
        Self { stream, send_timeout, alarm: None, is_waiting: false }
    }

    /// What becomes of an attempt to write.
    fn poll_patience<Done>(
        &mut self,
        context: &mut Context<'_>,
        attempt: Poll<io::Result<Done>>,
    ) -> Poll<io::Result<Done>> {
        if attempt.is_ready() {
            self.is_waiting = false;
            return attempt;
        }
        let alarm =
            self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.send_timeout)));
        if !std::mem::replace(&mut self.is_waiting, true) {
            alarm.as_mut().reset(Instant::now() + self.send_timeout);
        }
        ready!(alarm.poll_unpin(context));
        metrics::counter!("gradebook_connections_cut_total").increment(1);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl<Stream: AsyncWrite + Unpin> AsyncWrite for Patient<Stream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.poll_patience(context, attempt)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.poll_patience(context, attempt)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_flush(context);
        self.poll_patience(context, attempt)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_shutdown(context);
        self.poll_patience(context, attempt)
    }
}

impl<Stream: AsyncRead + Unpin> AsyncRead for Patient<Stream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_write_that_nobody_takes_fails_and_one_that_is_taken_slowly_does_not() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut near = Patient::new(near, Duration::from_millis(200));
        let slow = async {
            let (mut byte, mut taken) = ([0; 1], 0);
            let mut pause = tokio::time::interval(Duration::from_millis(5));
            while taken < 64 {
                pause.tick().await;
                taken += far.read(&mut byte).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(near.write_all(&[7; 128]), slow);
        assert!(written.is_ok(), "it took longer than the timeout, but never stood still");
        let stuck = near.write_all(&[7; 128]).await.unwrap_err();
        assert_eq!(stuck.kind(), io::ErrorKind::TimedOut);
    }
}
