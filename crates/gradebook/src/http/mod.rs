//! Resources and their representations. Reads the gradebook, never the journal.
//!
//! A request comes in through [`observe`] (its id, its limits, how errors look), [`compress`] (its
//! coding) and the router, which is made from the table in [`table`]. [`call`] checks everything
//! that does not depend on what the book holds: path, query, representation. The resource's own
//! file looks into the book, briefly, and hands a document to [`representation`].
//!
//! Invariant: nothing here writes, except through [`Reader::erase`]; no response depends on the
//! `Host` header, the time or the host; no log names a student.
//!
//! [`Reader::erase`]: crate::reader::Reader::erase

pub mod accept;
pub mod access;
pub mod api;
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
pub mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::{any, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::util::option_layer;
use tower_http::catch_panic::CatchPanicLayer;

pub use api::Api;

use crate::config::{AccessSettings, Origin};
use problem::Problem;
use resource::Resource;
use server::Limits;

/// The resources that `serves` wants, and what surrounds them.
pub fn router(
    api: Arc<Api>,
    cors_origins: &[Origin],
    serves: impl Fn(&Resource) -> bool,
) -> Router {
    let mut router = Router::new();
    for resource in api.resources.iter().copied().filter(|resource| serves(resource)) {
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
