//! The composition root: the only place that knows every part and spawns tasks.

mod shared;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use gradebook_core::Gradebook;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::book::SharedBook;
use crate::cli::{BookArgs, DemoArgs, ServeArgs};
use crate::config::{
    AccessSettings, BadSetting, FeedSettings, JournalUrl, ListenArgs, PublicUrl, SimulateArgs,
};
use crate::demo;
use crate::feed::{self, FeedContext};
use crate::http::{self, Listeners};
use crate::hub::Hub;
use crate::journal::redis::RedisJournal;
use crate::journal::{Journal, MemoryJournal, OpenError, SqliteJournal};
use crate::metrics;
use crate::poster::Poster;
use crate::reader::Reader;
use crate::rejections::Rejections;
use crate::simulate;
use crate::status::{FeedStatus, Status};
use crate::writer::{INBOX_DELIVERIES_MAX, Writer};

pub use shared::{api, ingest};

/// How often metrics are folded: often enough that the samples in between are few.
const METRICS_FOLD_INTERVAL: Duration = Duration::from_secs(5);

/// The tasks of the process, each with a name. One that ends before the shutdown is a failure,
/// also when it ends without an error: a service that has lost a part looks healthy and is not.
struct Tasks {
    set: JoinSet<(&'static str, anyhow::Result<()>)>,
    shutdown: CancellationToken,
}

impl Tasks {
    fn new(shutdown: CancellationToken) -> Self {
        Self { set: JoinSet::new(), shutdown }
    }

    fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.set.spawn(async move { (name, task.await) });
    }

    fn spawn_blocking(
        &mut self,
        name: &'static str,
        task: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
    ) {
        self.set.spawn_blocking(move || (name, task()));
    }

    /// Waits for all of them. One that fails, or ends early, makes the process unready and ends the
    /// others.
    async fn join(mut self, status: &Status) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        while let Some(ended) = self.set.join_next().await {
            let failure = match ended {
                Ok((_, Ok(()))) if self.shutdown.is_cancelled() => continue,
                Ok((name, Ok(()))) => anyhow::anyhow!("{name} ended unexpectedly"),
                Ok((name, Err(error))) => error.context(format!("{name} failed")),
                Err(error) => anyhow::Error::new(error).context("a task panicked"),
            };
            tracing::error!(error = format!("{failure:#}"), "a part of the service has failed");
            status.task_failed();
            self.shutdown.cancel();
            outcome = outcome.and(Err(failure));
        }
        outcome
    }
}

/// Runs everything in one process until `shutdown`.
///
/// # Errors
/// When a part fails: the reason, with what it was doing.
pub async fn serve(args: &ServeArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listeners = listen(&args.listen).await?;
    serve_on(listeners, args, Tasks::new(shutdown)).await
}

/// Runs a simulated feed until `shutdown`.
///
/// # Errors
/// When the address cannot be used, or the listener fails.
pub async fn simulate(args: &SimulateArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listener = bind("--listen", args.listen).await?;
    tracing::info!(address = %listener.local_addr()?, feed = "simulated", "serving");
    Ok(simulate::serve(listener, args.simulation.settings(), shutdown).await?)
}

/// Runs a simulated feed, and the service on it with everything in memory, until `shutdown`.
///
/// # Errors
/// When the address cannot be used, or a part fails.
pub async fn demo(args: &DemoArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listeners = listen(&args.listen).await?;
    let simulated = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let feed = demo::feed_url(simulated.local_addr()?);
    let serve = ServeArgs::in_memory(&feed, args.listen.clone());
    let settings = args.simulation.settings();
    demo::greet(listeners.public.local_addr()?, &settings)?;
    let mut tasks = Tasks::new(shutdown.clone());
    tasks.spawn("the simulated feed", async move {
        Ok(simulate::serve(simulated, settings, shutdown).await?)
    });
    serve_on(listeners, &serve, tasks).await
}

async fn serve_on(listeners: Listeners, args: &ServeArgs, mut tasks: Tasks) -> anyhow::Result<()> {
    if let JournalUrl::Redis(url) = &args.book.journal {
        return shared::serve(listeners, args, url, tasks).await;
    }
    let access = args.listen.access.settings(args.listen.listen)?;
    let shutdown = tasks.shutdown.clone();
    let feeds = args.feed.settings()?;
    let journal = open_journal(&args.book)?;
    let feed_status = feeds.iter().map(|feed| FeedStatus::new(feed.url.name())).collect();
    let status = Arc::new(Status::new(journal.kind(), feed_status));
    let live = &args.listen.live;
    let hub = Arc::new(Hub::new(live.subscribers_max as usize));
    status.tell(&hub);
    let rejections = Arc::new(Rejections::default());
    let identity = journal.identity();
    let book = Gradebook::new(args.book.scoring_policy, identity.key);
    let book = Arc::new(SharedBook::new(book));
    let (commands, inbox) = mpsc::channel(INBOX_DELIVERIES_MAX);
    let reader = Reader::new(
        Arc::clone(&book),
        Arc::clone(&hub),
        Arc::clone(&status),
        Arc::clone(&rejections),
        identity,
        commands.clone(),
    );

    let (checkpoints, replayed) = oneshot::channel();
    let names: Vec<Arc<str>> = feeds.iter().map(|feed| feed.url.name()).collect();
    let mut writer = Writer::new(journal, Arc::clone(&status), shutdown.clone());
    let poster = Poster::new(book, Arc::clone(&hub), Arc::clone(&rejections));
    tasks.spawn_blocking("the writer", move || {
        writer.replay(&poster)?;
        let found: Result<Vec<_>, _> = names.iter().map(|name| writer.checkpoint(name)).collect();
        // Nobody waits for the checkpoints any more when the process is already ending.
        checkpoints.send(found?).ok();
        Ok(writer.run(inbox, &poster)?)
    });
    let context = FeedContext {
        index: 0,
        status: Arc::clone(&status),
        rejections,
        writer: commands,
        shutdown: shutdown.clone(),
    };
    tasks.spawn("the feeds", run_feeds(feeds, context, replayed));
    spawn_http(&mut tasks, listeners, &args.listen, access, reader, hub);
    tasks.join(&status).await
}

/// The part that answers requests, from whatever posts to the book.
fn spawn_http(
    tasks: &mut Tasks,
    listeners: Listeners,
    args: &ListenArgs,
    access: AccessSettings,
    reader: Reader,
    hub: Arc<Hub>,
) {
    let shutdown = tasks.shutdown.clone();
    let ending = shutdown.clone();
    tasks.spawn("the end of streams", async move {
        ending.cancelled().await;
        hub.close();
        Ok(())
    });
    tasks.spawn("the metrics", fold_metrics(shutdown.clone()));
    let public_url = args.public_url.as_ref().map(PublicUrl::as_str);
    let api = Arc::new(http::Api::new(
        &http::table::ALL,
        reader,
        public_url,
        &access,
        args.live.keep_alive,
    ));
    tasks.spawn("reloading", reload_on_signal(Arc::clone(&api), access.clone(), shutdown.clone()));
    tasks.spawn("the HTTP server", http::serve(listeners, api, access, shutdown));
}

/// Reads the token file and the certificate again whenever SIGHUP comes, until `shutdown`. What is
/// no good is said, and what was there before stays in use.
async fn reload_on_signal(
    api: Arc<http::Api>,
    access: AccessSettings,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut hangups = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    while shutdown.run_until_cancelled(hangups.recv()).await.flatten().is_some() {
        let tokens = api.guard.reload().map_err(anyhow::Error::from);
        let tls = access.tls.as_ref().map_or(Ok(()), |tls| tls.reload());
        match tokens.and(tls.map_err(anyhow::Error::from)) {
            Ok(()) => tracing::info!("reloaded: tokens and certificate"),
            Err(error) => tracing::error!("not reloaded: {error:#}"),
        }
    }
    Ok(())
}

/// Folds metrics now and then until `shutdown`.
async fn fold_metrics(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut interval = tokio::time::interval(METRICS_FOLD_INTERVAL);
    while shutdown.run_until_cancelled(interval.tick()).await.is_some() {
        metrics::fold();
    }
    Ok(())
}

/// Runs all feeds once the book is rebuilt and it is known how far each had been read.
async fn run_feeds(
    feeds: Vec<FeedSettings>,
    context: FeedContext,
    checkpoints: oneshot::Receiver<Vec<Option<Arc<str>>>>,
) -> anyhow::Result<()> {
    let shutdown = context.shutdown.clone();
    let Ok(checkpoints) = checkpoints.await else {
        // The writer has failed, and says so itself.
        shutdown.cancelled().await;
        return Ok(());
    };
    let mut set = JoinSet::new();
    for (index, (settings, last_event_id)) in feeds.into_iter().zip(checkpoints).enumerate() {
        let context = FeedContext { index, ..context.clone() };
        set.spawn(feed::run(Arc::new(settings), context, last_event_id));
    }
    // The writer ends when nobody can send to it any more.
    drop(context);
    while let Some(ended) = set.join_next().await {
        ended.context("a feed panicked")?;
    }
    // A feed may say that there will be no more; what it has said is still served.
    shutdown.cancelled().await;
    Ok(())
}

async fn listen(args: &ListenArgs) -> Result<Listeners, BadSetting> {
    let public = bind("--listen", args.listen).await?;
    let admin = match args.admin_listen {
        Some(address) => Some(bind("--admin-listen", address).await?),
        None => None,
    };
    Ok(Listeners { public, admin })
}

async fn bind(setting: &str, address: SocketAddr) -> Result<TcpListener, BadSetting> {
    TcpListener::bind(address).await.map_err(|error| BadSetting {
        setting: setting.to_owned(),
        value: Some(address.to_string()),
        why: match error.kind() {
            ErrorKind::AddrInUse => "is in use; take another port, or 0 for a free one".to_owned(),
            _ => format!("cannot be listened on: {error}"),
        },
    })
}

fn open_journal(args: &BookArgs) -> anyhow::Result<Box<dyn Journal>> {
    match &args.journal {
        JournalUrl::Memory => {
            tracing::warn!("scores are kept in memory only, and are gone when this process ends");
            Ok(Box::new(MemoryJournal::new()))
        }
        JournalUrl::Sqlite(path) => match SqliteJournal::open(path) {
            Ok(journal) => Ok(Box::new(journal)),
            Err(error) if error.reason.is_setting() => Err(bad_journal(&error).into()),
            Err(error) => Err(error.into()),
        },
        JournalUrl::Redis(url) => {
            Ok(Box::new(RedisJournal::open(url.as_ref().clone(), writer_name())?))
        }
    }
}

/// A name that no other writer has, ever.
fn writer_name() -> String {
    format!("{}-{:016x}", std::process::id(), rand::random::<u64>())
}

fn bad_journal(error: &OpenError) -> BadSetting {
    BadSetting {
        setting: "--journal".to_owned(),
        value: Some(error.path.display().to_string()),
        why: error.reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn outcome_with(
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) -> (anyhow::Result<()>, Status) {
        let shutdown = CancellationToken::new();
        let mut tasks = Tasks::new(shutdown.clone());
        tasks.spawn("the other", async move {
            shutdown.cancelled().await;
            Ok(())
        });
        tasks.spawn("the task", task);
        let status = Status::new("memory", Vec::new());
        (tasks.join(&status).await, status)
    }

    #[tokio::test]
    async fn a_task_that_ends_early_in_any_way_ends_the_process_with_a_failure() {
        let (outcome, status) = outcome_with(async { Ok(()) }).await;
        assert_eq!(outcome.unwrap_err().to_string(), "the task ended unexpectedly");
        assert!(status.has_failed());

        let (outcome, status) = outcome_with(async { anyhow::bail!("no disk") }).await;
        assert_eq!(format!("{:#}", outcome.unwrap_err()), "the task failed: no disk");
        assert!(status.has_failed() && status.not_ready().is_some());

        let (outcome, status) = outcome_with(async { panic!("a bug") }).await;
        assert_eq!(outcome.unwrap_err().to_string(), "a task panicked");
        assert!(status.has_failed());
    }

    #[tokio::test]
    async fn tasks_that_end_after_the_shutdown_have_not_failed() {
        let shutdown = CancellationToken::new();
        let mut tasks = Tasks::new(shutdown.clone());
        let told = shutdown.clone();
        tasks.spawn("the task", async move {
            told.cancelled().await;
            Ok(())
        });
        shutdown.cancel();
        let status = Status::new("memory", Vec::new());
        assert!(tasks.join(&status).await.is_ok());
        assert!(!status.has_failed());
    }
}
