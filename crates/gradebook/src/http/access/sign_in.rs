//! `POST /session`: a form with a token, for people at a browser. The answer is a cookie.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gradebook_core::Timestamp;

use super::Sessions;
use crate::http::Api;
use crate::http::problem::Problem;

/// The form, in bytes.
const FORM_BYTES_MAX: usize = 4 * 1024;

/// Takes the fields `token` and `next` (a path of this service, where to go afterwards). An empty
/// token ends the session.
///
/// # Errors
/// 401 when it is not a token; 413 when it is no such form either.
pub async fn sign_in(State(api): State<Arc<Api>>, request: Request) -> Result<Response, Problem> {
    let body: Body = request.into_body();
    let form = to_bytes(body, FORM_BYTES_MAX)
        .await
        .map_err(|_| Problem::plain(StatusCode::PAYLOAD_TOO_LARGE))?;
    let field = |wanted: &str| {
        let mut fields = url::form_urlencoded::parse(&form);
        fields.find_map(|(name, value)| (name == wanted).then(|| value.into_owned()))
    };
    let token = field("token").unwrap_or_default();
    let (session, lasts) = if token.is_empty() {
        (String::new(), 0)
    } else {
        let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default();
        let session = api.guard.sign_in(token.trim(), Timestamp::from_ms(now));
        (session.ok_or_else(|| Problem::unauthorized(None))?, Sessions::LASTS_SECONDS)
    };
    let secure = if api.is_tls { "; Secure" } else { "" };
    let name = Sessions::COOKIE;
    let cookie =
        format!("{name}={session}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Strict{secure}");
    let headers = [
        (header::SET_COOKIE, HeaderValue::try_from(cookie)),
        (header::LOCATION, HeaderValue::try_from(local_path(&field("next").unwrap_or_default()))),
        (header::CACHE_CONTROL, Ok(HeaderValue::from_static("no-store"))),
    ];
    let mut response = StatusCode::SEE_OTHER.into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.expect("invariant: ASCII without controls"));
    }
    Ok(response)
}

/// `next` when it is a path of this service, else `/`: nobody is sent elsewhere by a link.
fn local_path(next: &str) -> &str {
    let is_local = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && next.bytes().all(|byte| byte.is_ascii_graphic());
    if is_local { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for next in ["/", "/exams/3?sort=-score"] {
            assert_eq!(local_path(next), next);
        }
        for next in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/ë"]
        {
            assert_eq!(local_path(next), "/");
        }
    }
}
