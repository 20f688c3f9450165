//! The pages, in a real browser on the real binary.

mod access;
mod assets;
mod browser;
mod hostile;
mod live;
mod outage;
mod sign_in;
mod soak;
mod tables;

pub use browser::Browser;

use crate::support::{FeedConnection, ScriptedFeed, Service};

/// A service on a memory journal with one feed.
pub async fn service() -> (Service, FeedConnection, ScriptedFeed) {
    let feed = ScriptedFeed::start().await;
    let service = Service::start(&["--journal", "memory:", "--feed", &feed.url()]).await;
    let connection = feed.accept_stream().await;
    (service, connection, feed)
}

/// A class of `students` with a result in exam 3 each: `student000` has the lowest score.
pub async fn class(connection: &mut FeedConnection, service: &Service, students: usize) {
    for index in 0..students {
        let score = (index as f64 + 1.0) / (students as f64 + 1.0);
        connection.score(&format!("student{index:03}"), 3, score).await;
    }
    service.eventually("/exams/3", |exam| exam["resultCount"] == students).await;
}
