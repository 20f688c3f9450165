//! The command line: one subcommand for each role.

use clap::{Args, FromArgMatches, Parser, Subcommand};
use gradebook_core::ScoringPolicy;

use crate::config::{FeedArgs, JournalUrl, ListenArgs, SimulateArgs, SimulationArgs};

/// A live gradebook: exam scores from an event stream, kept, averaged exactly and served.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Cli {
    /// What to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The roles.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read feeds, keep their scores and serve them: everything in one process
    Serve(ServeArgs),
    /// A simulated feed and the service on it, in memory: the thing to try first
    Demo(DemoArgs),
    /// A feed that behaves like the original live-test-scores service, for trying things out
    Simulate(SimulateArgs),
}

/// Flags of `serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Flags about feeds.
    #[command(flatten)]
    pub feed: FeedArgs,
    /// Flags about the HTTP server.
    #[command(flatten)]
    pub listen: ListenArgs,
    /// Flags about what is kept.
    #[command(flatten)]
    pub book: BookArgs,
}

impl ServeArgs {
    /// For `demo`: everything in memory and nothing from the environment, so that it runs anywhere.
    #[must_use]
    pub fn in_memory(feed: &str, listen: ListenArgs) -> Self {
        let command = Self::augment_args(clap::Command::new("demo"))
            .mut_args(|arg| arg.env(clap::builder::Resettable::Reset));
        let flags = ["demo", "--journal", "memory:", "--feed", feed];
        let matches = command.get_matches_from(flags);
        let args = Self::from_arg_matches(&matches);
        Self { listen, ..args.expect("invariant: demo's flags of serve are flags of serve") }
    }
}

/// Flags about what is kept, and what counts.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Journal")]
pub struct BookArgs {
    /// Where scores are kept: a file, `memory:`, or redis://…
    #[arg(
        long,
        env = "GRADEBOOK_JOURNAL",
        default_value = "gradebook.db",
        value_name = "memory:|PATH|URL"
    )]
    pub journal: JournalUrl,

    /// Which score counts when one student has several in one exam
    #[arg(
        long,
        env = "GRADEBOOK_SCORING_POLICY",
        default_value_t = ScoringPolicy::KeepLatest,
        value_name = "keep_latest|keep_highest|keep_first"
    )]
    pub scoring_policy: ScoringPolicy,
}

/// Flags of `demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Flags about the HTTP server.
    #[command(flatten)]
    pub listen: ListenArgs,
    /// Flags about the simulated scores.
    #[command(flatten)]
    pub simulation: SimulationArgs,
}
