//! A TCP proxy that a test can cut, and point elsewhere: a bad network, or an address that moves.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A listening proxy, on a thread of its own: a test may hold up its own runtime.
pub struct Proxy {
    port: u16,
    route: Arc<Mutex<Route>>,
    end: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

struct Route {
    /// The port that new connections are led to; nowhere while the network is cut.
    target: Option<u16>,
    /// Ends the connections there are.
    cut: CancellationToken,
}

impl Proxy {
    /// Leads to `target` on loopback.
    pub fn start(target: u16) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let route = Route { target: Some(target), cut: CancellationToken::new() };
        let route = Arc::new(Mutex::new(route));
        let (shared, end) = (Arc::clone(&route), CancellationToken::new());
        let until = end.clone();
        let runtime = Builder::new_current_thread().enable_io().build().unwrap();
        let thread = std::thread::spawn(move || {
            runtime.block_on(until.run_until_cancelled(accept(listener, shared)));
        });
        Self { port, route, end, thread: Some(thread) }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Breaks every connection, and leads new ones to `target`; to nowhere when there is none.
    pub fn lead_to(&self, target: Option<u16>) {
        let mut route = self.route.lock().unwrap();
        route.target = target;
        std::mem::take(&mut route.cut).cancel();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end.cancel();
        self.thread.take().map(JoinHandle::join);
    }
}

async fn accept(listener: std::net::TcpListener, route: Arc<Mutex<Route>>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (target, cut) = {
            let route = route.lock().unwrap();
            (route.target, route.cut.clone())
        };
        if let Some(target) = target {
            connections.spawn(async move {
                cut.run_until_cancelled(forward(stream, target)).await;
            });
        }
    }
}

async fn forward(mut from: TcpStream, target: u16) {
    if let Ok(mut to) = TcpStream::connect(("127.0.0.1", target)).await {
        from.set_nodelay(true).ok();
        to.set_nodelay(true).ok();
        tokio::io::copy_bidirectional(&mut from, &mut to).await.ok();
    }
}
