//! The command line: one subcommand for each role.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use gradebook_core::ScoringPolicy;

use crate::commands::{BackupArgs, CheckArgs, CompactArgs, ExportArgs, ImportArgs};
use crate::config::duration::duration;
use crate::config::file::{self, SettingsFile};
use crate::config::refusal;
use crate::config::{BadSetting, FeedArgs, JournalUrl, ListenArgs, SimulateArgs, SimulationArgs};
use crate::http::access::Scope;
use crate::telemetry::LogArgs;

/// The bounds of `--shutdown-timeout`. Kubernetes kills after 30 seconds unless told otherwise.
const SHUTDOWN_TIMEOUT_MIN: Duration = Duration::from_millis(100);
/// See [`SHUTDOWN_TIMEOUT_MIN`].
const SHUTDOWN_TIMEOUT_MAX: Duration = Duration::from_secs(60 * 60);

/// A live gradebook: exam scores from an event stream, kept, averaged exactly and served.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Cli {
    /// What to run.
    #[command(subcommand)]
    pub command: Command,

    /// Read settings from this TOML file; flags and the environment win over it
    #[arg(long, global = true, env = "GRADEBOOK_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// How long a shutdown may take: requests finish, and what was delivered is kept
    #[arg(
        long,
        global = true,
        env = "GRADEBOOK_SHUTDOWN_TIMEOUT",
        default_value = "10s",
        value_name = "DURATION",
        value_parser = |text: &str| duration(text, SHUTDOWN_TIMEOUT_MIN, SHUTDOWN_TIMEOUT_MAX)
    )]
    pub shutdown_timeout: Duration,

    /// Flags about logs.
    #[command(flatten)]
    pub logs: LogArgs,
}

/// Why there is nothing to run.
#[derive(Debug)]
pub enum Stop {
    /// Help or the version was asked for, or nothing at all was; here it is.
    Shown(clap::Error),
    /// A setting cannot be used.
    Bad(BadSetting),
}

impl Cli {
    /// Reads the settings: flags first, then the environment, then a file, then defaults.
    ///
    /// # Errors
    /// See [`Stop`].
    pub fn read(args: &[OsString]) -> Result<Self, Stop> {
        // `--rate -3` is a rate that is not accepted, not a flag called `-3`.
        let declared = Self::command().mut_subcommands(|sub| sub.allow_negative_numbers(true));
        let mut command = declared.clone();
        if let Some((named_by, path)) = file::named(args) {
            let file = SettingsFile::read(named_by, &path).map_err(Stop::Bad)?;
            command = file.install(command).map_err(Stop::Bad)?;
        }
        let command = refusal::without_empty_variables(command);
        let read =
            command.try_get_matches_from(args).and_then(|matches| Self::from_arg_matches(&matches));
        read.map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Stop::Shown(error),
            _ => Stop::Bad(refusal::explain(&error, &declared, args)),
        })
    }

    /// Variables in the environment that look like settings and are none: a line for each.
    #[must_use]
    pub fn unknown_variables() -> Vec<String> {
        refusal::unknown_variables(&Self::command())
    }
}

/// The roles.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read feeds, keep their scores and serve them: everything in one process
    Serve(ServeArgs),
    /// Read feeds and keep their scores in a shared journal: one of several workers; one leads
    Ingest(IngestArgs),
    /// Serve what a shared journal holds: one of several replicas
    Api(ApiArgs),
    /// A simulated feed and the service on it, in memory: the thing to try first
    Demo(DemoArgs),
    /// A feed that behaves like the original live-test-scores service, for trying things out
    Simulate(SimulateArgs),
    /// Write every score of a journal, which may be in use, as NDJSON or CSV
    Export(ExportArgs),
    /// Put scores from a file into a journal that is not in use
    Import(ImportArgs),
    /// Read a journal, which may be in use, from end to end, and say what is wrong with it
    Check(CheckArgs),
    /// Copy a journal, which may be in use, to a new file
    Backup(BackupArgs),
    /// Take out of a shared journal, which may be in use, what was delivered again
    Compact(CompactArgs),
    /// Make access tokens
    Token(TokenArgs),
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

/// Flags of `ingest`.
#[derive(Clone, Debug, Args)]
pub struct IngestArgs {
    /// Address and port for /healthz, /readyz and /metrics; port 0 takes a free one
    #[arg(
        long,
        env = "GRADEBOOK_LISTEN",
        default_value = "127.0.0.1:5002",
        value_name = "ADDRESS:PORT",
        help_heading = "HTTP"
    )]
    pub listen: SocketAddr,
    /// Flags about feeds.
    #[command(flatten)]
    pub feed: FeedArgs,
    /// Where scores are kept: redis://… and its relatives
    #[arg(long, env = "GRADEBOOK_JOURNAL", value_name = "URL", help_heading = "Journal")]
    pub journal: JournalUrl,
}

/// Flags of `api`.
#[derive(Clone, Debug, Args)]
pub struct ApiArgs {
    /// Flags about the HTTP server.
    #[command(flatten)]
    pub listen: ListenArgs,
    /// Flags about what is kept.
    #[command(flatten)]
    pub book: BookArgs,
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

/// Flags of `token`.
#[derive(Clone, Debug, Args)]
pub struct TokenArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: TokenCommand,
}

/// What can be done with tokens.
#[derive(Clone, Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token: its hash is added to the file, and the token itself is printed this once
    New(NewTokenArgs),
}

/// Flags of `token new`.
#[derive(Clone, Debug, Args)]
pub struct NewTokenArgs {
    /// For people: who will hold it
    #[arg(long, value_name = "NAME")]
    pub name: String,

    /// What it allows: `read` everything, or also erase and see what was refused
    #[arg(long, default_value_t = Scope::Read, value_name = "read|admin")]
    pub scope: Scope,

    /// The file that `serve --token-file` reads; made if need be
    #[arg(long, env = "GRADEBOOK_TOKEN_FILE", value_name = "FILE")]
    pub token_file: PathBuf,
}
