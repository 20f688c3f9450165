//! From a listening socket to requests: connections, their limits, TLS, and a clean end.

mod patience;
mod tls;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use patience::Patient;
pub use tls::{Tls, TlsError};

/// A head — request line and headers — has to be there within this, and a handshake too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes that a connection may buffer, so also the largest head. Above the target's own bound, so
/// that a target that is too long gets its 414.
const BUFFER_BYTES_MAX: usize = 32 * 1024;

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
        let tls = tls.clone();
        connections.spawn(async move {
            match tls {
                None => connection.serve(stream, watcher).await,
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

impl Connection {
    async fn serve_tls(
        self,
        tls: &Tls,
        stream: TcpStream,
        watcher: hyper_util::server::graceful::Watcher,
    ) {
        let handshake = tls.acceptor().accept(stream);
        match tokio::time::timeout(HEAD_TIMEOUT, handshake).await {
            Ok(Ok(stream)) => self.serve(stream, watcher).await,
            Ok(Err(_)) | Err(_) => {
                metrics::counter!("gradebook_tls_handshakes_failed_total").increment(1);
            }
        }
    }

    async fn serve<Stream>(self, stream: Stream, watcher: hyper_util::server::graceful::Watcher)
    where
        Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = Builder::new(TokioExecutor::new());
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
            .max_header_list_size(BUFFER_BYTES_MAX as u32)
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
    router.oneshot(request).await
}
