//! What the tests stand on: the built binary, a feed that does as it is told, and a client.
#![expect(dead_code, reason = "fixtures are there before the tests that need them")]

mod disk;
mod events;
mod feed;
mod held;
mod proxy;
mod redis;
mod schema;
mod service;
mod stalling;

use std::time::{Duration, Instant};

pub use disk::SmallDisk;
pub use events::EventStream;
pub use feed::{FeedConnection, ScriptedFeed};
pub use held::Held;
pub use proxy::Proxy;
pub use redis::{RedisCluster, RedisServer, Sentinels, free_port, wait_for};
pub use schema::violation;
pub use service::{Answer, Service, finished};
pub use stalling::StallingProxy;

/// How long anything may take before a test gives up on it. Generous: it bounds a failure, and
/// never decides a success.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again until the answer is `Some`, for as long as [`PATIENCE`] lasts.
///
/// For state that can only be observed from outside; `what` names it in the failure.
pub async fn eventually<Found, Asking>(what: &str, mut ask: impl FnMut() -> Asking) -> Found
where
    Asking: Future<Output = Option<Found>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
