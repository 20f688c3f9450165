//! A setting that cannot be used.

use std::fmt;

/// A setting that cannot be used: one line that names the setting, the value and what is accepted.
///
/// The process ends with [`BadSetting::EXIT_CODE`], where a failure while running ends it with 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSetting {
    /// Where the value came from: `--listen`, `GRADEBOOK_LISTEN`, or `listen in gradebook.toml`.
    pub setting: String,
    /// The value as it was given, but for secrets; `None` when none was.
    pub value: Option<String>,
    /// What is wrong with it, and what would be accepted.
    pub why: String,
}

impl BadSetting {
    /// The exit code of a process that was started with a bad setting.
    pub const EXIT_CODE: u8 = 2;
}

impl std::error::Error for BadSetting {}

impl fmt::Display for BadSetting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(formatter, "{}: {value} {}", self.setting, self.why),
            None => write!(formatter, "{}: {}", self.setting, self.why),
        }
    }
}
