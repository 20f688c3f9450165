//! Pages for what went wrong.

use askama::Template;

use super::chrome::Chrome;

/// A failed request, to a person.
#[derive(Debug, Template)]
#[template(path = "problem.html")]
pub struct ProblemPage {
    /// What surrounds it.
    pub chrome: Chrome,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, in general.
    pub title: String,
    /// What is wrong, in particular.
    pub detail: String,
    /// What may have been meant: text and link.
    pub suggestions: Vec<(String, String)>,
    /// Where to go from here: text and link.
    pub onward: (&'static str, &'static str),
    /// The id of the request, for whoever asks for help.
    pub instance: Option<String>,
}

/// What a problem type means: the page that a problem's `type` refers to.
#[derive(Debug, Template)]
#[template(path = "problem_type.html")]
pub struct ProblemTypePage {
    /// What surrounds it.
    pub chrome: Chrome,
    /// The HTTP status that goes with it.
    pub status: u16,
    /// The stable key.
    pub code: &'static str,
    /// What is wrong, in general.
    pub title: &'static str,
    /// When it happens and what to do.
    pub meaning: &'static str,
}
