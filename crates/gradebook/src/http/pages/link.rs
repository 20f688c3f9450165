//! Links to resources and to other views of the same list.

use std::fmt::Write;

use gradebook_core::{ExamNumber, StudentId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands for itself in a path segment and in a query: RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes `text` for a path segment or a query value.
#[must_use]
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The page of a student. Segments `.` and `..` are erased by every URL parser, even when
/// percent-encoded, so these two ids are reached by a filter.
#[must_use]
pub fn student(student: &StudentId) -> String {
    match student.as_str() {
        "." | ".." => format!("/students?student={student}"),
        id => format!("/students/{}", encoded(id)),
    }
}

/// The page of an exam.
#[must_use]
pub fn exam(exam: ExamNumber) -> String {
    format!("/exams/{exam}")
}

/// The page of an exam with one student chosen.
#[must_use]
pub fn exam_with_student(exam: ExamNumber, student: &StudentId) -> String {
    format!("/exams/{exam}?student={}", encoded(student.as_str()))
}

/// A list as it was asked for, from which links to other views of it are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    path: String,
    parameters: Vec<(String, String)>,
}

impl View {
    /// The list at `path`, which is percent-encoded, asked for with `parameters`, which are not.
    /// Empty parameters count as not sent.
    #[must_use]
    pub fn new(path: impl Into<String>, parameters: &[(String, String)]) -> Self {
        let sent = parameters.iter().filter(|(_, value)| !value.is_empty());
        Self { path: path.into(), parameters: sent.cloned().collect() }
    }

    /// The first value of a parameter; empty when it was not sent.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// Whether any of these parameters was sent.
    #[must_use]
    pub fn has(&self, names: &[&str]) -> bool {
        names.iter().any(|name| !self.get(name).is_empty())
    }

    /// The same without these parameters.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        let kept = self.parameters.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        Self { path: self.path.clone(), parameters: kept.cloned().collect() }
    }

    /// The same with this parameter, once.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut view = self.without(&[name]);
        view.parameters.push((name.to_owned(), value.to_owned()));
        view
    }

    /// Its parameters, for the hidden inputs of a form.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Its path, percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The link itself.
    #[must_use]
    pub fn href(&self) -> String {
        let mut href = self.path.clone();
        for (index, (name, value)) in self.parameters.iter().enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            write!(href, "{separator}{}={}", encoded(name), encoded(value))
                .expect("invariant: a String takes everything");
        }
        href
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_ids_stay_in_their_segment() {
        for (id, href) in [
            ("foo", "/students/foo"),
            ("a/b", "/students/a%2Fb"),
            ("Ann Lee", "/students/Ann%20Lee"),
            ("Zoë", "/students/Zo%C3%AB"),
            ("a?b#c&d=\"<'>", "/students/a%3Fb%23c%26d%3D%22%3C%27%3E"),
            ("100%", "/students/100%25"),
            ("..", "/students?student=.."),
            (".", "/students?student=."),
        ] {
            assert_eq!(student(&StudentId::parse(id).unwrap()), href);
        }
    }

    #[test]
    fn a_view_keeps_what_was_asked_for() {
        let sent = [("student", "Ann Lee"), ("sort", ""), ("cursor", "x")];
        let sent: Vec<_> =
            sent.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let view = View::new("/exams/3", &sent);
        assert_eq!(view.href(), "/exams/3?student=Ann%20Lee&cursor=x");
        let view = view.without(&["cursor"]).with("sort", "-score").with("sort", "score");
        assert_eq!(view.href(), "/exams/3?student=Ann%20Lee&sort=score");
        assert_eq!(view.get("student"), "Ann Lee");
        assert_eq!(view.get("cursor"), "");
    }
}
