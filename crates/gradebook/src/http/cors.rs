//! Which other origins' pages may read answers (WHATWG Fetch §3.2). None, unless settings say so.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::CorsLayer;

use crate::config::Origin;

/// How long a browser may remember a preflight.
const PREFLIGHT_AGE: Duration = Duration::from_secs(3_600);

/// Lets pages of `origins` read answers and their useful headers; without credentials: they send a
/// token in `Authorization`, never a session.
#[must_use]
pub fn layer(origins: &[Origin]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let origins = origins.iter().map(|origin| {
        HeaderValue::from_str(origin.as_str()).expect("invariant: an origin is ASCII")
    });
    let exposed = ["etag", "link", "ratelimit", "ratelimit-policy", "retry-after", "x-request-id"];
    let asked = [
        header::ACCEPT,
        header::AUTHORIZATION,
        header::IF_NONE_MATCH,
        HeaderName::from_static("last-event-id"),
    ];
    let layer = CorsLayer::new()
        .allow_origin(origins.collect::<Vec<_>>())
        .allow_methods([Method::GET, Method::HEAD, Method::OPTIONS])
        .allow_headers(asked)
        .expose_headers(exposed.map(HeaderName::from_static))
        .max_age(PREFLIGHT_AGE);
    Some(layer)
}
