//! The URLs of things: absolute paths, or absolute URLs under `--public-url`. Never from `Host`.

use std::fmt;
use std::sync::Arc;

use gradebook_core::{ExamNumber, StudentId};
use serde::{Serialize, Serializer};

use super::percent;

/// Makes URLs.
#[derive(Clone, Debug, Default)]
pub struct Links {
    base: Arc<str>,
}

impl Links {
    /// URLs under `public_url`, which has no slash at its end; absolute paths when there is none.
    #[must_use]
    pub fn new(public_url: Option<&str>) -> Self {
        Self { base: public_url.unwrap_or_default().trim_end_matches('/').into() }
    }

    /// What stands before every path: nothing, or the public URL.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The URL of a student.
    #[must_use]
    pub fn student<'a>(&'a self, student: &'a StudentId) -> Href<'a> {
        Href { base: &self.base, to: To::Student(student.as_str()) }
    }

    /// The URL of an exam.
    #[must_use]
    pub fn exam(&self, exam: ExamNumber) -> Href<'_> {
        Href { base: &self.base, to: To::Exam(exam) }
    }

    /// The URL of `path` with `query`, which may be empty.
    #[must_use]
    pub fn path(&self, path: &str, query: &str) -> String {
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{path}{mark}{query}", self.base)
    }
}

/// The URL of a student or an exam, not put together yet.
#[derive(Clone, Copy, Debug)]
pub struct Href<'a> {
    base: &'a str,
    to: To<'a>,
}

#[derive(Clone, Copy, Debug)]
enum To<'a> {
    Student(&'a str),
    Exam(ExamNumber),
}

impl Serialize for Href<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Href<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.base)?;
        match self.to {
            // Parsers of URLs erase the segments `.` and `..`, however they are spelt (WHATWG URL
            // §4.1), so no path can name these two students; a query can.
            To::Student(id @ ("." | "..")) => write!(formatter, "/students?student={id}"),
            To::Student(id) => write!(formatter, "/students/{}", percent::encode(id)),
            To::Exam(exam) => write!(formatter, "/exams/{exam}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_student_has_a_url() {
        let student = |id| StudentId::parse(id).unwrap();
        let links = Links::default();
        assert_eq!(links.student(&student("a/b")).to_string(), "/students/a%2Fb");
        assert_eq!(links.student(&student("..")).to_string(), "/students?student=..");
        assert_eq!(links.student(&student("...")).to_string(), "/students/...");
        let links = Links::new(Some("https://scores.example/book/"));
        let url = links.student(&student("Zoë")).to_string();
        assert_eq!(url, "https://scores.example/book/students/Zo%C3%AB");
    }
}
