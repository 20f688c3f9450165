//! From a URL to an event stream: the request, its credentials, its redirects, and the checks on
//! the answer.

use std::io;
use std::path::Path;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use tokio::io::AsyncReadExt;
use url::Url;

use super::trouble::{Trouble, told};
use crate::config::{FeedSettings, TOKEN_BYTES_MAX};

/// How many redirects are followed for one connection.
pub const REDIRECTS_MAX: usize = 5;

/// How long making a TCP connection, and TLS on it, may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A peer that is gone without a word is noticed after this long, times [`KEEPALIVE_PROBES`], even
/// when the idle timeout is much longer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 3;

const EVENT_STREAM: &str = "text/event-stream";
const USER_AGENT: &str = concat!("gradebook/", env!("CARGO_PKG_VERSION"));

/// Connects to a feed and asks for the events after `last_event_id`.
///
/// Credentials (the URL's, the token, the extra header fields) are sent to the feed's own origin
/// only, whatever redirects say.
///
/// # Errors
/// When the answer is anything but an event stream.
pub async fn open(
    settings: &FeedSettings,
    last_event_id: Option<&str>,
) -> Result<Response, Trouble> {
    let client = client(&settings.url.url())?;
    let credentials = credentials(settings).await?;
    let mut url = settings.url.url();
    for _ in 0..=REDIRECTS_MAX {
        let mut request = client.get(url.clone());
        if url.origin() == settings.url.origin() {
            request = request.headers(credentials.clone());
        }
        let response =
            send(with_last_event_id(request, last_event_id), settings.idle_timeout).await?;
        if !response.status().is_redirection() {
            return check(response);
        }
        url = redirect_target(&url, &response)?;
    }
    Err(Trouble::RedirectsMax(REDIRECTS_MAX))
}

/// A new client for every connection: it has no old connection to take up by mistake, and knows
/// the root certificates of today.
fn client(url: &Url) -> Result<Client, Trouble> {
    let builder = || {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(EVENT_STREAM));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_keepalive(KEEPALIVE_INTERVAL)
            .tcp_keepalive_interval(KEEPALIVE_INTERVAL)
            .tcp_keepalive_retries(KEEPALIVE_PROBES)
    };
    match builder().build() {
        Ok(client) => Ok(client),
        // A machine without root certificates can read plain feeds all the same.
        Err(_) if url.scheme() == "http" => {
            builder().tls_certs_only([]).build().map_err(Trouble::Client)
        }
        Err(error) => Err(Trouble::Client(error)),
    }
}

/// Header fields for the feed's own origin. The most explicit `Authorization` wins: an extra header
/// field, then the token, then what is in the URL.
async fn credentials(settings: &FeedSettings) -> Result<HeaderMap, Trouble> {
    let mut headers = settings.headers.clone();
    if headers.contains_key(header::AUTHORIZATION) {
        return Ok(headers);
    }
    let authorization = if let Some(path) = &settings.token_file {
        let token = read_token(path).await?;
        Some(format!("Bearer {token}"))
    } else {
        settings.url.userinfo().map(|(username, password)| basic(username, password))
    };
    if let Some(authorization) = authorization {
        let mut value = HeaderValue::try_from(authorization).map_err(|_| Trouble::Token)?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(headers)
}

/// RFC 7617, of a percent-encoded user name and password.
fn basic(username: &str, password: Option<&str>) -> String {
    use base64::prelude::{BASE64_STANDARD, Engine};
    let mut credentials: Vec<u8> = percent_decode_str(username).collect();
    credentials.push(b':');
    credentials.extend(percent_decode_str(password.unwrap_or_default()));
    format!("Basic {}", BASE64_STANDARD.encode(credentials))
}

async fn read_token(path: &Path) -> Result<String, Trouble> {
    let read = async {
        let mut token = String::new();
        let file = tokio::fs::File::open(path).await?;
        file.take(TOKEN_BYTES_MAX as u64 + 1).read_to_string(&mut token).await?;
        Ok::<String, io::Error>(token)
    };
    let token = read.await.map_err(Trouble::TokenFile)?;
    let fits = token.len() <= TOKEN_BYTES_MAX;
    Some(token.trim())
        .filter(|token| fits && !token.is_empty())
        .map(str::to_owned)
        .ok_or(Trouble::Token)
}

fn with_last_event_id(request: RequestBuilder, last_event_id: Option<&str>) -> RequestBuilder {
    match last_event_id.map(|id| HeaderValue::from_bytes(id.as_bytes())) {
        Some(Ok(id)) => request.header("last-event-id", id),
        Some(Err(_)) | None => request,
    }
}

async fn send(request: RequestBuilder, timeout: Duration) -> Result<Response, Trouble> {
    match tokio::time::timeout(timeout, request.send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(Trouble::Unreachable(error.without_url())),
        Err(_) => Err(Trouble::NoAnswer(timeout)),
    }
}

fn redirect_target(from: &Url, response: &Response) -> Result<Url, Trouble> {
    if response.status() == StatusCode::NOT_MODIFIED {
        return Err(Trouble::Status(response.status()));
    }
    let location = response.headers().get(header::LOCATION);
    let location = location.and_then(|location| std::str::from_utf8(location.as_bytes()).ok());
    let target = location.and_then(|location| from.join(location).ok());
    let mut target = target.ok_or(Trouble::RedirectNowhere)?;
    match (from.scheme(), target.scheme()) {
        ("https", "http") => return Err(Trouble::RedirectDowngrade),
        (_, "http" | "https") => {}
        _ => return Err(Trouble::RedirectNowhere),
    }
    // What a redirect says about credentials does not count. Neither can fail for http and https.
    target.set_username("").ok();
    target.set_password(None).ok();
    Ok(target)
}

/// Any other status. Of one that means "not now" it counts how long that is.
fn refused(status: StatusCode, headers: &HeaderMap) -> Trouble {
    let means_later =
        matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let asked = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    match asked.filter(|_| means_later).and_then(|text| retry_after(text, jiff::Timestamp::now())) {
        Some(retry_after) => Trouble::Busy { status, retry_after },
        None => Trouble::Status(status),
    }
}

/// `Retry-After` in whole seconds: a number of them, or a time (RFC 9110 §10.2.3).
fn retry_after(text: &str, now: jiff::Timestamp) -> Option<Duration> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // As many digits as somebody may think of: all the same beyond any bound.
        return (!text.is_empty())
            .then(|| Duration::from_secs(text.parse::<u32>().unwrap_or(u32::MAX).into()));
    }
    let time = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let seconds = time.duration_since(now).as_secs();
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// 200 with `text/event-stream`, in a content coding that is read.
fn check(response: Response) -> Result<Response, Trouble> {
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NO_CONTENT => return Err(Trouble::NoMore),
        status => return Err(refused(status, response.headers())),
    }
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let essence = content_type.and_then(|value| value.to_str().ok()?.split(';').next());
    if !essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(EVENT_STREAM)) {
        return Err(Trouble::ContentType(told(content_type)));
    }
    // The client takes the field away when it undoes the coding.
    match response.headers().get(header::CONTENT_ENCODING) {
        Some(coding) if !coding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(Trouble::ContentEncoding(told(Some(coding))))
        }
        _ => Ok(response),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_after_is_a_number_of_seconds_or_a_time() {
        let now: jiff::Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        let most = u64::from(u32::MAX);
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(most)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:48:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
