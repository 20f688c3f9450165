//! Settings: flags, then `GRADEBOOK_*` in the environment, then a TOML file, then defaults.
//!
//! One struct for each concern; each is a group of command-line flags, and validated once.

mod feed;
mod journal;
mod listen;
mod problem;
mod simulate;

pub use feed::{FeedArgs, FeedSettings, FeedUrl};
pub use journal::JournalUrl;
pub use listen::ListenArgs;
pub use problem::BadSetting;
pub use simulate::{SimulateArgs, SimulationArgs};
