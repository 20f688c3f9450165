//! From a listening socket to requests: connections, their limits, TLS, and a clean end.

mod patience;
mod streams;
mod tls;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use patience::Patient;
use streams::PatientExecutor;
pub use tls::{Tls, TlsError};

/// A head — request line and headers — has to be there within this, and a handshake too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest head, in bytes. Above the target's own bound, so that a target that is too long gets
/// its 414.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Bytes that a connection may have buffered when it reads on. A read may bring as many again, so
/// this is half of [`HEAD_BYTES_MAX`]: more than that is never a head.
const BUFFER_BYTES_MAX: usize = HEAD_BYTES_MAX / 2;

/// Headers in a request; more are answered with 431.
const HEADERS_MAX: usize = 64;

/// Requests at once on one HTTP/2 connection.
const STREAMS_PER_CONNECTION_MAX: u32 = 64;

/// Connections that stay open this long after the shutdown are cut.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// After an `accept` that failed for lack of something (file descriptors), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What clients may do, as far as the settings say it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; the next one waits in the listener's backlog.
    pub connections_max: usize,
    /// How long a client may take nothing of what it has asked for; then it is cut.
    pub send_timeout: Duration,
    /// How long a request may wait for the journal; then it is told so.
    pub request_timeout: Duration,
}

/// Serves `router` on `listener` until `shutdown`; then no connection is accepted any more, streams
/// end, and requests get [`DRAIN_TIMEOUT`] to finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Arc<Tls>>,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            Some(_) = connections.join_next() => continue,
            () = shutdown.cancelled() => break,
        };
        let Some((stream, peer, slot)) = accepted else { continue };
        let connection = Connection {
            router: router.clone(),
            peer,
            send_timeout: limits.send_timeout,
            _slot: slot,
        };
        let watcher = graceful.watcher();
        let (tls, shutdown) = (tls.clone(), shutdown.clone());
        connections.spawn(async move {
            match tls {
                None => connection.serve_plain(stream, watcher, shutdown).await,
                // Boxed, so that a connection without TLS does not hold room for one with it.
                Some(tls) => Box::pin(connection.serve_tls(&tls, stream, watcher)).await,
            }
        });
    }
    drop(listener);
    let drained = tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await;
    if drained.is_err() {
        tracing::warn!(connections = connections.len(), "connections cut at shutdown");
    }
    connections.shutdown().await;
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    if slots.available_permits() == 0 {
        metrics::counter!("gradebook_connections_held_back_total").increment(1);
    }
    let slot = Arc::clone(slots).acquire_owned().await.expect("invariant: never closed");
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers and events are written whole: waiting to fill a packet only delays them.
            stream.set_nodelay(true).ok();
            Some((stream, peer, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// One connection: its peer, and its place among all.
struct Connection {
    router: Router,
    peer: SocketAddr,
    send_timeout: Duration,
    _slot: OwnedSemaphorePermit,
}

/// What a client may be going to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    Http1,
    /// Not known yet: what has been read must be looked at.
    Http1Or2,
}

impl Speech {
    /// By the first bytes of a client, which stay unread. Most tell at once that they are not the
    /// preface of HTTP/2, which begins with `PRI` (RFC 9113 §3.4).
    async fn of(stream: &TcpStream) -> io::Result<Self> {
        let mut start = [0; 3];
        let count = stream.peek(&mut start).await?;
        Ok(if b"PRI".starts_with(&start[..count]) { Self::Http1Or2 } else { Self::Http1 })
    }

    /// By what was agreed on in a TLS handshake.
    fn agreed(protocol: Option<&[u8]>) -> Self {
        if protocol == Some(b"http/1.1") { Self::Http1 } else { Self::Http1Or2 }
    }
}

impl Connection {
    async fn serve_plain(self, stream: TcpStream, watcher: Watcher, shutdown: CancellationToken) {
        let heard = tokio::select! {
            biased; // a request that is there already is answered
            heard = tokio::time::timeout(HEAD_TIMEOUT, Speech::of(&stream)) => heard,
            () = shutdown.cancelled() => return,
        };
        if let Ok(Ok(speech)) = heard {
            self.serve(stream, speech, watcher).await;
        }
    }

    async fn serve_tls(self, tls: &Tls, stream: TcpStream, watcher: Watcher) {
        let handshake = tls.acceptor().accept(stream);
        match tokio::time::timeout(HEAD_TIMEOUT, handshake).await {
            Ok(Ok(stream)) => {
                let speech = Speech::agreed(stream.get_ref().1.alpn_protocol());
                self.serve(stream, speech, watcher).await;
            }
            Ok(Err(_)) | Err(_) => {
                metrics::counter!("gradebook_tls_handshakes_failed_total").increment(1);
            }
        }
    }

    async fn serve<Stream>(self, stream: Stream, speech: Speech, watcher: Watcher)
    where
        Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = Builder::new(PatientExecutor { send_timeout: self.send_timeout });
        if speech == Speech::Http1 {
            // Otherwise the first 24 bytes are read by themselves, and the read buffer, which then
            // has too little room left, is made twice as large (16 KiB) for as long as the
            // connection lasts.
            builder = builder.http1_only();
        }
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(BUFFER_BYTES_MAX)
            .max_headers(HEADERS_MAX);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
            .max_header_list_size(HEAD_BYTES_MAX as u32)
            .keep_alive_interval(Some(HEAD_TIMEOUT));
        let Self { router, peer, .. } = &self;
        let service = hyper::service::service_fn(|request: Request<Incoming>| {
            answer(router.clone(), *peer, request)
        });
        let stream = TokioIo::new(Patient::new(stream, self.send_timeout));
        let connection = builder.serve_connection(stream, service);
        // How a connection ends is the client's affair; there is nothing to be done about it here.
        watcher.watch(connection).await.ok();
    }
}

async fn answer(
    router: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    Ok(router.oneshot(request).await?.map(streams::told))
}
