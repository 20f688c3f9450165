//! How far something long has come: a bar on a terminal, lines in the log or nothing elsewhere.

use std::fmt;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Between two lines in the log.
const LOG_INTERVAL: Duration = Duration::from_secs(5);

/// Between two looks at the clock, in items: cheap beside a batch, and often enough for an eye.
const LOOK_ITEMS: u64 = 10_000;

/// Where progress is told when standard error is no terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// In the log, for a service.
    Logged,
    /// Nowhere, for a command in a script.
    Quiet,
}

/// Something long on its way.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    total: u64,
    start: Instant,
    bar: ProgressBar,
    logged: Option<Instant>,
    looked_at: u64,
}

impl Progress {
    /// Starts `what`, which has `total` items; 0 when nobody knows.
    #[must_use]
    pub fn start(what: &'static str, total: u64, elsewhere: Elsewhere) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let template = if total > 0 {
            "{msg} {wide_bar} {human_pos} of {human_len}, {rate}/s, {eta} left"
        } else {
            "{msg} {spinner} {human_pos}, {rate}/s"
        };
        let style = ProgressStyle::with_template(template);
        let style = style.expect("invariant: the template is well-formed");
        bar.set_style(style.with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            // A rate that cannot be written is no reason to stop.
            write!(out, "{}", HumanCount(state.per_sec() as u64)).ok();
        }));
        bar.set_message(what);
        let start = Instant::now();
        let logs = elsewhere == Elsewhere::Logged && bar.is_hidden();
        Self { what, total, start, bar, logged: logs.then_some(start), looked_at: 0 }
    }

    /// `done` items have been dealt with, from the first on.
    pub fn at(&mut self, done: u64) {
        if done < self.looked_at + LOOK_ITEMS {
            return;
        }
        self.looked_at = done;
        self.bar.set_position(done);
        if self.logged.is_some_and(|logged| logged.elapsed() >= LOG_INTERVAL) {
            self.logged = Some(Instant::now());
            tracing::info!(done, total = self.total, "{}", self.what);
        }
    }

    /// Takes the bar away. Returns how long it took.
    pub fn finish(self) -> Duration {
        self.bar.finish_and_clear();
        self.start.elapsed()
    }
}
