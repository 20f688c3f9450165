//! Resources and their representations. Reads the gradebook, never the journal.
//!
//! A request comes in through [`observe`] (its id, its limits, how errors look), [`compress`] (its
//! coding) and the router, which is made from the table in [`resource`]. [`call`] checks everything
//! that does not depend on what the book holds: path, query, representation. The resource's own
//! file looks into the book, briefly, and hands a document to [`representation`].
//!
//! Invariant: nothing here writes, except through [`Reader::erase`]; no response depends on the
//! `Host` header, the time or the host; no log names a student.

pub mod accept;
pub mod access;
pub mod bounds;
pub mod call;
pub mod charts;
pub mod compress;
pub mod conditional;
pub mod cors;
pub mod cursor;
pub mod erase;
pub mod event_id;
pub mod exams;
pub mod feeds;
pub mod health;
pub mod index;
pub mod links;
pub mod live;
pub mod observe;
pub mod openapi;
pub mod pages;
pub mod parameters;
pub mod percent;
pub mod problem;
pub mod problem_kind;
pub mod problems;
pub mod query;
pub mod rejections;
pub mod reply;
pub mod representation;
pub mod resource;
pub mod results;
pub mod server;
pub mod standing;
pub mod students;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::{any, post};
use gradebook_core::Position;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::util::option_layer;
use tower_http::catch_panic::CatchPanicLayer;

use crate::config::{AccessSettings, Origin};
use crate::reader::Reader;
use access::Guard;
use cursor::CursorKey;
use event_id::EventId;
use links::Links;
use problem::Problem;
use representation::event_stream::EventText;
use resource::Resource;
use server::Limits;

/// What every request can be answered from.
#[derive(Debug)]
pub struct Api {
    /// The gradebook, and how everything is.
    pub reader: Reader,
    /// Makes URLs.
    pub links: Links,
    /// Makes and reads cursors.
    pub cursors: CursorKey,
    /// Who may ask for what.
    pub guard: Guard,
    /// Whether clients are answered over TLS by this process.
    pub is_tls: bool,
    /// What bodies depend on besides the book and the request: version, policy and public URL.
    pub variant: String,
    /// The longest silence on an event stream.
    pub keep_alive: Duration,
    /// The longest wait for the journal: one that is unavailable must not hold callers for good.
    pub request_timeout: Duration,
}

impl Api {
    /// Answers from `reader`, with URLs under `public_url`, to whom `access` allows it; event
    /// streams are never silent for longer than `keep_alive`.
    #[must_use]
    pub fn new(
        reader: Reader,
        public_url: Option<&str>,
        access: &AccessSettings,
        keep_alive: Duration,
    ) -> Self {
        let links = Links::new(public_url);
        let policy = reader.now().policy();
        let variant = format!("{} {policy} {}", env!("CARGO_PKG_VERSION"), links.base());
        let key = reader.identity.key;
        let cursors = CursorKey::new(&key);
        let guard = Guard::new(access, key);
        Self {
            reader,
            links,
            cursors,
            guard,
            is_tls: access.tls.is_some(),
            variant,
            keep_alive,
            request_timeout: access.limits.request_timeout,
        }
    }

    /// Text of events, none yet.
    #[must_use]
    pub fn event_text(&self) -> EventText<'_> {
        EventText::new(self.reader.identity.epoch, &self.links)
    }

    /// `position` as clients see it.
    #[must_use]
    pub fn event_id(&self, position: Position) -> EventId {
        EventId { epoch: self.reader.identity.epoch, position }
    }

    /// The figures, in the text format of Prometheus.
    #[must_use]
    pub fn metrics(&self) -> String {
        crate::metrics::render(&self.reader)
    }
}

/// The resources that `serves` wants, and what surrounds them.
pub fn router(
    api: Arc<Api>,
    cors_origins: &[Origin],
    serves: impl Fn(&Resource) -> bool,
) -> Router {
    let mut router = Router::new();
    for resource in resource::ALL.into_iter().filter(|resource| serves(resource)) {
        let answer = move |State(api): State<Arc<Api>>, request: Request| async move {
            call::answer(api, resource, request).await
        };
        for path in resource.paths() {
            router = router.route(&path, any(answer));
        }
    }
    router = router
        .route("/session", post(access::sign_in))
        .route("/assets/{name}", any(pages::assets::serve));
    surround(router, api, cors_origins)
}

/// What every request passes on its way to `routes`, and every answer on its way back.
fn surround(routes: Router<Arc<Api>>, api: Arc<Api>, cors_origins: &[Origin]) -> Router {
    routes
        .fallback(|| async { Problem::not_found().into_response() })
        .layer(middleware::from_fn(compress::compress))
        .layer(CatchPanicLayer::custom(observe::panicked))
        .layer(middleware::from_fn_with_state(Arc::clone(&api), access::limit))
        .layer(option_layer(cors::layer(cors_origins)))
        .layer(middleware::from_fn_with_state(Arc::clone(&api), observe::observe))
        .with_state(api)
}

/// The sockets that are listened on.
#[derive(Debug)]
pub struct Listeners {
    /// For everybody.
    pub public: TcpListener,
    /// For whoever runs the service: health and figures. When there is one, figures are there only.
    pub admin: Option<TcpListener>,
}

/// Serves on `listeners` until `shutdown`, then lets requests finish.
///
/// # Errors
/// When a listener has no address, which is a bug of the system's.
pub async fn serve(
    listeners: Listeners,
    api: Arc<Api>,
    access: AccessSettings,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let Listeners { public, admin } = listeners;
    let AccessSettings { tls, cors_origins, limits, .. } = access;
    let is_split = admin.is_some();
    let everybodys = router(Arc::clone(&api), &cors_origins, |resource| {
        !(is_split && resource.template == health::METRICS.template)
    });
    if let Some(admin) = &admin {
        tracing::info!(admin_address = %admin.local_addr()?, "health and figures have their own");
    }
    tracing::info!(address = %public.local_addr()?, tls = api.is_tls, "serving");
    let public = server::serve(public, everybodys, tls, limits, shutdown.clone());
    let Some(admin) = admin else {
        public.await;
        return Ok(());
    };
    let probes = [&health::HEALTHZ, &health::READYZ, &health::METRICS].map(|one| one.template);
    let probes = router(api, &[], |resource| probes.contains(&resource.template));
    let limits = Limits { connections_max: ADMIN_CONNECTIONS_MAX, ..limits };
    let admin = server::serve(admin, probes, None, limits, shutdown);
    tokio::join!(public, admin);
    Ok(())
}

/// Connections to the admin listener: probes and scrapers are few.
const ADMIN_CONNECTIONS_MAX: usize = 64;
