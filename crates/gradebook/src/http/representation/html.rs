//! Pages for people.

use super::super::call::Call;
use super::super::problem::ProblemDocument;
use super::{Document, json};

/// `document` as a page.
#[must_use]
pub fn page(call: &Call, document: &Document) -> String {
    let text = json::document(&call.api.links, document);
    preformatted(&call.path, &String::from_utf8_lossy(&text))
}

/// A problem as a page.
#[must_use]
pub fn problem(problem: &ProblemDocument<'_>) -> String {
    let mut text = Vec::new();
    json::write(problem, &mut text);
    preformatted(problem.title, &String::from_utf8_lossy(&text))
}

fn preformatted(title: &str, text: &str) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<!doctype html><html lang=\"en\"><title>{}</title><pre>{}</pre></html>\n",
        escape(title),
        escape(text)
    )
}
