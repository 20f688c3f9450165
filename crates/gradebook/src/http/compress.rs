//! Content codings: chosen here, once, so that entity tags can tell them apart.

use std::convert::Infallible;
use std::future::ready;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use tower::{Layer, ServiceExt};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

use super::accept;

/// Smaller bodies fit in one packet as they are. In bytes.
const COMPRESSED_BYTES_MIN: u64 = 1_024;

/// Chooses the coding, and leaves the compression no other choice. Never for an event stream: there
/// an event has to leave at once, and the compressor's state, which has its place in a body even
/// when it has nothing to do, is six times as large as all that a subscriber needs.
pub async fn compress(mut request: Request, next: Next) -> Response {
    let coding = accept::coding(request.headers());
    let coded = HeaderValue::from_static(coding.name());
    request.headers_mut().insert(header::ACCEPT_ENCODING, coded.clone());
    request.extensions_mut().insert(coding);
    let response = next.run(request).await;
    let is_stream = |kind: &HeaderValue| kind.as_bytes().starts_with(b"text/event-stream");
    if response.headers().get(header::CONTENT_TYPE).is_some_and(is_stream) {
        return response;
    }
    let mut wanted = Request::new(Body::empty());
    wanted.headers_mut().insert(header::ACCEPT_ENCODING, coded);
    let mut response = Some(response);
    let answer = tower::service_fn(move |_: Request| {
        ready(Ok::<_, Infallible>(response.take().expect("invariant: asked once")))
    });
    let layer = CompressionLayer::new().compress_when(SizeAbove::new(COMPRESSED_BYTES_MIN));
    match layer.layer(answer).oneshot(wanted).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    }
}
