//! Logs: to standard error, one line each, as text or JSON.

use std::io::{IsTerminal, stderr};
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Flags about logs, of every command.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// What is logged: off, error, warn, info, debug or trace, also for single modules
    /// (`info,gradebook::feed=debug`)
    #[arg(
        long,
        global = true,
        env = "GRADEBOOK_LOG",
        default_value = "info",
        value_name = "LEVEL[,MODULE=LEVEL]…"
    )]
    pub log: LogFilter,

    /// How it is written: text for people, json for programs
    #[arg(
        long,
        global = true,
        env = "GRADEBOOK_LOG_FORMAT",
        default_value = "text",
        value_name = "text|json"
    )]
    pub log_format: LogFormat,
}

/// Which events are logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One line for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why a text is no filter, or no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// A level that there is not.
    #[error("`{0}` is no level; there are off, error, warn, info, debug and trace")]
    Level(String),
    /// Something before `=` that no module can be called.
    #[error("`{0}` is no module")]
    Module(String),
    /// A format that there is not.
    #[error("there are text and json")]
    Format,
}

impl FromStr for LogFilter {
    type Err = LogError;

    /// Stricter than `tracing-subscriber`, which takes `GRADEBOOK_LOG=inof` for a module of that
    /// name and then logs nothing.
    fn from_str(text: &str) -> Result<Self, LogError> {
        for directive in text.split(',') {
            let (module, level) = directive.rsplit_once('=').unwrap_or(("all", directive));
            let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-');
            if module.is_empty() || !module.chars().all(named) {
                return Err(LogError::Module(module.to_owned()));
            }
            if level.is_empty() || level.parse::<LevelFilter>().is_err() {
                return Err(LogError::Level(level.to_owned()));
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for LogFormat {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self, LogError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(LogError::Format),
        }
    }
}

/// Starts logging. Called once, by `main`.
pub fn start(args: &LogArgs) {
    let LogFilter(filter) = &args.log;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_ansi(stderr().is_terminal())
        .with_writer(stderr);
    match args.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_levels_also_for_modules() {
        for text in ["info", "OFF", "warn,gradebook::feed=debug", "gradebook=trace"] {
            assert_eq!(text.parse(), Ok(LogFilter(text.to_owned())));
        }
    }

    #[test]
    fn a_misspelt_level_is_an_error_not_a_module() {
        let level = |text: &str| Err(LogError::Level(text.to_owned()));
        assert_eq!("inof".parse::<LogFilter>(), level("inof"));
        assert_eq!("".parse::<LogFilter>(), level(""));
        assert_eq!("info,gradebook=loud".parse::<LogFilter>(), level("loud"));
        assert_eq!("=info".parse::<LogFilter>(), Err(LogError::Module(String::new())));
    }
}
