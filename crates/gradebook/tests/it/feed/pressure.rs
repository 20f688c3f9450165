//! A feed that is faster than what comes after it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Parser;
use gradebook::config::FeedArgs;
use gradebook::feed::{self, FeedContext};
use gradebook::rejections::Rejections;
use gradebook::status::{FeedStatus, Status};
use gradebook::writer::{Command, DELIVERY_SCORES_MAX};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::ScriptedFeed;

/// More than sockets buffer.
const EVENTS: u64 = 400_000;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    feed: FeedArgs,
}

/// With a writer that takes nothing the feed gets stuck; once the writer goes on, everything is
/// there, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_writer_holds_the_feed_back_and_nothing_is_lost() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let scripted = ScriptedFeed::start().await;
    let args = Program::parse_from(["", "--feed", &scripted.url()]);
    let settings = args.feed.settings().unwrap().remove(0);
    let status = Arc::new(Status::new("memory", vec![FeedStatus::new(settings.url.name())]));
    let (writer, mut inbox) = mpsc::channel(1);
    let shutdown = CancellationToken::new();
    let context = FeedContext {
        index: 0,
        status: Arc::clone(&status),
        rejections: Arc::new(Rejections::default()),
        writer,
        shutdown: shutdown.clone(),
    };
    let (stuck, got_stuck) = oneshot::channel();
    let mut tasks = JoinSet::new();
    tasks.spawn(feed::run(Arc::new(settings), context, None));
    tasks.spawn(send_all(scripted, stuck, shutdown.clone()));

    got_stuck.await.expect("all events were read, with nowhere to go");
    let mut next = 0;
    while next < EVENTS {
        let Some(Command::Deliver(delivery)) = inbox.recv().await else { panic!("at {next}") };
        assert!((1..=DELIVERY_SCORES_MAX).contains(&delivery.scores.len()));
        for score in delivery.scores {
            assert_eq!(score.exam.get(), next);
            next += 1;
        }
    }
    shutdown.cancel();
    tasks.join_all().await;
    assert_eq!(status.feeds[0].accepted.load(Ordering::Relaxed), EVENTS);
}

/// Sends all events, and says so when it gets stuck.
async fn send_all(feed: ScriptedFeed, stuck: oneshot::Sender<()>, shutdown: CancellationToken) {
    let mut connection = feed.accept_stream().await;
    let mut stuck = Some(stuck);
    for first in (0..EVENTS).step_by(1_000) {
        let event = |exam| {
            let data = format!(r#"{{"exam":{exam},"studentId":"foo","score":1}}"#);
            format!("event: score\ndata: {data}\n\n")
        };
        let events = (first..first + 1_000).map(event).collect::<String>();
        let sent = connection.send(&events);
        tokio::pin!(sent);
        // Far longer than it takes when somebody reads.
        if tokio::time::timeout(Duration::from_millis(500), &mut sent).await.is_err() {
            stuck.take().map(|stuck| stuck.send(()));
            sent.await;
        }
    }
    drop(stuck);
    shutdown.cancelled().await;
}
