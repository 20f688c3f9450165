//! Which feeds to read, how, and how patiently.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use url::{Origin, Url};

use super::BadSetting;
use super::duration::duration;

/// The bounds of `--reconnect-delay`. The upper one is also the longest wait of all.
pub const RECONNECT_DELAY_MIN: Duration = Duration::from_millis(10);
/// See [`RECONNECT_DELAY_MIN`].
pub const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(30);

/// The bounds of `--feed-idle-timeout`.
pub const IDLE_TIMEOUT_MIN: Duration = Duration::from_millis(100);
/// See [`IDLE_TIMEOUT_MIN`].
pub const IDLE_TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The bounds of `--feed-event-bytes-max`, in bytes. Every feed holds one event in memory.
pub const EVENT_BYTES_MIN: u32 = 1 << 10;
/// See [`EVENT_BYTES_MIN`].
pub const EVENT_BYTES_MAX: u32 = 64 << 20;

/// The longest content of a token file, in bytes: servers take header fields of about 8 KiB.
pub const TOKEN_BYTES_MAX: usize = 8 << 10;

/// Header fields that the service sets itself, or that are about the connection.
const HEADERS_RESERVED: [HeaderName; 8] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TRANSFER_ENCODING,
    HeaderName::from_static("last-event-id"),
];

/// Flags about feeds.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Feed")]
pub struct FeedArgs {
    /// URL of an event stream with scores, http or https; may be repeated
    #[arg(long = "feed", env = "GRADEBOOK_FEED", value_name = "URL", value_delimiter = ' ')]
    pub feeds: Vec<FeedUrl>,

    /// File with a bearer token for the feeds; read anew for every connection
    #[arg(long, env = "GRADEBOOK_FEED_TOKEN_FILE", value_name = "PATH")]
    pub feed_token_file: Option<PathBuf>,

    /// Header field to send to the feeds, such as `X-Api-Key: secret`; may be repeated
    #[arg(
        long = "feed-header",
        env = "GRADEBOOK_FEED_HEADER",
        value_name = "NAME: VALUE",
        hide_env_values = true,
        hide_env_values = true,
        value_delimiter = '\n'
    )]
    pub feed_headers: Vec<FeedHeader>,

    /// First wait before a reconnection, 10ms to 30s; doubles with every failure
    #[arg(
        long,
        env = "GRADEBOOK_RECONNECT_DELAY",
        default_value = "1s",
        value_name = "DURATION",
        value_parser = |text: &str| duration(text, RECONNECT_DELAY_MIN, RECONNECT_DELAY_MAX)
    )]
    pub reconnect_delay: Duration,

    /// How long a feed may send nothing, not even a comment, 100ms to 24h; then it is reconnected
    #[arg(
        long,
        env = "GRADEBOOK_FEED_IDLE_TIMEOUT",
        default_value = "5m",
        value_name = "DURATION",
        value_parser = |text: &str| duration(text, IDLE_TIMEOUT_MIN, IDLE_TIMEOUT_MAX)
    )]
    pub feed_idle_timeout: Duration,

    /// The largest event that is read, in bytes, 1024 to 67108864; a larger one is rejected
    #[arg(
        long,
        env = "GRADEBOOK_FEED_EVENT_BYTES_MAX",
        default_value_t = 1 << 20,
        value_name = "BYTES",
        value_parser = clap::value_parser!(u32).range(
            i64::from(EVENT_BYTES_MIN)..=i64::from(EVENT_BYTES_MAX)
        )
    )]
    pub feed_event_bytes_max: u32,
}

/// The URL of a feed: http or https.
#[derive(Clone, PartialEq, Eq)]
pub struct FeedUrl(Url);

/// A header field to send to the feeds. The value may be a secret.
#[derive(Clone)]
pub struct FeedHeader {
    name: HeaderName,
    value: HeaderValue,
}

/// How to read one feed.
#[derive(Clone, Debug)]
pub struct FeedSettings {
    /// Where it is.
    pub url: FeedUrl,
    /// The first wait before a reconnection.
    pub reconnect_delay: Duration,
    /// How long it may send nothing.
    pub idle_timeout: Duration,
    /// The largest event that is read, in bytes.
    pub event_bytes_max: u32,
    /// Where the bearer token is.
    pub token_file: Option<PathBuf>,
    /// Further header fields, all marked sensitive.
    pub headers: HeaderMap,
}

impl FeedArgs {
    /// The settings of each feed.
    ///
    /// # Errors
    /// A feed that is given twice, and a token file that cannot be read.
    pub fn settings(&self) -> Result<Vec<FeedSettings>, BadSetting> {
        let bad = |setting: &str, value: String, why: String| {
            Err(BadSetting { setting: setting.to_owned(), value: Some(value), why })
        };
        // Two feeds with one name would share one checkpoint.
        let mut names = HashSet::new();
        if let Some(twice) = self.feeds.iter().find(|url| !names.insert(url.name())) {
            let why = "is given twice; give every feed once".to_owned();
            return bad("--feed", twice.name().to_string(), why);
        }
        if let Some(path) = &self.feed_token_file
            && let Err(error) = std::fs::File::open(path)
        {
            let why = format!("cannot be read ({error}); give a file with a bearer token");
            return bad("--feed-token-file", path.display().to_string(), why);
        }
        let mut headers = HeaderMap::new();
        for FeedHeader { name, value } in &self.feed_headers {
            headers.append(name, value.clone());
        }
        let settings = |url: &FeedUrl| FeedSettings {
            url: url.clone(),
            reconnect_delay: self.reconnect_delay,
            idle_timeout: self.feed_idle_timeout,
            event_bytes_max: self.feed_event_bytes_max,
            token_file: self.feed_token_file.clone(),
            headers: headers.clone(),
        };
        Ok(self.feeds.iter().map(settings).collect())
    }
}

impl FeedUrl {
    /// The URL to request: without credentials, which go in a header field, and without fragment.
    #[must_use]
    pub fn url(&self) -> Url {
        let mut url = self.0.clone();
        url.set_fragment(None);
        // Both fail only for URLs without a host, and http and https have one.
        url.set_username("").ok();
        url.set_password(None).ok();
        url
    }

    /// Scheme, host and port: where credentials may be sent.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.0.origin()
    }

    /// User name and password, as they are percent-encoded in the URL.
    #[must_use]
    pub fn userinfo(&self) -> Option<(&str, Option<&str>)> {
        let (username, password) = (self.0.username(), self.0.password());
        (!username.is_empty() || password.is_some()).then_some((username, password))
    }

    /// The name of the feed in the API, in logs, metrics and the journal: its URL without
    /// credentials, and with a digest instead of the query, which may hold secrets.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        let mut url = self.url();
        if let Some(query) = self.0.query() {
            let digest = Sha256::digest(query);
            let digest = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
            url.set_query(None);
            return Arc::from(format!("{url}?…{digest:08x}"));
        }
        Arc::from(url.as_str())
    }
}

impl FromStr for FeedUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXAMPLE: &str = "give a URL such as http://127.0.0.1:5001/scores or https://…";
        let url = Url::parse(text).map_err(|error| format!("{error}: {EXAMPLE}"))?;
        match url.scheme() {
            "http" | "https" => Ok(Self(url)),
            other => Err(format!("the scheme {other} is not supported: {EXAMPLE}")),
        }
    }
}

impl fmt::Debug for FeedUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FeedUrl({})", self.name())
    }
}

impl FromStr for FeedHeader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXAMPLE: &str = "give a header field such as `X-Api-Key: secret`";
        let (name, value) = text.split_once(':').ok_or(EXAMPLE)?;
        let name: HeaderName = name.trim().parse().map_err(|_| EXAMPLE)?;
        if HEADERS_RESERVED.contains(&name) {
            return Err(format!("{name} is set by gradebook itself"));
        }
        let mut value: HeaderValue = value.trim().parse().map_err(|_| EXAMPLE)?;
        value.set_sensitive(true);
        Ok(Self { name, value })
    }
}

impl fmt::Debug for FeedHeader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FeedHeader({}: …)", self.name)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        feed: FeedArgs,
    }

    fn name(url: &str) -> String {
        url.parse::<FeedUrl>().unwrap().name().to_string()
    }

    fn refusal(flags: &[&str]) -> String {
        let all = ["gradebook"].iter().chain(flags);
        match Program::try_parse_from(all) {
            Ok(program) => program.feed.settings().unwrap_err().to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn names_have_no_secrets() {
        assert_eq!(name("http://example.com/scores"), "http://example.com/scores");
        assert_eq!(name("https://foo:s3cret@example.com"), "https://example.com/");
        assert_eq!(name("http://example.com/scores#s3cret"), "http://example.com/scores");
        let with_query = name("http://example.com/scores?key=s3cret");
        assert_eq!(with_query, "http://example.com/scores?…1d391344");
        let url: FeedUrl = "http://foo:s3cret@example.com/?key=s3cret".parse().unwrap();
        assert!(!format!("{url:?}").contains("s3cret"));
        let header: FeedHeader = "X-Api-Key: s3cret".parse().unwrap();
        assert!(!format!("{header:?}").contains("s3cret"));
    }

    #[test]
    fn feeds_that_differ_in_the_query_have_different_names() {
        let urls = ["http://a/?x=1", "http://a/?x=2", "http://a/?", "http://a/", "http://a/x"];
        let names: HashSet<String> = urls.iter().map(|url| name(url)).collect();
        assert_eq!(names.len(), urls.len());
    }

    #[test]
    fn bad_settings_are_told_with_what_is_accepted() {
        for (flags, part) in [
            (&["--feed", "scores"][..], "give a URL such as http://127.0.0.1:5001/scores"),
            (&["--feed", "ftp://a/b"], "the scheme ftp is not supported"),
            (&["--feed", "http://"], "empty host"),
            (&["--feed", "http://a/b", "--feed", "http://u@a/b"], "http://a/b is given twice"),
            (&["--feed-token-file", "/no/such"], "--feed-token-file: /no/such cannot be read"),
            (&["--feed-header", "x"], "give a header field such as"),
            (&["--feed-header", "Last-Event-ID: 3"], "last-event-id is set by gradebook itself"),
            (&["--reconnect-delay", "1"], "from 10ms to 30s, such as 250ms, 1s"),
            (&["--reconnect-delay", "31s"], "from 10ms to 30s"),
            (&["--feed-idle-timeout", "0s"], "from 100ms to 1day"),
            (&["--feed-event-bytes-max", "1"], "1024..=67108864"),
        ] {
            let refusal = refusal(flags);
            assert!(refusal.contains(part), "{flags:?}: {refusal}");
        }
    }

    #[test]
    fn durations_have_units() {
        let flags = ["", "--reconnect-delay", "250ms", "--feed-idle-timeout", "1m 30s"];
        let feed = Program::try_parse_from(flags).unwrap().feed;
        assert_eq!(feed.reconnect_delay, Duration::from_millis(250));
        assert_eq!(feed.feed_idle_timeout, Duration::from_secs(90));
    }
}
