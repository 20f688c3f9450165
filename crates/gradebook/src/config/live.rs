//! How many may watch.

use std::time::Duration;

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

    /// The longest silence on an event stream, in milliseconds; then comes a comment
    #[arg(
        long,
        env = "GRADEBOOK_KEEP_ALIVE_MS",
        default_value_t = 15_000,
        value_parser = clap::value_parser!(u64).range(10..=3_600_000),
        value_name = "MS"
    )]
    pub keep_alive_ms: u64,
}

impl LiveArgs {
    /// The longest silence.
    #[must_use]
    pub fn keep_alive(&self) -> Duration {
        Duration::from_millis(self.keep_alive_ms)
    }
}
