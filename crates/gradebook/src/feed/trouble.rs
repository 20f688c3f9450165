//! Why a feed is not connected.

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderValue;

/// How much of a header field of the feed is told, in bytes.
const HEADER_TOLD_BYTES_MAX: usize = 100;

/// Why there is no connection, or no connection any more. Every one but [`Trouble::NoMore`] is
/// followed by another attempt.
///
/// The messages of `reqwest` are without the URL: that may have secrets.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// There is no HTTP client: there are no root certificates, for instance.
    #[error("cannot make a client")]
    Client(#[source] reqwest::Error),
    /// `--feed-token-file` cannot be read.
    #[error("cannot read the token file")]
    TokenFile(#[source] io::Error),
    /// `--feed-token-file` is too long, or holds what cannot be in a header field.
    #[error("the token file does not hold a token")]
    Token,
    /// No answer: a name that is not known, a refused connection, a certificate.
    #[error("cannot reach the feed")]
    Unreachable(#[source] reqwest::Error),
    /// Connected, but no answer within `--feed-idle-timeout`.
    #[error("the feed has not answered for {}", humantime::format_duration(*.0))]
    NoAnswer(Duration),
    /// 204: the feed says that there will be no more (WHATWG HTML §9.2.2).
    #[error("the feed says that there is no more (204 No Content)")]
    NoMore,
    /// Not 200.
    #[error("the feed answers {0}")]
    Status(StatusCode),
    /// 429 or 503, and when to come back (RFC 9110 §10.2.3).
    #[error("the feed answers {status}, and asks for {}", humantime::format_duration(*.retry_after))]
    Busy {
        /// Which of them.
        status: StatusCode,
        /// How long it asks for.
        retry_after: Duration,
    },
    /// 200, but no event stream.
    #[error("the feed answers with content type {0}, not text/event-stream")]
    ContentType(String),
    /// A content coding that was not asked for.
    #[error("the feed answers with content coding {0}, which is not supported")]
    ContentEncoding(String),
    /// A redirect without a usable `Location`.
    #[error("the feed redirects to no http or https URL")]
    RedirectNowhere,
    /// From https to http.
    #[error("the feed redirects from https to http, which is not followed")]
    RedirectDowngrade,
    /// More redirects than are followed.
    #[error("the feed redirects more than {0} times")]
    RedirectsMax(usize),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] reqwest::Error),
    /// Nothing came, not even a comment, within `--feed-idle-timeout`.
    #[error("the feed has sent nothing for {}", humantime::format_duration(*.0))]
    Idle(Duration),
    /// The feed ended the answer.
    #[error("the feed has ended the stream")]
    Ended,
}

impl Trouble {
    /// How long the feed asks to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }

    /// The trouble and what caused it, in one line.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            words.push_str(": ");
            words.push_str(&error.to_string());
            cause = error.source();
        }
        words
    }
}

/// What a header field of the feed says, for people.
pub(super) fn told(value: Option<&HeaderValue>) -> String {
    let text =
        value.map_or_else(|| "(none)".into(), |value| String::from_utf8_lossy(value.as_bytes()));
    text[..text.floor_char_boundary(HEADER_TOLD_BYTES_MAX)].to_owned()
}
