//! Reading a feed: what it may send, and what becomes of it when it does not.

mod bad_input;
mod compression;
mod connection;
mod credentials;
mod pressure;
mod reconnection;
mod secure;

use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::support::{FeedConnection, ScriptedFeed, Service, eventually};

/// With which nothing takes long.
const QUICK: [&str; 2] = ["--reconnect-delay", "10ms"];

/// `student` has `score` in `exam`.
type Kept = (String, u64, f64);

/// A service on a scripted feed, with a journal to look into.
struct Reading {
    feed: ScriptedFeed,
    service: Service,
    folder: TempDir,
}

impl Reading {
    async fn start(more: &[&str]) -> Self {
        let feed = ScriptedFeed::start().await;
        let folder = TempDir::new().unwrap();
        let service = serve(&feed.url(), &folder, more).await;
        Self { feed, service, folder }
    }

    /// The next connection of the service, which is answered with an event stream.
    async fn stream(&self) -> FeedConnection {
        self.feed.accept_stream().await
    }

    /// The next connection of the service, which is answered with `head`.
    async fn answer(&self, head: &str) -> FeedConnection {
        let mut connection = self.feed.accept().await;
        connection.send_raw(format!("HTTP/1.1 {head}\r\n\r\n").as_bytes()).await;
        connection
    }

    /// What is in the journal once there are `count` scores or more, in order of arrival.
    async fn kept(&self, count: usize) -> Vec<Kept> {
        kept(&self.folder, count).await
    }

    /// Waits until the service has logged a line with `text`.
    async fn logged(&self, text: &str) {
        logged(&self.service, text).await;
    }
}

/// A service that reads the feed at `url`, with its journal in `folder`.
async fn serve(url: &str, folder: &TempDir, more: &[&str]) -> Service {
    let journal = folder.path().join("gradebook.db");
    let journal = ["--journal", journal.to_str().unwrap(), "--feed", url];
    Service::start(&[&journal, &QUICK[..], more].concat()).await
}

async fn kept(folder: &TempDir, count: usize) -> Vec<Kept> {
    let path = folder.path().join("gradebook.db");
    let read = || -> rusqlite::Result<Vec<Kept>> {
        let journal = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        journal.busy_timeout(Duration::from_secs(1))?;
        let query = "SELECT student, exam, score FROM results ORDER BY position";
        let mut query = journal.prepare(query)?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.collect()
    };
    eventually(&format!("{count} scores are in the journal"), async || {
        read().ok().filter(|kept| kept.len() >= count)
    })
    .await
}

async fn logged(service: &Service, text: &str) {
    eventually(&format!("the log says {text}"), async || {
        service.log().contains(text).then_some(())
    })
    .await;
}

fn kept_score(student: &str, exam: u64, score: f64) -> Kept {
    (student.to_owned(), exam, score)
}
