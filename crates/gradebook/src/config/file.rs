//! Settings from a TOML file: one flat table.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};

use super::problem::BadSetting;
use super::{refusal, settings};

/// The largest settings file, in bytes: far more than all settings need.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The file that the command line or the environment names, if any, and which of the two did.
///
/// Read from the plain arguments, since the file has to be known before these can be understood.
pub(crate) fn named(args: &[OsString]) -> Option<(&'static str, PathBuf)> {
    let mut args = args.iter().take_while(|arg| *arg != "--");
    while let Some(arg) = args.next() {
        if arg == "--config" {
            return args.next().map(|path| ("--config", PathBuf::from(path)));
        }
        if let Some(path) = arg.to_str().and_then(|arg| arg.strip_prefix("--config=")) {
            return Some(("--config", PathBuf::from(path)));
        }
    }
    let path = std::env::var_os("GRADEBOOK_CONFIG").filter(|path| !path.is_empty())?;
    Some(("GRADEBOOK_CONFIG", PathBuf::from(path)))
}

/// The settings of one file.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    path: PathBuf,
    table: toml::Table,
}

impl SettingsFile {
    /// Reads `path`, which the setting `named_by` names.
    ///
    /// # Errors
    /// When it cannot be read, or is not TOML.
    pub(crate) fn read(named_by: &str, path: &Path) -> Result<Self, BadSetting> {
        let unreadable = |why: String| BadSetting {
            setting: named_by.to_owned(),
            value: Some(path.display().to_string()),
            why: format!("cannot be read: {why}; expected a TOML file of settings"),
        };
        let metadata = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
        if metadata.len() > FILE_BYTES_MAX {
            return Err(unreadable(format!("it has more than {FILE_BYTES_MAX} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        let table = text.parse().map_err(|error: toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
            let message = error.message().replace('\n', " ");
            unreadable(format!("line {line} is not TOML: {message}"))
        })?;
        Ok(Self { path: path.to_owned(), table })
    }

    /// Makes the values of the file the defaults of `command`'s flags, wherever a flag of that
    /// meaning exists. Flags and variables then win over the file by clap's own rules.
    ///
    /// # Errors
    /// For a key that is no setting, and for a value that the setting does not accept.
    pub(crate) fn install(&self, mut command: Command) -> Result<Command, BadSetting> {
        for (key, value) in &self.table {
            let args = declarations(&command, key);
            let Some(arg) = args.first() else { return Err(self.unknown(&command, key)) };
            let values = self.values(key, value, arg)?;
            for arg in &args {
                self.check(key, &values, arg)?;
            }
            let install = |arg: Arg| {
                if settings::key(&arg).as_deref() == Some(key) {
                    // Required means: from anywhere. From now on there is a default.
                    arg.required(false).default_values(values.clone())
                } else {
                    arg
                }
            };
            command = command.mut_args(install).mut_subcommands(|sub| sub.mut_args(install));
        }
        Ok(command)
    }

    fn unknown(&self, command: &Command, key: &str) -> BadSetting {
        let known = settings::declared(command);
        let keys = known.iter().filter_map(|setting| setting.key.as_deref());
        BadSetting {
            setting: self.path.display().to_string(),
            value: Some(format!("`{key}`")),
            why: format!("is no setting{}", refusal::suggestion(key, keys)),
        }
    }

    /// `value` as clap takes values: texts, one or several.
    fn values(&self, key: &str, value: &toml::Value, arg: &Arg) -> Result<Vec<String>, BadSetting> {
        let wrong = |kind: &str| BadSetting {
            setting: self.name(key),
            value: None,
            why: format!("{kind} is not accepted; {}", refusal::expected(arg)),
        };
        let one = |value: &toml::Value| match value {
            toml::Value::String(text) => Ok(text.clone()),
            toml::Value::Integer(number) => Ok(number.to_string()),
            toml::Value::Float(number) => Ok(number.to_string()),
            toml::Value::Boolean(truth) => Ok(truth.to_string()),
            toml::Value::Datetime(_) => Err(wrong("a time")),
            toml::Value::Array(_) => Err(wrong("a list")),
            toml::Value::Table(_) => Err(wrong("a table")),
        };
        match value {
            toml::Value::Array(values) if matches!(arg.get_action(), ArgAction::Append) => {
                values.iter().map(one).collect()
            }
            value => one(value).map(|value| vec![value]),
        }
    }

    /// Parses `values` as `arg` would, so that a bad one is told apart by where it comes from.
    fn check(&self, key: &str, values: &[String], arg: &Arg) -> Result<(), BadSetting> {
        let lone = Command::new("file").no_binary_name(true).arg(
            Arg::new("setting")
                .long("setting")
                .action(ArgAction::Append)
                .value_parser(arg.get_value_parser().clone()),
        );
        for value in values {
            // With `=`, since a value may begin with a dash.
            let parsed = lone.clone().try_get_matches_from([format!("--setting={value}")]);
            if let Err(error) = parsed {
                return Err(BadSetting {
                    setting: self.name(key),
                    value: Some(refusal::shown(value, arg)),
                    why: refusal::why(&error, arg),
                });
            }
        }
        Ok(())
    }

    fn name(&self, key: &str) -> String {
        format!("{key} in {}", self.path.display())
    }
}

/// Every flag that `key` stands for: one for each command that has it.
fn declarations(command: &Command, key: &str) -> Vec<Arg> {
    let mut built = command.clone();
    built.build(); // fills in what is implied, such as how the value of a switch is read
    let subcommands = built.get_subcommands().flat_map(Command::get_arguments);
    let all = subcommands.chain(built.get_arguments());
    all.filter(|arg| settings::key(arg).as_deref() == Some(key)).cloned().collect()
}
