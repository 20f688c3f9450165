//! A service that holds what a test says.

use std::collections::HashSet;

use super::{FeedConnection, ScriptedFeed, Service};

/// A service, and the feed that its scores came from, still connected.
pub struct Held {
    pub service: Service,
    pub feed: FeedConnection,
    listening: ScriptedFeed,
}

impl Held {
    /// A service on a memory journal that holds `scores`: student, exam, score. Each pair counts
    /// once, with its last score.
    pub async fn new(scores: &[(&str, u64, f64)]) -> Self {
        Self::with(&["--journal", "memory:"], scores).await
    }

    /// The same with other arguments.
    pub async fn with(args: &[&str], scores: &[(&str, u64, f64)]) -> Self {
        let listening = ScriptedFeed::start().await;
        let url = listening.url();
        let service = Service::start(&[&["--feed", &url], args].concat()).await;
        let feed = listening.accept_stream().await;
        let mut held = Self { service, feed, listening };
        held.add(scores).await;
        held
    }

    /// Sends more scores, and waits until they can be read.
    pub async fn add(&mut self, scores: &[(&str, u64, f64)]) {
        for (student, exam, score) in scores {
            self.feed.score(student, *exam, *score).await;
        }
        // What was sent twice is seen as it was sent last.
        let mut last = HashSet::new();
        for (student, exam, score) in scores.iter().rev() {
            if last.insert((student, exam)) {
                let path = format!("/results?exam={exam}&limit=1000");
                let seen =
                    |body: &serde_json::Value| {
                        body["results"].as_array().unwrap().iter().any(|result| {
                            result["studentId"] == *student && result["score"] == *score
                        })
                    };
                self.service.eventually(&path, seen).await;
            }
        }
    }

    /// The URL of the feed.
    pub fn feed_url(&self) -> String {
        self.listening.url()
    }
}
