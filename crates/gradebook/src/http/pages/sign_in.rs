//! The form that takes an access token: shown wherever one is needed, answered by `/session`.

use askama::Template;

use super::chrome::Chrome;
use super::link::encoded;

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

impl SignInPage {
    /// Where the form is sent: with `next`, so that it is still known when the token is not.
    fn action(&self) -> String {
        format!("/session?next={}", encoded(&self.next))
    }
}

/// The page to go to after a form that was sent to `/session` with `rest` behind it.
#[must_use]
pub fn next(rest: &str) -> String {
    let query = rest.trim_start_matches('?').as_bytes();
    let next = url::form_urlencoded::parse(query).find(|(name, _)| name == "next");
    next.map_or_else(|| "/".to_owned(), |(_, next)| next.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::pages::Place;

    #[test]
    fn a_refused_form_still_knows_where_to_go() {
        let chrome = Chrome::still(Place::Elsewhere);
        let page = SignInPage { chrome, next: "/exams/3?student=a%26b".into(), refused: true };
        let action = page.action();
        assert_eq!(next(action.strip_prefix("/session").unwrap()), page.next);
        assert_eq!(next(""), "/");
    }
}
