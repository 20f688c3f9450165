//! Logs: to standard error, one line each, filtered by `GRADEBOOK_LOG` (default `info`).

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

/// Starts logging. Called once, by `main`.
pub fn start() {
    let filter =
        EnvFilter::try_from_env("GRADEBOOK_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(stderr().is_terminal())
        .with_writer(stderr)
        .init();
}
