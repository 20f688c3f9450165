//! Who may ask for what: bearer tokens with scopes, sessions for browsers, rate limits.

mod rate_limit;
mod session;
mod tokens;

pub use rate_limit::{Quota, RateLimit};
pub use session::Sessions;
pub use tokens::{Scope, Token, TokenFile, TokenFileError, TokenId};
