//! Every error that a client can see, as RFC 9457 problem details.
//!
//! The detail of a 4xx is for the caller. The cause of a 5xx is logged where it happens, and never
//! sent.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::accept::MediaType;
use super::access::Scope;
use super::problem_kind::{self as kind, ProblemKind};

/// The media type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// A failed request, as the client sees it.
///
/// Handlers return it; [`super::observe`] gives it the request's id and writes it, as JSON or HTML.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    kind: Option<&'static ProblemKind>,
    detail: Option<String>,
    errors: Vec<ParameterError>,
    extensions: Vec<(&'static str, Value)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    suggestions: Option<Box<Suggestions>>,
}

/// Where somebody may go on who is at a page that tells of a problem.
#[derive(Clone, Debug, Default)]
pub struct Suggestions {
    /// What may have been meant: text and link.
    pub links: Vec<(String, String)>,
    /// Where to look for it: text and link.
    pub onward: Option<(&'static str, &'static str)>,
}

/// A parameter that is wrong, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParameterError {
    /// Its name as it was sent.
    pub parameter: String,
    /// What is wrong with it.
    pub detail: String,
}

/// What goes over the wire, as `application/problem+json`.
#[derive(Clone, Debug, Serialize)]
pub struct ProblemDocument<'a> {
    /// A URI reference that names the kind of problem.
    pub r#type: String,
    /// A few words.
    pub title: &'a str,
    /// The status code.
    pub status: u16,
    /// The key for programs; absent when the status says it all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'a str>,
    /// What happened this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'a str>,
    /// The parameters that are wrong.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub errors: &'a [ParameterError],
    /// What some kinds add.
    #[serde(flatten, serialize_with = "in_order")]
    pub extensions: &'a [(&'static str, Value)],
    /// The id of the request, as a URN.
    pub instance: String,
}

fn in_order<S: serde::Serializer>(
    extensions: &&[(&'static str, Value)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(extensions.iter().map(|(name, value)| (name, value)))
}

impl Problem {
    fn of(kind: &'static ProblemKind) -> Self {
        Self { kind: Some(kind), ..Self::plain(kind.status) }
    }

    /// A problem about which the status code says everything (RFC 9457 §4.2.1).
    #[must_use]
    pub fn plain(status: StatusCode) -> Self {
        Self {
            status,
            kind: None,
            detail: None,
            errors: Vec::new(),
            extensions: Vec::new(),
            headers: Vec::new(),
            suggestions: None,
        }
    }

    /// Adds what happened this time, for people.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds an extension member.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.extensions.push((name, value.into()));
        self
    }

    /// Adds where to go on, for the page that tells of it.
    #[must_use]
    pub fn suggest(mut self, suggestions: Suggestions) -> Self {
        self.suggestions = Some(Box::new(suggestions));
        self
    }

    /// Where to go on.
    #[must_use]
    pub fn suggestions(&self) -> Option<&Suggestions> {
        self.suggestions.as_deref()
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    fn with_errors(mut self, errors: Vec<ParameterError>) -> Self {
        self.errors = errors;
        self
    }

    /// 400: parameters that are not defined on `template`, where `allowed` are.
    #[must_use]
    pub fn unknown_parameters(
        names: &[String],
        template: &str,
        allowed: Vec<&'static str>,
    ) -> Self {
        let first = names.first().map_or("", String::as_str);
        let mut detail = format!("Parameter '{first}' is not defined on {template}.");
        if let Some(meant) = closest(first, &allowed) {
            detail.push_str(&format!(" Did you mean '{meant}'?"));
        }
        let errors = names.iter().map(|name| ParameterError {
            parameter: name.clone(),
            detail: "not defined here".to_owned(),
        });
        Self::of(&kind::UNKNOWN_PARAMETER)
            .detail(detail)
            .with_errors(errors.collect())
            .with("allowed", allowed)
    }

    /// 400: parameters with values that they cannot have.
    #[must_use]
    pub fn invalid_parameters(errors: Vec<ParameterError>) -> Self {
        let detail = errors.first().map(|first| format!("{}: {}.", first.parameter, first.detail));
        Self::of(&kind::INVALID_PARAMETER).detail(detail.unwrap_or_default()).with_errors(errors)
    }

    /// 400: one parameter with a value that it cannot have.
    #[must_use]
    pub fn invalid_parameter(name: &str, detail: impl Into<String>) -> Self {
        Self::invalid_parameters(vec![ParameterError {
            parameter: name.to_owned(),
            detail: detail.into(),
        }])
    }

    /// 400: a parameter that may be sent once was sent again, perhaps under another name.
    #[must_use]
    pub fn duplicate_parameter(name: &str, detail: String) -> Self {
        Self::of(&kind::DUPLICATE_PARAMETER)
            .detail(format!("{name}: {detail}."))
            .with_errors(vec![ParameterError { parameter: name.to_owned(), detail }])
    }

    /// 400: a cursor of another list, or none at all.
    #[must_use]
    pub fn invalid_cursor(error: super::cursor::CursorError) -> Self {
        Self::of(&kind::INVALID_CURSOR)
            .detail(format!("{error}; start again without it."))
            .with_errors(vec![ParameterError {
                parameter: "cursor".to_owned(),
                detail: error.to_string(),
            }])
    }

    /// 400: the path cannot be decoded.
    #[must_use]
    pub fn malformed_path(error: super::percent::DecodeError) -> Self {
        Self::of(&kind::MALFORMED_PATH).detail(format!("The path cannot be decoded: {error}."))
    }

    /// 401: who are you? With `error`, the token that was sent is not a good one.
    #[must_use]
    pub fn unauthorized(error: Option<&'static str>) -> Self {
        let challenge = error.map_or("Bearer realm=\"scores\"", |error| {
            debug_assert_eq!(error, "invalid_token");
            "Bearer realm=\"scores\", error=\"invalid_token\""
        });
        Self::plain(StatusCode::UNAUTHORIZED)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// 403: the token is good, but not for this.
    #[must_use]
    pub fn insufficient_scope(needed: Scope) -> Self {
        let scope = needed.to_string();
        let challenge =
            format!("Bearer realm=\"scores\", error=\"insufficient_scope\", scope=\"{scope}\"");
        let challenge = HeaderValue::try_from(challenge).expect("invariant: scopes are ASCII");
        Self::of(&kind::INSUFFICIENT_SCOPE)
            .detail(format!("This needs a token with the scope '{scope}'."))
            .with("scope", scope)
            .header(header::WWW_AUTHENTICATE, challenge)
    }

    /// 404: nothing is held of that student.
    #[must_use]
    pub fn student_not_found() -> Self {
        Self::of(&kind::STUDENT_NOT_FOUND).detail("No results are held of a student with this id.")
    }

    /// 404: nothing is held of that exam.
    #[must_use]
    pub fn exam_not_found() -> Self {
        Self::of(&kind::EXAM_NOT_FOUND).detail("No results are held of an exam with this number.")
    }

    /// 404: there is no such path.
    #[must_use]
    pub fn not_found() -> Self {
        Self::plain(StatusCode::NOT_FOUND)
    }

    /// 405: the path is right, the method is not.
    #[must_use]
    pub fn method_not_allowed(allow: HeaderValue) -> Self {
        Self::plain(StatusCode::METHOD_NOT_ALLOWED).header(header::ALLOW, allow)
    }

    /// 406: there is no representation that the client accepts.
    #[must_use]
    pub fn not_acceptable(available: &[MediaType]) -> Self {
        let available: Vec<_> = available.iter().map(|one| one.content_type()).collect();
        Self::of(&kind::NOT_ACCEPTABLE)
            .detail("None of the available representations is acceptable.")
            .with("available", available)
    }

    /// 412: what is there is not what the client has seen.
    #[must_use]
    pub fn precondition_failed() -> Self {
        Self::of(&kind::PRECONDITION_FAILED)
            .detail("The entity tag of what is there now is not among those of If-Match.")
    }

    /// 414: the target of the request is longer than `bytes_max`.
    #[must_use]
    pub fn target_too_long(bytes_max: usize) -> Self {
        Self::plain(StatusCode::URI_TOO_LONG)
            .detail(format!("The target of a request has at most {bytes_max} bytes."))
    }

    /// 429: the client has used up what `policies` allow it; `retry_after` is in seconds.
    #[must_use]
    pub fn quota_exceeded(policies: &[&str], retry_after: u64) -> Self {
        Self::of(&kind::QUOTA_EXCEEDED)
            .with("violated-policies", policies.to_vec())
            .header(header::RETRY_AFTER, retry_after.into())
    }

    /// 500: our own bug.
    #[must_use]
    pub fn internal() -> Self {
        Self::plain(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// 503: all places of a bounded resource are taken; `retry_after` is in seconds.
    #[must_use]
    pub fn reduced_capacity(detail: &str, retry_after: u64) -> Self {
        Self::of(&kind::REDUCED_CAPACITY)
            .detail(detail)
            .header(header::RETRY_AFTER, retry_after.into())
    }

    /// 503: the journal has not said in time that it has what was to be written. Whether it will
    /// have it is open; `retry_after` is in seconds.
    #[must_use]
    pub fn write_undecided(retry_after: u64) -> Self {
        metrics::counter!("gradebook_http_deadlines_exceeded_total").increment(1);
        Self::of(&kind::DEADLINE_EXCEEDED)
            .detail("The journal has not answered in time. What was asked for may still happen.")
            .header(header::RETRY_AFTER, retry_after.into())
    }

    /// 503: not now; `retry_after` is in seconds.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>, retry_after: u64) -> Self {
        Self::plain(StatusCode::SERVICE_UNAVAILABLE)
            .detail(detail)
            .header(header::RETRY_AFTER, retry_after.into())
    }

    /// The status it is sent with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The document, for the request with this id.
    #[must_use]
    pub fn document(&self, request_id: &str) -> ProblemDocument<'_> {
        let reason = self.status.canonical_reason().unwrap_or("Error");
        ProblemDocument {
            r#type: self.kind.map_or_else(|| "about:blank".to_owned(), ProblemKind::uri),
            title: self.kind.map_or(reason, |kind| kind.title),
            status: self.status.as_u16(),
            code: self.kind.map(|kind| kind.code),
            detail: self.detail.as_deref(),
            errors: &self.errors,
            extensions: &self.extensions,
            instance: format!("urn:uuid:{request_id}"),
        }
    }
}

/// Without a body yet: the problem travels as an extension of the response to
/// [`super::observe`], which knows the request's id and what its client reads.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        for (name, value) in &self.headers {
            response.headers_mut().append(name, value.clone());
        }
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, no_store);
        response.extensions_mut().insert(self);
        response
    }
}

/// How alike two names must be (Jaro-Winkler, 0 to 1) for one to be suggested for the other.
const SUGGESTION_SIMILARITY_MIN: f64 = 0.8;

/// The name among `allowed` that `name` is probably a misspelling of.
fn closest(name: &str, allowed: &[&'static str]) -> Option<&'static str> {
    let similarity = |other: &str| strsim::jaro_winkler(&name.to_lowercase(), other);
    let scored = allowed.iter().map(|&other| (other, similarity(other)));
    let best = scored.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    (best.1 >= SUGGESTION_SIMILARITY_MIN).then_some(best.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_are_recognised() {
        let allowed = ["cursor", "exam", "exam_id", "limit", "max_score", "sort", "student_name"];
        for (name, meant) in [
            ("examid", Some("exam_id")),
            ("EXAM", Some("exam")),
            ("studentname", Some("student_name")),
            ("limt", Some("limit")),
            ("wibble", None),
            ("", None),
        ] {
            assert_eq!(closest(name, &allowed), meant, "{name}");
        }
    }

    #[test]
    fn members_stand_in_the_documented_order() {
        let problem = Problem::invalid_parameter("limit", "must be an integer from 1");
        let text = serde_json::to_string(&problem.document("0198f0c2")).unwrap();
        let members = ["type", "title", "status", "code", "detail", "errors", "instance"];
        let places: Vec<_> = members.map(|name| text.find(&format!("\"{name}\":")).unwrap()).into();
        assert!(places.is_sorted(), "{text}");
    }
}
