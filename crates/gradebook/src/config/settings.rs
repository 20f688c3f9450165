//! The list of all settings, read from the command line's own declaration of them.

use clap::{Arg, Command};

/// What every variable begins with.
const VARIABLE_PREFIX: &str = "GRADEBOOK_";

/// Names the file of settings, so it cannot be one of them.
const FILE_VARIABLE: &str = "GRADEBOOK_CONFIG";

/// One setting: a flag, a variable and a key of the settings file that mean the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `--reconnect-delay`.
    pub flag: String,
    /// `GRADEBOOK_RECONNECT_DELAY`.
    pub variable: String,
    /// `reconnect_delay`; `None` for the setting that names the file.
    pub key: Option<String>,
    /// The commands that have it; empty: all of them.
    pub commands: Vec<String>,
    /// What a value looks like, with its unit.
    pub value: String,
    /// The value when nobody says otherwise.
    pub default: Option<String>,
    /// What it does, in a sentence.
    pub meaning: String,
}

/// All settings of `command` and its subcommands, in the order of the help.
#[must_use]
pub fn declared(command: &Command) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    for subcommand in command.get_subcommands() {
        for arg in subcommand.get_arguments() {
            let Some(new) = setting(arg) else { continue };
            let name = subcommand.get_name().to_owned();
            match settings.iter_mut().find(|known| known.variable == new.variable) {
                Some(known) => known.commands.push(name),
                None => settings.push(Setting { commands: vec![name], ..new }),
            }
        }
    }
    settings.extend(command.get_arguments().filter_map(setting));
    settings
}

/// The key of `arg` in the settings file, if it may stand there.
pub(super) fn key(arg: &Arg) -> Option<String> {
    let variable = arg.get_env()?.to_str()?;
    let name = variable.strip_prefix(VARIABLE_PREFIX)?;
    (variable != FILE_VARIABLE).then(|| name.to_ascii_lowercase())
}

/// What a value of `arg` looks like.
pub(super) fn value_form(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return "true|false".to_owned();
    }
    let names = arg.get_value_names().unwrap_or_default();
    names.iter().map(clap::builder::Str::as_str).collect::<Vec<_>>().join(" ")
}

/// The value of `arg` when nobody says otherwise.
pub(super) fn default(arg: &Arg) -> Option<String> {
    if !arg.get_action().takes_values() {
        return Some("false".to_owned());
    }
    let values = arg.get_default_values();
    let values: Vec<_> = values.iter().map(|value| value.to_string_lossy()).collect();
    (!values.is_empty()).then(|| values.join(" "))
}

fn setting(arg: &Arg) -> Option<Setting> {
    Some(Setting {
        flag: format!("--{}", arg.get_long()?),
        variable: arg.get_env()?.to_str()?.to_owned(),
        key: key(arg),
        commands: Vec::new(),
        value: value_form(arg),
        default: default(arg),
        meaning: arg.get_help()?.to_string(),
    })
}
