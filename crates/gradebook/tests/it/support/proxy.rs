//! A TCP proxy that a test can cut, and point elsewhere: a bad network, or an address that moves.

use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A listening proxy.
pub struct Proxy {
    port: u16,
    route: Arc<Mutex<Route>>,
    /// Everything ends when it is dropped.
    _tasks: JoinSet<()>,
}

struct Route {
    /// The port that new connections are led to; nowhere while the network is cut.
    target: Option<u16>,
    /// Ends the connections there are.
    cut: CancellationToken,
}

impl Proxy {
    /// Leads to `target` on loopback.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let route = Route { target: Some(target), cut: CancellationToken::new() };
        let route = Arc::new(Mutex::new(route));
        let shared = Arc::clone(&route);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (target, cut) = {
                    let route = shared.lock().unwrap();
                    (route.target, route.cut.clone())
                };
                if let Some(target) = target {
                    connections.spawn(async move {
                        cut.run_until_cancelled(forward(stream, target)).await;
                    });
                }
            }
        });
        Self { port, route, _tasks: tasks }
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

async fn forward(mut from: TcpStream, target: u16) {
    if let Ok(mut to) = TcpStream::connect(("127.0.0.1", target)).await {
        from.set_nodelay(true).ok();
        to.set_nodelay(true).ok();
        tokio::io::copy_bidirectional(&mut from, &mut to).await.ok();
    }
}
