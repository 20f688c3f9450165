//! Content codings: chosen here, once, so that entity tags can tell them apart.

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::compression::predicate::{NotForContentType, SizeAbove};
use tower_http::compression::{CompressionLayer, Predicate};

use super::accept;

/// Smaller bodies fit in one packet as they are. In bytes.
const COMPRESSED_BYTES_MIN: u64 = 1_024;

/// Chooses the coding, and leaves the compression below no other choice.
pub async fn choose(mut request: Request, next: Next) -> Response {
    let coding = accept::coding(request.headers());
    request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static(coding.name()));
    request.extensions_mut().insert(coding);
    next.run(request).await
}

/// Compresses what gains by it. Never an event stream, where an event has to leave at once.
pub fn layer() -> CompressionLayer<impl Predicate> {
    let large = SizeAbove::new(COMPRESSED_BYTES_MIN);
    let predicate = large.and(NotForContentType::const_new("text/event-stream"));
    CompressionLayer::new().compress_when(predicate)
}
