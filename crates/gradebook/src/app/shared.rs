//! The roles on a shared journal: workers of whom one leads, and replicas that follow.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;
use gradebook_core::{Gradebook, Position, ScoringPolicy};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Tasks, bind, fold_metrics, listen, run_feeds, spawn_http};
use crate::book::SharedBook;
use crate::cli::{ApiArgs, IngestArgs, ServeArgs};
use crate::config::redis::RedisUrl;
use crate::config::{AccessSettings, BadSetting, FeedSettings, JournalUrl, ListenArgs};
use crate::feed::FeedContext;
use crate::feed_state::{FeedReport, FeedState};
use crate::follower::{self, Follower, PendingErasures};
use crate::http::Listeners;
use crate::hub::Hub;
use crate::journal::redis::{self, Eraser, Lease, RedisJournal, Tail};
use crate::journal::{Identity, JournalError};
use crate::poster::Poster;
use crate::reader::Reader;
use crate::rejections::Rejections;
use crate::status::{FeedStatus, Status};
use crate::writer::{Command, INBOX_DELIVERIES_MAX, Writer, WriterError};

/// Waits between two tries to reach the journal: at the start, and of a worker that begins to lead.
const RETRY: Duration = Duration::from_millis(200);

/// How often a leader looks whether there is something new to tell of its feeds.
const TELLING: Duration = Duration::from_secs(1);

/// Erasures that wait for the eraser.
const ERASURES_MAX: usize = 64;

/// A journal that several processes use, opened.
#[derive(Clone)]
struct Shared {
    url: RedisUrl,
    identity: Identity,
}

/// Reads feeds and keeps their scores in a shared journal, as long as this worker leads, until
/// `shutdown`.
///
/// # Errors
/// When a part fails: the reason, with what it was doing.
pub async fn ingest(args: &IngestArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let url = shared_url(&args.journal)?;
    let listener = bind("--listen", args.listen).await?;
    let feeds = args.feed.settings()?;
    let status = new_status(&feeds);
    let Some(shared) = open(url, &listener, &shutdown).await? else { return Ok(()) };
    status.replay_finished(Position::START); // nothing is replayed here
    let mut tasks = Tasks::new(shutdown.clone());
    tasks.spawn("the HTTP server", answer_health(listener, Arc::clone(&status), shutdown.clone()));
    tasks.spawn("the metrics", fold_metrics(shutdown));
    spawn_worker(&mut tasks, &shared, feeds, &status, Arc::new(Rejections::default()));
    tasks.join(&status).await
}

/// Follows a shared journal and serves what it holds until `shutdown`.
///
/// # Errors
/// When a part fails: the reason, with what it was doing.
pub async fn api(args: &ApiArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let url = shared_url(&args.book.journal)?;
    let access = args.listen.access.settings(args.listen.listen)?;
    let listeners = listen(&args.listen).await?;
    let status = new_status(&[]);
    let opened = open(url, &listeners.public, &shutdown).await?;
    let Some(shared) = opened else { return Ok(()) };
    let mut tasks = Tasks::new(shutdown);
    let replica = Replica {
        shared: &shared,
        policy: args.book.scoring_policy,
        listen: &args.listen,
        status: Arc::clone(&status),
        rejections: Arc::new(Rejections::default()),
    };
    replica.spawn(&mut tasks, listeners, access)?;
    tasks.join(&status).await
}

/// Both halves in one process.
pub(super) async fn serve(
    listeners: Listeners,
    args: &ServeArgs,
    url: &RedisUrl,
    mut tasks: Tasks,
) -> anyhow::Result<()> {
    let access = args.listen.access.settings(args.listen.listen)?;
    let feeds = args.feed.settings()?;
    let status = new_status(&feeds);
    let opened = open(url.clone(), &listeners.public, &tasks.shutdown).await?;
    let Some(shared) = opened else { return Ok(()) };
    let rejections = Arc::new(Rejections::default());
    let replica = Replica {
        shared: &shared,
        policy: args.book.scoring_policy,
        listen: &args.listen,
        status: Arc::clone(&status),
        rejections: Arc::clone(&rejections),
    };
    replica.spawn(&mut tasks, listeners, access)?;
    spawn_worker(&mut tasks, &shared, feeds, &status, rejections);
    tasks.join(&status).await
}

fn shared_url(journal: &JournalUrl) -> Result<RedisUrl, BadSetting> {
    let not_shared = |value: String| BadSetting {
        setting: "--journal".to_owned(),
        value: Some(value),
        why: "is not shared between processes; use redis://… here, or the command serve".to_owned(),
    };
    match journal {
        JournalUrl::Redis(url) => Ok(url.as_ref().clone()),
        JournalUrl::Memory => Err(not_shared("memory:".to_owned())),
        JournalUrl::Sqlite(path) => Err(not_shared(path.display().to_string())),
    }
}

fn new_status(feeds: &[FeedSettings]) -> Arc<Status> {
    let feeds = feeds.iter().map(|feed| FeedStatus::new(feed.url.name())).collect();
    let status = Arc::new(Status::new("redis", feeds));
    status.stands_by(true);
    status
}

/// Opens the journal, however long it takes to reach Redis; nothing at the shutdown. Whoever asks
/// on `listener` meanwhile is told to come back.
async fn open(
    url: RedisUrl,
    listener: &TcpListener,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<Shared>> {
    let reached = CancellationToken::new();
    let mut answering = JoinSet::new();
    let opened = loop {
        let (asked, now) = (url.clone(), url.clone());
        match tokio::task::spawn_blocking(move || redis::open(asked)).await? {
            Ok(identity) => break Some(Shared { url: now, identity }),
            Err(JournalError::Unavailable(cause)) => {
                tracing::error!(error = %cause, journal = %url, "the journal cannot be reached yet");
            }
            Err(error) => return Err(bad_journal(&url, &error).into()),
        }
        if answering.is_empty() {
            let (address, listener) = (listener.local_addr()?, twin(listener)?);
            answering.spawn(answer_not_ready(listener, address, reached.clone()));
        }
        if tokio::time::timeout(RETRY, shutdown.cancelled()).await.is_ok() {
            break None;
        }
    };
    reached.cancel();
    // Whoever is connected is still answered.
    answering.detach_all();
    Ok(opened)
}

fn bad_journal(url: &RedisUrl, error: &JournalError) -> BadSetting {
    let why = match error {
        JournalError::Unavailable(cause) | JournalError::Broken(cause) => cause.to_string(),
        JournalError::Conflict { .. } | JournalError::Superseded => error.to_string(),
    };
    BadSetting {
        setting: "--journal".to_owned(),
        value: Some(url.to_string()),
        why: format!("cannot be used: {why}"),
    }
}

/// The same socket once more.
fn twin(listener: &TcpListener) -> anyhow::Result<TcpListener> {
    let socket = socket2::SockRef::from(listener).try_clone()?;
    Ok(TcpListener::from_std(socket.into())?)
}

/// Answers everything with 503, but for the question whether the process lives.
///
/// Every answer is the last one on its connection, and whoever is connected at the end still gets
/// it: nobody may find a connection closed on which they have just asked.
async fn answer_not_ready(
    listener: TcpListener,
    address: SocketAddr,
    until: CancellationToken,
) -> anyhow::Result<()> {
    const PROBLEM: &str = r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"the journal has not been reached yet"}"#;
    tracing::info!(%address, "waiting for the journal, and serving");
    let not_ready = || async {
        let headers = [
            (header::CONTENT_TYPE, "application/problem+json"),
            (header::RETRY_AFTER, "1"),
            (header::CONNECTION, "close"),
        ];
        (StatusCode::SERVICE_UNAVAILABLE, headers, PROBLEM)
    };
    let alive = || async { ([(header::CONNECTION, "close")], "ok\n") };
    let router = Router::new().route("/healthz", get(alive)).fallback(not_ready);
    Ok(axum::serve(Until { listener: Some(listener), address, until }, router).await?)
}

/// A listener that leaves those who come after `until` to its twin. It does not end then: axum
/// would hang up on everybody who has not asked yet.
struct Until {
    listener: Option<TcpListener>,
    address: SocketAddr,
    until: CancellationToken,
}

impl axum::serve::Listener for Until {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        if let Some(listener) = &mut self.listener {
            tokio::select! {
                accepted = axum::serve::Listener::accept(listener) => return accepted,
                () = self.until.cancelled() => {}
            }
        }
        self.listener = None;
        std::future::pending().await
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Answers how this worker is: it has nothing else to tell.
async fn answer_health(
    listener: TcpListener,
    status: Arc<Status>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    tracing::info!(address = %listener.local_addr()?, "serving");
    let measured = Arc::clone(&status);
    let metrics = move || async move { crate::metrics::render_process(&measured) };
    let ready = move || async move {
        match status.not_ready() {
            None => (StatusCode::OK, "ok\n".to_owned()),
            Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n"),
        }
    };
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics));
    let end = async move { shutdown.cancelled().await };
    Ok(axum::serve(listener, router).with_graceful_shutdown(end).await?)
}

/// The half that serves.
struct Replica<'a> {
    shared: &'a Shared,
    policy: ScoringPolicy,
    listen: &'a ListenArgs,
    status: Arc<Status>,
    rejections: Arc<Rejections>,
}

impl Replica<'_> {
    /// A follower, an eraser and the HTTP server.
    fn spawn(
        self,
        tasks: &mut Tasks,
        listeners: Listeners,
        access: AccessSettings,
    ) -> anyhow::Result<()> {
        let Shared { url, identity } = self.shared.clone();
        let shutdown = tasks.shutdown.clone();
        let hub = Arc::new(Hub::new(self.listen.live.subscribers_max as usize));
        self.status.tell(&hub);
        let book = Arc::new(SharedBook::new(Gradebook::new(self.policy, identity.key)));
        let (commands, inbox) = mpsc::channel(ERASURES_MAX);
        let reader = Reader::new(
            Arc::clone(&book),
            Arc::clone(&hub),
            Arc::clone(&self.status),
            Arc::clone(&self.rejections),
            identity.clone(),
            commands,
        );
        let pending = Arc::new(PendingErasures::default());
        let tail = Tail::new(url.clone(), identity.clone())?;
        let poster = Poster::new(Arc::clone(&book), Arc::clone(&hub), self.rejections);
        let follower = Follower::new(
            tail,
            poster,
            Arc::clone(&book),
            Arc::clone(&hub),
            self.status,
            Arc::clone(&pending),
            shutdown.clone(),
        );
        tasks.spawn_blocking("the follower", move || Ok(follower.run()?));
        let eraser = Eraser::new(url, identity, super::writer_name())?;
        tasks.spawn_blocking("the eraser", move || {
            follower::run_eraser(eraser, inbox, &book, &pending, &shutdown);
            Ok(())
        });
        spawn_http(tasks, listeners, self.listen, access, reader, hub);
        Ok(())
    }
}

/// The half that writes, whenever it leads.
fn spawn_worker(
    tasks: &mut Tasks,
    shared: &Shared,
    feeds: Vec<FeedSettings>,
    status: &Arc<Status>,
    rejections: Arc<Rejections>,
) {
    let worker = Worker {
        shared: shared.clone(),
        name: super::writer_name(),
        feeds,
        status: Arc::clone(status),
        rejections,
        shutdown: tasks.shutdown.clone(),
    };
    tasks.spawn("the ingest worker", worker.run());
}

/// One of several that could write.
struct Worker {
    shared: Shared,
    name: String,
    feeds: Vec<FeedSettings>,
    status: Arc<Status>,
    rejections: Arc<Rejections>,
    shutdown: CancellationToken,
}

impl Worker {
    async fn run(self) -> anyhow::Result<()> {
        let Shared { url, identity } = self.shared.clone();
        let mut lease = Lease::new(url, identity, self.name.clone())?;
        while !self.shutdown.is_cancelled() {
            self.stand_by();
            let (status, shutdown) = (Arc::clone(&self.status), self.shutdown.clone());
            let (back, leads) = blocking(move || wait_to_lead(lease, &status, &shutdown)).await?;
            lease = back;
            if leads {
                tracing::info!("this worker leads: it reads the feeds");
                metrics::gauge!("gradebook_leads").set(1);
                lease = self.lead(lease).await?;
                metrics::gauge!("gradebook_leads").set(0);
            }
        }
        blocking(move || {
            if let Err(error) = lease.release() {
                tracing::debug!(%error, "the lease is left to expire");
            }
            Ok(())
        })
        .await
    }

    /// Says of each feed that another reads it: not to be connected is right then.
    fn stand_by(&self) {
        self.status.stands_by(true);
        for feed in &self.status.feeds {
            feed.update(|connection| {
                connection.state = FeedState::Stopped;
                connection.trouble = Some("another worker leads and reads this feed".to_owned());
            });
        }
    }

    /// Reads the feeds and writes, until another leads or the process ends.
    async fn lead(&self, lease: Lease) -> anyhow::Result<Lease> {
        for feed in &self.status.feeds {
            feed.update(|connection| {
                connection.state = FeedState::Connecting;
                connection.trouble = None;
            });
        }
        self.status.stands_by(false);
        let leading = self.shutdown.child_token();
        let (commands, inbox) = mpsc::channel(INBOX_DELIVERIES_MAX);
        let (checkpoints, found) = oneshot::channel();
        let context = FeedContext {
            index: 0,
            status: Arc::clone(&self.status),
            rejections: Arc::clone(&self.rejections),
            writer: commands,
            shutdown: leading.clone(),
        };
        let mut work = JoinSet::new();
        let feeds = self.feeds.clone();
        let (end, feeds_end) = (leading.clone(), leading.clone());
        work.spawn(async move {
            // Holds on to the writer: feeds that have ended for good are no reason to stop leading.
            let hold = context.writer.clone();
            run_feeds(feeds, context, found).await?;
            feeds_end.cancelled().await;
            drop(hold);
            Ok::<_, anyhow::Error>(None)
        });
        let status = Arc::clone(&self.status);
        work.spawn_blocking(move || Ok(Some(keep_leading(lease, &status, &end))));
        let (shared, name) = (self.shared.clone(), self.name.clone());
        let (status, end) = (Arc::clone(&self.status), leading.clone());
        let names: Vec<Arc<str>> = self.feeds.iter().map(|feed| feed.url.name()).collect();
        let lease_ms = u64::try_from(shared.url.options.lease.as_millis())?;
        work.spawn_blocking(move || {
            let written = write(&shared, name, lease_ms, &names, &status, &end, checkpoints, inbox);
            let stepped_down = end.is_cancelled();
            end.cancel();
            match written {
                Err(WriterError::Journal(JournalError::Superseded)) => {
                    tracing::warn!("another worker leads: this one stands by");
                }
                Err(error) if stepped_down => tracing::warn!(%error, "this worker stopped writing"),
                outcome => outcome?,
            }
            Ok(None)
        });
        let mut lease = None;
        while let Some(ended) = work.join_next().await {
            let ended = ended.context("a part of the worker panicked").and_then(|ended| ended);
            if ended.is_err() {
                leading.cancel();
            }
            lease = ended?.or(lease);
        }
        lease.context("invariant: the lease comes back")
    }
}

/// Takes the lead, and writes what the feeds deliver until `inbox` closes or another leads.
#[expect(clippy::too_many_arguments, reason = "the parts of one worker, brought together once")]
fn write(
    shared: &Shared,
    name: String,
    lease_ms: u64,
    names: &[Arc<str>],
    status: &Arc<Status>,
    end: &CancellationToken,
    checkpoints: oneshot::Sender<Vec<Option<Arc<str>>>>,
    inbox: mpsc::Receiver<Command>,
) -> Result<(), WriterError> {
    let mut journal =
        RedisJournal::new(shared.url.clone(), shared.identity.clone(), name)?.led_by(lease_ms);
    // First the term, then the checkpoints: nobody can append between them any more.
    let (last, last_received) = loop {
        match journal.lead() {
            Err(JournalError::Unavailable(cause)) => {
                tracing::error!(error = %cause, "the journal cannot be written yet");
                status.journal_unavailable(cause.to_string());
                if cancelled_within(RETRY, end) {
                    return Ok(());
                }
            }
            Err(JournalError::Conflict { .. }) => {}
            outcome => break outcome?,
        }
    };
    status.journal_written(last);
    let journal = Box::new(journal);
    let mut writer = Writer::leading(journal, last, last_received, Arc::clone(status), end.clone());
    let found: Result<Vec<_>, _> = names.iter().map(|name| writer.checkpoint(name)).collect();
    // Nobody waits for the checkpoints any more when the process is already ending.
    checkpoints.send(found?).ok();
    writer.run_unposted(inbox)
}

/// Tries for the lease until it has it, or until the shutdown.
fn wait_to_lead(
    mut lease: Lease,
    status: &Status,
    shutdown: &CancellationToken,
) -> anyhow::Result<(Lease, bool)> {
    let mut stands_by = false;
    loop {
        let taken = lease.take();
        status.lease_untold(taken.as_ref().err().map(ToString::to_string));
        match taken {
            Ok(true) => return Ok((lease, true)),
            Ok(false) if !stands_by => {
                stands_by = true;
                tracing::info!("another worker leads: this one stands by");
            }
            Ok(false) => {}
            Err(JournalError::Unavailable(cause)) => {
                tracing::warn!(error = %cause, "the lease cannot be taken");
            }
            Err(error) => return Err(error.into()),
        }
        if cancelled_within(lease.pause(), shutdown) {
            return Ok((lease, false));
        }
    }
}

/// Renews the lease until `end`, and tells the replicas how the feeds are; ends it when another has
/// the lease. While Redis cannot be reached nobody else can take it either.
fn keep_leading(mut lease: Lease, status: &Status, end: &CancellationToken) -> Lease {
    let mut told = Vec::new();
    let mut renew_at = Instant::now() + lease.pause();
    let mut renews = false;
    loop {
        let feeds = status.feeds_read();
        // Told again with every renewal, so that it does not expire.
        if (renews || feeds != told) && publish(&mut lease, feeds.clone()) {
            told = feeds;
        }
        let wait = renew_at.saturating_duration_since(Instant::now()).min(TELLING);
        if cancelled_within(wait, end) {
            return lease;
        }
        renews = Instant::now() >= renew_at;
        if renews {
            let renewed = lease.take();
            status.lease_untold(renewed.as_ref().err().map(ToString::to_string));
            match renewed {
                Ok(true) => {}
                Ok(false) => end.cancel(),
                Err(error) => tracing::warn!(%error, "the lease cannot be renewed"),
            }
            renew_at = Instant::now() + lease.pause();
        }
    }
}

/// Tells how the feeds are: true when that was told. When it cannot be, the lease cannot be renewed
/// either, which is logged.
fn publish(lease: &mut Lease, feeds: Vec<FeedReport>) -> bool {
    lease.publish(feeds).unwrap_or_else(|error| {
        tracing::debug!(%error, "the replicas cannot be told how the feeds are");
        false
    })
}

fn cancelled_within(wait: Duration, end: &CancellationToken) -> bool {
    Handle::current().block_on(tokio::time::timeout(wait, end.cancelled())).is_ok()
}

async fn blocking<Done: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<Done> + Send + 'static,
) -> anyhow::Result<Done> {
    tokio::task::spawn_blocking(work).await.context("a part of the worker panicked")?
}
