//! Which feeds to read, and how patiently.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

/// Flags about feeds.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Feed")]
pub struct FeedArgs {
    /// URL of an event stream with scores, http or https; may be repeated
    #[arg(long = "feed", env = "GRADEBOOK_FEED", value_name = "URL", value_delimiter = ' ')]
    pub feeds: Vec<FeedUrl>,

    /// First wait before a reconnection, in milliseconds; doubles with every failure
    #[arg(long, env = "GRADEBOOK_RECONNECT_DELAY_MS", default_value_t = 1_000, value_name = "MS")]
    pub reconnect_delay_ms: u64,
}

/// The URL of a feed: http or https.
#[derive(Clone, PartialEq, Eq)]
pub struct FeedUrl(Url);

/// How to read one feed.
#[derive(Clone, Debug)]
pub struct FeedSettings {
    /// Where it is.
    pub url: FeedUrl,
    /// The first wait before a reconnection.
    pub reconnect_delay: Duration,
}

impl FeedArgs {
    /// The settings of each feed.
    #[must_use]
    pub fn settings(&self) -> Vec<FeedSettings> {
        let reconnect_delay = Duration::from_millis(self.reconnect_delay_ms);
        self.feeds.iter().map(|url| FeedSettings { url: url.clone(), reconnect_delay }).collect()
    }
}

impl FeedUrl {
    /// The URL with everything that a request needs.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The URL without credentials: the name of the feed in the API, in logs and in the journal.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        let mut url = self.0.clone();
        url.set_fragment(None);
        // Both fail only for URLs without a host, which are refused on the way in.
        url.set_username("").ok();
        url.set_password(None).ok();
        Arc::from(url.as_str())
    }
}

impl FromStr for FeedUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        match url.scheme() {
            "http" | "https" => Ok(Self(url)),
            other => Err(format!("scheme `{other}` is not supported: use http or https")),
        }
    }
}

impl fmt::Debug for FeedUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FeedUrl({})", self.name())
    }
}
