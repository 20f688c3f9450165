//! Settings: flags, then `GRADEBOOK_*` in the environment, then a TOML file, then defaults.
//!
//! One struct for each concern; each is a group of command-line flags, and validated once.

mod access;
pub(crate) mod duration;
mod feed;
pub(crate) mod file;
mod journal;
mod listen;
mod live;
mod problem;
pub mod redis;
pub(crate) mod refusal;
mod settings;
mod simulate;

pub use access::{AccessArgs, AccessSettings, Origin};
pub use feed::{FeedArgs, FeedHeader, FeedSettings, FeedUrl, RECONNECT_DELAY_MAX, TOKEN_BYTES_MAX};
pub use journal::JournalUrl;
pub use listen::{ListenArgs, PublicUrl};
pub use live::LiveArgs;
pub use problem::BadSetting;
pub use settings::{Setting, declared as declared_settings};
pub use simulate::{SimulateArgs, SimulationArgs};
