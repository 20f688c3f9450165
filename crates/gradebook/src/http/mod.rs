//! Resources and their representations. Reads the gradebook, never the journal.

pub mod access;
mod event_id;
pub mod live;
pub mod pages;
mod representation;
pub mod server;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::reader::Reader;

/// Serves on `listener` until `shutdown`, then lets requests finish.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    reader: Reader,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    tracing::info!(address = %listener.local_addr()?, "serving");
    let router = Router::new().route("/healthz", get(|| async { "ok\n" })).with_state(reader);
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { shutdown.cancelled().await })
        .await?;
    Ok(())
}
