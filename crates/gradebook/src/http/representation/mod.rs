//! What resources show, and one file for each way to write it down.

pub mod csv;
pub mod event_stream;
pub mod html;
pub mod json;
pub mod lines;

use axum::body::Body;
use gradebook_core::gradebook::{Aggregate, ExamItem, ResultItem, StudentItem};
use gradebook_core::statistics::{Standing, Statistics};
use gradebook_core::{ExamNumber, ScoringPolicy, StudentId};

use super::accept::MediaType;
use super::call::Call;
use super::event_id::EventId;
use super::feeds::Feeds;
use super::index::Index;
use super::problem_kind::ProblemKind;
use super::rejections::RejectionList;

/// What a response shows, copied out of the book.
#[derive(Debug)]
pub enum Document {
    /// `/students`.
    Students(List<StudentItem>),
    /// `/students/{id}`.
    Student(Entity<StudentId>),
    /// `/exams`.
    Exams(List<ExamItem>),
    /// `/exams/{number}`.
    Exam(Entity<ExamNumber>),
    /// `/results`.
    Results(List<ResultItem>),
    /// `/`.
    Index(Index),
    /// `/feeds`.
    Feeds(Feeds),
    /// `/rejections`.
    Rejections(RejectionList),
    /// `/problems/{code}`.
    ProblemKind(&'static ProblemKind),
}

/// A page of a list.
#[derive(Debug)]
pub struct List<Item> {
    /// The items.
    pub items: Vec<Item>,
    /// Where in the list they are.
    pub page: PageLinks,
}

/// Where in a list a page is.
#[derive(Clone, Debug)]
pub struct PageLinks {
    /// The most items on a page.
    pub limit: usize,
    /// How many items the list has on all pages; `None` when counting them would cost too much.
    pub total: Option<u64>,
    /// The URL of the next page; `None` at the end, and only there.
    pub next: Option<String>,
    /// The URL of the first page.
    pub first: String,
}

/// A student or an exam: all that is said of it, and a page of its results.
#[derive(Debug)]
pub struct Entity<Id> {
    /// Which.
    pub id: Id,
    /// Of all its results, whatever the filters.
    pub aggregate: Aggregate,
    /// Of all its results, whatever the filters.
    pub statistics: Statistics,
    /// Which score counts.
    pub policy: ScoringPolicy,
    /// Those results that pass the filters.
    pub results: List<ResultItem>,
    /// Where each of them stands in its exam, unless that is gone; empty when that was not asked
    /// for.
    pub standings: Vec<Option<Standing>>,
}

impl Document {
    /// Where in its list the page is, when there is one.
    #[must_use]
    pub fn page_links(&self) -> Option<&PageLinks> {
        match self {
            Self::Students(list) => Some(&list.page),
            Self::Student(student) => Some(&student.results.page),
            Self::Exams(list) => Some(&list.page),
            Self::Exam(exam) => Some(&exam.results.page),
            Self::Results(list) => Some(&list.page),
            Self::Index(_) | Self::Feeds(_) | Self::Rejections(_) | Self::ProblemKind(_) => None,
        }
    }
}

/// `document`, read when the book had come to `at`, in the representation that `call` has chosen.
pub fn render(call: &Call, document: &Document, at: Option<EventId>) -> Body {
    let links = &call.api.links;
    match call.media_type {
        MediaType::Html => Body::from(html::page(call, document, at)),
        MediaType::Ndjson | MediaType::Csv => {
            let format = call.media_type;
            Body::from(match document {
                Document::Students(list) => lines::whole(format, links, &list.items),
                Document::Exams(list) => lines::whole(format, links, &list.items),
                Document::Results(list)
                | Document::Student(Entity { results: list, .. })
                | Document::Exam(Entity { results: list, .. }) => {
                    lines::whole(format, links, &list.items)
                }
                Document::Index(_)
                | Document::Feeds(_)
                | Document::Rejections(_)
                | Document::ProblemKind(_) => {
                    unreachable!("invariant: what is no list has no lines")
                }
            })
        }
        MediaType::Json | MediaType::EventStream | MediaType::PrometheusText | MediaType::Svg => {
            Body::from(json::document(links, document))
        }
    }
}
