//! Who may ask for what: bearer tokens with scopes, sessions for browsers, rate limits.

mod guard;
mod rate_limit;
mod session;
mod sign_in;
mod tokens;

pub use guard::{Guard, limit};
pub use rate_limit::{Left, Quota, RateLimit};
pub use session::Sessions;
pub use sign_in::sign_in;
pub use tokens::{Scope, Token, TokenFile, TokenFileError, TokenId};
