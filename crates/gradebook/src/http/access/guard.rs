//! Stands before every resource: who is it, may they, and not too often.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use gradebook_core::{PseudonymKey, Timestamp};

use super::{Left, Quota, RateLimit, Scope, Sessions, Token, TokenFile, TokenFileError, TokenId};
use crate::config::AccessSettings;
use crate::http::Api;
use crate::http::problem::Problem;
use crate::http::resource::Resource;

/// The name of the one quota there is.
const POLICY: &str = "default";

const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Knows the tokens, the sessions and the quotas.
#[derive(Debug)]
pub struct Guard {
    tokens: Option<Tokens>,
    sessions: Sessions,
    limit: Option<RateLimit<Caller>>,
}

#[derive(Debug)]
struct Tokens {
    path: PathBuf,
    file: ArcSwap<TokenFile>,
}

/// Who a request is counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Caller {
    Token(TokenId),
    Address(IpAddr),
}

impl Guard {
    /// Guards as `settings` say; sessions are signed with the journal's `key`.
    #[must_use]
    pub fn new(settings: &AccessSettings, key: PseudonymKey) -> Self {
        let tokens = settings.tokens.clone();
        Self {
            tokens: tokens.map(|(path, file)| Tokens { path, file: ArcSwap::from_pointee(file) }),
            sessions: Sessions::new(key),
            limit: settings.rate_limit.map(RateLimit::new),
        }
    }

    /// Reads the token file again. After an error, the tokens from before are accepted.
    ///
    /// # Errors
    /// See [`TokenFileError`].
    pub fn reload(&self) -> Result<(), TokenFileError> {
        if let Some(tokens) = &self.tokens {
            tokens.file.store(Arc::new(TokenFile::load(&tokens.path)?));
        }
        Ok(())
    }

    /// Whether a token is needed at all.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.tokens.is_none()
    }

    /// Lets a request through that needs `needed`, or says why not. What exists is not looked at:
    /// a refusal must not tell it (AIP-211).
    ///
    /// # Errors
    /// 401 without a token that is accepted, 403 with one that does not allow it.
    pub fn admit(&self, headers: &HeaderMap, needed: Option<Scope>) -> Result<(), Problem> {
        let (Some(_), Some(needed)) = (&self.tokens, needed) else { return Ok(()) };
        match self.token(headers) {
            Some(token) if token.scope >= needed => Ok(()),
            Some(_) => Err(Problem::insufficient_scope(needed)),
            None => {
                let sent = headers.contains_key(header::AUTHORIZATION);
                Err(Problem::unauthorized(sent.then_some("invalid_token")))
            }
        }
    }

    /// A session for whoever knows `token`: the value of a cookie. `None`: it is no token.
    #[must_use]
    pub fn sign_in(&self, token: &str, now: Timestamp) -> Option<String> {
        let file = self.tokens.as_ref()?.file.load();
        file.find(token).map(|token| self.sessions.issue(&token.id, now))
    }

    /// The token of a request: in `Authorization`, else as a session. A wrong one in
    /// `Authorization` is not made good by a session.
    fn token(&self, headers: &HeaderMap) -> Option<Token> {
        let file = self.tokens.as_ref()?.file.load();
        if let Some(authorization) = headers.get(header::AUTHORIZATION) {
            let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
            let is_bearer = scheme.eq_ignore_ascii_case("bearer"); // RFC 9110 §11.1
            return file.find(token.trim()).filter(|_| is_bearer).cloned();
        }
        let cookies =
            headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';'));
        let session = pairs.find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == Sessions::COOKIE).then_some(value)
        })?;
        let id = self.sessions.check(session, now())?;
        file.with_id(&id).cloned()
    }

    fn caller(&self, request: &Request) -> Caller {
        let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let address = address.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
        let token = self.token(request.headers());
        token.map_or(Caller::Address(address), |token| Caller::Token(token.id))
    }
}

fn now() -> Timestamp {
    let now = u64::try_from(jiff::Timestamp::now().as_millisecond());
    Timestamp::from_ms(now.unwrap_or_default())
}

/// Counts the request against its caller's quota, where there are quotas. What needs no token, such
/// as `/healthz`, is not counted; nor is a 304, which costs next to nothing.
pub async fn limit(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let Some(limit) = api.guard.limit.as_ref().filter(|_| is_counted(api.resources, &request))
    else {
        return next.run(request).await;
    };
    let caller = api.guard.caller(&request);
    let mut left = limit.count(caller, Instant::now());
    let mut response = if left.allowed {
        next.run(request).await
    } else {
        metrics::counter!("gradebook_http_rate_limited_total").increment(1);
        Problem::quota_exceeded(&[POLICY], left.seconds).into_response()
    };
    if response.status() == StatusCode::NOT_MODIFIED {
        left = limit.give_back(caller, Instant::now());
    }
    write_headers(response.headers_mut(), limit.quota(), left);
    response
}

fn is_counted(resources: &[&Resource], request: &Request) -> bool {
    let matched = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let template = if matched.len() > 1 { matched.trim_end_matches('/') } else { matched };
    let resource = resources.iter().find(|resource| resource.template == template);
    resource.is_none_or(|resource| resource.scope.is_some())
}

/// As in draft-ietf-httpapi-ratelimit-headers.
fn write_headers(headers: &mut HeaderMap, quota: Quota, left: Left) {
    let Quota { requests, window } = quota;
    let policy = format!("\"{POLICY}\";q={requests};w={}", window.as_secs());
    let left = format!("\"{POLICY}\";r={};t={}", left.requests, left.seconds);
    for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, left)] {
        headers.insert(name, HeaderValue::try_from(value).expect("invariant: digits and signs"));
    }
}
