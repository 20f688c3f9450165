//! Who may connect, and who may ask for what.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::http::access::{Quota, TokenFile};
use crate::http::server::{Limits, Tls};

use super::BadSetting;
use super::duration::duration;

/// The shortest and the longest [`AccessArgs::send_timeout`].
const SEND_TIMEOUT_MIN: Duration = Duration::from_millis(10);
const SEND_TIMEOUT_MAX: Duration = Duration::from_secs(3_600);

/// The shortest and the longest [`AccessArgs::request_timeout`].
const REQUEST_TIMEOUT_MIN: Duration = Duration::from_millis(10);
const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(3_600);

/// Flags about access.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Access")]
pub struct AccessArgs {
    /// Accept the tokens in this file; `gradebook token new` writes it, SIGHUP reads it again
    #[arg(long, env = "GRADEBOOK_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Serve everybody who can connect, without tokens, on other addresses than loopback
    #[arg(long, env = "GRADEBOOK_ALLOW_ANONYMOUS")]
    pub allow_anonymous: bool,

    /// Serve HTTPS with this certificate chain (PEM); SIGHUP reads it again
    #[arg(long, env = "GRADEBOOK_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The private key of the certificate (PEM)
    #[arg(long, env = "GRADEBOOK_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Let pages of this origin read answers, such as https://school.example; may be repeated
    #[arg(
        long = "cors-origin",
        env = "GRADEBOOK_CORS_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ' '
    )]
    pub cors_origins: Vec<Origin>,

    /// Requests that a token, or else an address, may make in so many seconds; no limit by default
    #[arg(long, env = "GRADEBOOK_RATE_LIMIT", value_name = "REQUESTS/SECONDS")]
    pub rate_limit: Option<Quota>,

    /// Connections open at once; the next ones wait
    #[arg(
        long,
        env = "GRADEBOOK_CONNECTIONS_MAX",
        default_value_t = 12_000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        value_name = "CONNECTIONS"
    )]
    pub connections_max: u32,

    /// How long a client may take nothing of what it asked for, 10ms to 1h; then it is cut
    #[arg(
        long,
        env = "GRADEBOOK_SEND_TIMEOUT",
        default_value = "30s",
        value_name = "DURATION",
        value_parser = |text: &str| duration(text, SEND_TIMEOUT_MIN, SEND_TIMEOUT_MAX)
    )]
    pub send_timeout: Duration,

    /// How long a request may wait for the journal, 10ms to 1h; then it is answered with 503. Only
    /// an erasure waits for it
    #[arg(
        long,
        env = "GRADEBOOK_REQUEST_TIMEOUT",
        default_value = "20s",
        value_name = "DURATION",
        value_parser = |text: &str| duration(text, REQUEST_TIMEOUT_MIN, REQUEST_TIMEOUT_MAX)
    )]
    pub request_timeout: Duration,
}

/// An origin (RFC 6454 §6.2): scheme, host and perhaps port, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

/// How access is controlled, ready for use.
#[derive(Clone, Debug)]
pub struct AccessSettings {
    /// The tokens, and where they come from; `None`: everybody may do everything.
    pub tokens: Option<(PathBuf, TokenFile)>,
    /// The certificate; `None`: plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// Origins whose pages may read answers.
    pub cors_origins: Vec<Origin>,
    /// What every caller may ask for.
    pub rate_limit: Option<Quota>,
    /// What clients may do.
    pub limits: Limits,
}

impl Origin {
    /// The origin as browsers send it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || "an origin is a scheme and a host, such as https://school.example".to_owned();
        let url = url::Url::parse(text).map_err(|_| wrong())?;
        let origin = url.origin().ascii_serialization();
        if url.host().is_some() && matches!(url.scheme(), "http" | "https") && origin == text {
            Ok(Self(origin))
        } else {
            Err(wrong())
        }
    }
}

impl AccessArgs {
    /// Reads the files, and checks that nothing is open by accident.
    ///
    /// # Errors
    /// A file that cannot be used; or no tokens on an address that others can reach.
    pub fn settings(&self, listen: SocketAddr) -> Result<AccessSettings, BadSetting> {
        if self.token_file.is_none() && !listen.ip().is_loopback() && !self.allow_anonymous {
            return Err(BadSetting {
                setting: "--listen".to_owned(),
                value: Some(listen.to_string()),
                why:
                    "can be reached by others, and there are no tokens: give --token-file, or say \
                      --allow-anonymous"
                        .to_owned(),
            });
        }
        let tokens = match &self.token_file {
            Some(path) => {
                let file = TokenFile::load(path).map_err(|error| bad("--token-file", &error))?;
                Some((path.clone(), file))
            }
            None => None,
        };
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                let tls = Tls::load(certificate, key).map_err(|error| bad("--tls-cert", &error))?;
                Some(Arc::new(tls))
            }
            _ => None,
        };
        Ok(AccessSettings {
            tokens,
            tls,
            cors_origins: self.cors_origins.clone(),
            rate_limit: self.rate_limit,
            limits: Limits {
                connections_max: self.connections_max as usize,
                send_timeout: self.send_timeout,
                request_timeout: self.request_timeout,
            },
        })
    }
}

/// Names the setting; the error names the file.
fn bad(setting: &str, error: &dyn std::error::Error) -> BadSetting {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    let why = format!("{error}{cause}");
    // One line, whatever the cause has to say.
    let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
    BadSetting { setting: setting.to_owned(), value: None, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_no_path() {
        for text in ["https://school.example", "http://localhost:8080"] {
            assert_eq!(
                text.parse::<Origin>().map(|origin| origin.as_str().to_owned()),
                Ok(text.into())
            );
        }
        for text in ["", "*", "null", "school.example", "https://school.example/", "ftp://a"] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
