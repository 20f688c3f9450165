//! `/sign-in`: the form that takes an access token.

use askama::Template;

use super::chrome::Chrome;

/// The sign-in form.
#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// What surrounds it.
    pub chrome: Chrome,
    /// The page to go to afterwards: a path of this site.
    pub next: String,
    /// A token was sent and is not known.
    pub refused: bool,
}
