//! The outermost layer: gives every request an id, and every answer its last touches.

use std::any::Any;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use uuid::Uuid;

use super::Api;
use super::accept;
use super::problem::{self, Problem};
use super::representation::{html, json};

/// The longest target of a request, in bytes: path and query.
pub const TARGET_BYTES_MAX: usize = 8 * 1024;

/// `GRADEBOOK_LOG=info,gradebook::access=debug` logs every request.
const ACCESS_LOG: &str = "gradebook::access";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Observes a request on its way in and its answer on the way out.
pub async fn observe(State(_): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = Uuid::now_v7().to_string();
    let seen = Seen::of(&request);
    let target = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
    let is_too_long = target.len() > TARGET_BYTES_MAX;
    let person_asks = seen.prefers_html.then(|| target.to_owned());
    let mut response = if is_too_long {
        Problem::target_too_long(TARGET_BYTES_MAX).into_response()
    } else {
        next.run(request).await
    };
    if let Some(Panicked(message)) = response.extensions_mut().remove() {
        tracing::error!({ request.id = id, panic = message }, "a request panicked");
    }
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        write_problem(&mut response, &problem, &id, person_asks.as_deref());
    }
    finish_headers(response.headers_mut(), &id);
    if seen.method == "HEAD" && response.status() != StatusCode::NOT_MODIFIED {
        leave_out_body(&mut response);
    }
    seen.record(&id, response.status(), started);
    response
}

/// What is remembered of a request. Its path is not: it names a student.
struct Seen {
    method: &'static str,
    route: String,
    prefers_html: bool,
}

impl Seen {
    fn of(request: &Request) -> Self {
        let matched = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let route = if matched.len() > 1 { matched.trim_end_matches('/') } else { matched };
        let query = request.uri().query().unwrap_or_default();
        let format = query.split('&').find_map(|pair| pair.strip_prefix("format="));
        let prefers_html = match format {
            Some(format) => format == "html",
            None => accept::prefers_html(request.headers()),
        };
        Self { method: method_name(request.method()), route: route.to_owned(), prefers_html }
    }

    fn record(self, id: &str, status: StatusCode, started: Instant) {
        let Self { method, route, .. } = self;
        let took = started.elapsed();
        let route = if route.is_empty() { "none".to_owned() } else { route };
        let status_text = status.as_str().to_owned();
        metrics::histogram!("gradebook_http_request_duration_seconds",
            "method" => method, "route" => route.clone(), "status" => status_text)
        .record(took.as_secs_f64());
        let duration_ms = took.as_secs_f64() * 1_000.0;
        let status = status.as_u16();
        if status >= 500 {
            tracing::warn!(target: ACCESS_LOG,
                { request.id = id, http.method = method, http.route = route, http.status = status,
                  duration_ms }, "request failed");
        } else {
            tracing::debug!(target: ACCESS_LOG,
                { request.id = id, http.method = method, http.route = route, http.status = status,
                  duration_ms }, "request answered");
        }
    }
}

/// The method as a label of bounded variety: anybody may invent one.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "DELETE" => "DELETE",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        _ => "other",
    }
}

/// Writes `problem` as a page when there is a `target` that a person has asked for.
fn write_problem(response: &mut Response, problem: &Problem, id: &str, target: Option<&str>) {
    let document = problem.document(id);
    let headers = response.headers_mut();
    let (content_type, body) = if let Some(target) = target {
        headers.insert(header::CONTENT_SECURITY_POLICY, html::POLICY);
        let page = html::problem(&document, problem.suggestions(), target);
        ("text/html; charset=utf-8", page.into_bytes())
    } else {
        let mut text = Vec::with_capacity(512);
        json::write(&document, &mut text);
        text.push(b'\n');
        (problem::CONTENT_TYPE, text)
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    headers.remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(body);
}

fn finish_headers(headers: &mut HeaderMap, id: &str) {
    let id = HeaderValue::from_str(id).expect("invariant: a UUID is ASCII");
    headers.insert(REQUEST_ID, id);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// The same headers, without the body that they describe (RFC 9110 §9.3.2).
fn leave_out_body(response: &mut Response) {
    let length = response.body().size_hint().exact();
    // A body of unknown length, so that the length of this one is not told instead.
    *response.body_mut() = Body::from_stream(stream::empty::<Result<Bytes, Infallible>>());
    if let Some(length) = length {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
}

/// What a request panicked with; travels to [`observe`], which knows the request's id. For the log
/// only.
#[derive(Clone)]
struct Panicked(String);

/// A panic in one request is that request's problem only.
#[expect(clippy::needless_pass_by_value, reason = "the signature that is asked for")]
pub fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let message = cause.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| cause.downcast_ref::<&str>().copied());
    metrics::counter!("gradebook_http_panics_total").increment(1);
    let mut response = Problem::internal().into_response();
    let message = message.unwrap_or("of an unknown type").to_owned();
    response.extensions_mut().insert(Panicked(message));
    response
}
