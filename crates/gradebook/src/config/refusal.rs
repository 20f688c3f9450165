//! One line for each setting that cannot be used: which one, the value, and what is accepted.

use std::error::Error;
use std::ffi::OsString;
use std::net::AddrParseError;
use std::num::ParseIntError;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use super::problem::BadSetting;
use super::settings;

/// How alike two words are at least, from 0 to 1, for one to be suggested for the other
/// (Jaro-Winkler).
const ALIKE: f64 = 0.8;

/// Says in one line what clap says in several.
pub(crate) fn explain(error: &clap::Error, command: &Command, args: &[OsString]) -> BadSetting {
    let text = |kind| error.get(kind).map(ContextValue::to_string).unwrap_or_default();
    let whole = |setting: &str, value: Option<String>, why: String| BadSetting {
        setting: setting.to_owned(),
        value,
        why,
    };
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let unknown = text(ContextKind::InvalidArg);
            let known = settings::declared(command);
            let flags = known.iter().map(|setting| setting.flag.as_str());
            let why = if unknown.starts_with('-') {
                format!("is no flag{}", suggestion(&unknown, flags))
            } else {
                "is not expected there".to_owned()
            };
            whole("command line", Some(unknown), why)
        }
        ErrorKind::InvalidSubcommand => {
            let unknown = text(ContextKind::InvalidSubcommand);
            let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            let why = format!("is no command; there are {}", names.join(", "));
            whole("command line", Some(unknown), why)
        }
        ErrorKind::MissingRequiredArgument => {
            whole("command line", None, format!("{} is needed", text(ContextKind::InvalidArg)))
        }
        ErrorKind::ArgumentConflict => {
            let (one, other) = (text(ContextKind::InvalidArg), text(ContextKind::PriorArg));
            let why = if one == other {
                "is given twice".to_owned()
            } else {
                format!("cannot be used together with {other}")
            };
            whole("command line", Some(one), why)
        }
        _ => match declaration(command, args, &text(ContextKind::InvalidArg)) {
            Some(arg) => {
                let value = text(ContextKind::InvalidValue);
                let shown = (!value.is_empty()).then(|| shown(&value, &arg));
                whole(&origin(&arg, args), shown, why(error, &arg))
            }
            None => whole("command line", None, first_line(error)),
        },
    }
}

/// Why `arg` does not accept a value.
pub(super) fn why(error: &clap::Error, arg: &Arg) -> String {
    if let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue)
        && !values.is_empty()
    {
        return format!("is not accepted; expected one of {}", values.join(", "));
    }
    match (error.kind(), error.source()) {
        // Errors of the standard library tell what is wrong, ours also what would be right.
        (ErrorKind::ValueValidation, Some(source))
            if source.is::<AddrParseError>() || source.is::<ParseIntError>() =>
        {
            format!("is not accepted: {source}; {}", expected(arg))
        }
        (ErrorKind::ValueValidation, Some(source)) => format!("is not accepted: {source}"),
        (ErrorKind::TooManyValues, _) => format!("is not accepted; {}", expected(arg)),
        _ => format!("a value is missing; {}", expected(arg)),
    }
}

/// What `arg` accepts.
pub(super) fn expected(arg: &Arg) -> String {
    let form = settings::value_form(arg);
    match settings::default(arg)
        .filter(|default| arg.get_action().takes_values() && *default != form)
    {
        Some(default) => format!("expected {form}, such as {default}"),
        None => format!("expected {form}"),
    }
}

/// `value` for a message: without what is secret in it.
pub(super) fn shown(value: &str, arg: &Arg) -> String {
    if arg.is_hide_env_values_set() {
        return "the value (not shown)".to_owned();
    }
    // Whatever stands before an `@` in something that was meant as a URL may be a password.
    match value.rsplit_once('@') {
        Some((_, host)) => format!("`…@{host}`"),
        None => format!("`{value}`"),
    }
}

/// `; did you mean …?`, if a word is near enough.
pub(crate) fn suggestion<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> String {
    let alike = known.map(|word| (strsim::jaro_winkler(unknown, word), word));
    let nearest = alike.filter(|(alike, _)| *alike >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map(|(_, word)| format!("; did you mean `{word}`?")).unwrap_or_default()
}

/// Where the value of `arg` came from: the flag if it is there, else the variable.
fn origin(arg: &Arg, args: &[OsString]) -> String {
    let flag = format!("--{}", arg.get_long().unwrap_or_default());
    let given = args.iter().filter_map(|word| word.to_str()).any(|word| {
        word.strip_prefix(&flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    });
    match arg.get_env() {
        Some(variable) if !given => variable.to_string_lossy().into_owned(),
        _ => flag,
    }
}

/// The declaration of the flag that clap shows as `shown`: `--listen <ADDRESS:PORT>`.
fn declaration(command: &Command, args: &[OsString], shown: &str) -> Option<Arg> {
    let flag = shown.strip_prefix("--")?;
    let flag = flag.split([' ', '=', '[', '<']).next()?;
    let of = |command: &Command| {
        command.get_arguments().find(|arg| arg.get_long() == Some(flag)).cloned()
    };
    let mut used = command
        .get_subcommands()
        .filter(|subcommand| args.iter().any(|word| word == subcommand.get_name()));
    used.find_map(of).or_else(|| of(command))
}

fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// Takes out of `command` the variables that are set to nothing: empty is absent.
pub(crate) fn without_empty_variables(command: Command) -> Command {
    let absent = |arg: Arg| {
        let empty = arg
            .get_env()
            .is_some_and(|name| std::env::var_os(name).is_some_and(|value| value.is_empty()));
        if empty { arg.env(clap::builder::Resettable::Reset) } else { arg }
    };
    command.mut_args(absent).mut_subcommands(|subcommand| subcommand.mut_args(absent))
}

/// Variables that look like settings and are none, each with what it may have been meant as.
///
/// Not an error: Kubernetes puts `GRADEBOOK_PORT` and its relatives into every container next to a
/// service of that name.
pub(crate) fn unknown_variables(command: &Command) -> Vec<String> {
    let known = settings::declared(command);
    let names = || known.iter().map(|setting| setting.variable.as_str());
    let set = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    set.filter(|name| name.starts_with("GRADEBOOK_") && !names().any(|known| known == name))
        .map(|name| format!("{name} is no setting{}", suggestion(&name, names())))
        .collect()
}
