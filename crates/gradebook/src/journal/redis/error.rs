//! What can go wrong between this process and Redis.

use std::error::Error;
use std::io;
use std::sync::Arc;

use ::redis::ErrorKind;

use crate::journal::JournalError;

/// Why Redis did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The connection could not be made, or broke, or nothing came within the timeout.
    #[error("{0}")]
    Io(#[source] io::Error),
    /// What answers does not speak the Redis protocol.
    #[error("what answers is not Redis: {0}")]
    Protocol(String),
    /// Redis answered with an error; its text, which begins with a code.
    #[error("Redis says: {0}")]
    Server(String),
    /// The address, the account or the settings of Redis are wrong: a person has to change them.
    #[error("{0}")]
    Refused(String),
    /// Right, but not now: no primary is known, a failover is going on.
    #[error("{0}")]
    NotNow(String),
    /// The journal in Redis is not the one that this process knows.
    #[error("{0}")]
    Lost(String),
}

/// Codes of errors that go away by themselves, or when an operator helps: the same may work later.
const PASSING: [&str; 13] = [
    "LOADING",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "READONLY",
    "MOVED",
    "ASK",
    "OOM",
    "MISCONF",
    "NOREPLICAS",
    "BUSY",
    "UNBLOCKED",
    "NOSCRIPT",
];

impl RedisError {
    /// The code at the beginning of an error of the server.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Server(text) => text.split(' ').next(),
            Self::Io(_)
            | Self::Protocol(_)
            | Self::Refused(_)
            | Self::NotNow(_)
            | Self::Lost(_) => None,
        }
    }

    /// Whether the connection may be used again. If not, the primary has to be looked for anew.
    #[must_use]
    pub fn keeps_connection(&self) -> bool {
        match self {
            Self::Server(_) => matches!(
                self.code(),
                Some(
                    "OOM" | "MISCONF" | "NOREPLICAS" | "BUSY" | "ERR" | "LOST" | "FOREIGN" | "SPAN"
                )
            ),
            Self::Lost(_) => true,
            Self::Io(_) | Self::Protocol(_) | Self::Refused(_) | Self::NotNow(_) => false,
        }
    }
}

impl From<::redis::RedisError> for RedisError {
    fn from(error: ::redis::RedisError) -> Self {
        if let Some(code) = error.code() {
            let detail = error.detail().unwrap_or_default();
            return Self::Server(format!("{code} {detail}").trim_end().to_owned());
        }
        if error.is_timeout() {
            return Self::Io(io::Error::new(
                io::ErrorKind::TimedOut,
                "no answer within the timeout",
            ));
        }
        match (error.kind(), inner::<io::Error>(&error).map(io::Error::kind)) {
            (ErrorKind::Parse, _) => Self::Protocol(one_line(&error)),
            (_, Some(kind @ io::ErrorKind::UnexpectedEof)) => {
                Self::Io(io::Error::new(kind, "the connection was closed"))
            }
            (_, Some(kind)) => Self::Io(io::Error::new(kind, error)),
            // Names and authorities that cannot be used.
            _ => Self::Refused(one_line(&error)),
        }
    }
}

/// The error of TLS that an error is about.
#[must_use]
pub fn tls_error(error: &::redis::RedisError) -> Option<&rustls::Error> {
    let within_io = || inner::<io::Error>(error)?.get_ref()?.downcast_ref();
    inner(error).or_else(within_io)
}

/// What the crate has wrapped.
fn inner<Wrapped: Error + 'static>(error: &::redis::RedisError) -> Option<&Wrapped> {
    error.source()?.downcast_ref::<Arc<dyn Error + Send + Sync>>()?.downcast_ref()
}

/// An error of the crate in one line: its parser takes several.
fn one_line(error: &::redis::RedisError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

impl From<RedisError> for JournalError {
    fn from(error: RedisError) -> Self {
        match &error {
            RedisError::Io(_) | RedisError::NotNow(_) | RedisError::Lost(_) => {
                Self::Unavailable(Box::new(error))
            }
            RedisError::Server(_) if error.code().is_some_and(|code| PASSING.contains(&code)) => {
                Self::Unavailable(Box::new(error))
            }
            RedisError::Server(_) | RedisError::Protocol(_) | RedisError::Refused(_) => {
                Self::Broken(Box::new(error))
            }
        }
    }
}
