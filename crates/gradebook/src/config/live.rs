//! How many may watch.

use std::time::Duration;

use super::duration::duration;

/// The shortest and the longest [`LiveArgs::keep_alive`].
const KEEP_ALIVE_MIN: Duration = Duration::from_millis(10);
const KEEP_ALIVE_MAX: Duration = Duration::from_secs(3_600);

/// Flags about event streams.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "HTTP")]
pub struct LiveArgs {
    /// Event streams open at once; the next one is answered with 503
    #[arg(
        long,
        env = "GRADEBOOK_SUBSCRIBERS_MAX",
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(0..=1_000_000),
        value_name = "STREAMS"
    )]
    pub subscribers_max: u32,

    /// The longest silence on an event stream, 10ms to 1h; then comes a comment
    #[arg(
        long,
        env = "GRADEBOOK_KEEP_ALIVE",
        default_value = "15s",
        value_name = "DURATION",
        value_parser = |text: &str| duration(text, KEEP_ALIVE_MIN, KEEP_ALIVE_MAX)
    )]
    pub keep_alive: Duration,
}
