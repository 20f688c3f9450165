//! `/exams` and `/exams/{number}`.

use axum::response::Response;
use gradebook_core::gradebook::{ListKey, ListQuery, ResultKey, ResultQuery};
use gradebook_core::{ExamNumber, Gradebook, StudentId};

use super::accept::MediaType;
use super::access::Scope;
use super::call::Call;
use super::live;
use super::parameters as parameter;
use super::problem::Problem;
use super::representation::{Document, Entity};
use super::representation::{html, lines};
use super::resource::{Operation, Resource, SortKeys};
use crate::hub::Watched;

/// `/exams`.
pub static EXAMS: Resource = Resource {
    template: "/exams",
    operation: Operation {
        id: "listExams",
        summary: "Exams with at least one accepted score",
        schema: "ExamList",
    },
    scope: Some(Scope::Read),
    parameters: &[
        &parameter::EXAM,
        &parameter::STUDENT,
        &parameter::SORT,
        &parameter::LIMIT,
        &parameter::CURSOR,
        &parameter::FORMAT,
        &parameter::LAST_EVENT_ID,
    ],
    sort_keys: SortKeys::List(&[
        ("exam", ListKey::Id),
        ("averageScore", ListKey::AverageScore),
        ("resultCount", ListKey::ResultCount),
        ("lastResultAt", ListKey::LastResultAt),
    ]),
    media_types: &[
        MediaType::Json,
        MediaType::Html,
        MediaType::Ndjson,
        MediaType::Csv,
        MediaType::EventStream,
    ],
    get: list,
    watch: Some(|call| live::watch(call, Ok(Watched::Exams))),
    delete: None,
};

/// `/exams/{number}`.
pub static EXAM: Resource = Resource {
    template: "/exams/{number}",
    operation: Operation {
        id: "getExam",
        summary: "One exam: all results, and the average across students",
        schema: "Exam",
    },
    scope: Some(Scope::Read),
    parameters: &[
        &parameter::STUDENT,
        &parameter::MIN_SCORE,
        &parameter::MAX_SCORE,
        &parameter::SINCE,
        &parameter::SORT,
        &parameter::LIMIT,
        &parameter::CURSOR,
        &parameter::INCLUDE,
        &parameter::FORMAT,
        &parameter::LAST_EVENT_ID,
    ],
    sort_keys: SortKeys::Results(&[
        ("studentId", ResultKey::Id),
        ("score", ResultKey::Score),
        ("receivedAt", ResultKey::ReceivedAt),
    ]),
    media_types: &[
        MediaType::Json,
        MediaType::Html,
        MediaType::Ndjson,
        MediaType::Csv,
        MediaType::EventStream,
    ],
    get: show,
    watch: Some(|call| {
        let watched = call.exam().map(Watched::Exam);
        live::watch(call, watched)
    }),
    delete: None,
};

fn list(call: &Call) -> Result<Response, Problem> {
    let query = call.list_query::<ExamNumber>()?;
    let after = query.after.clone();
    let read = move |book: &Gradebook, after| book.exams(&ListQuery { after, ..query.clone() });
    call.whole_list(after, read, Document::Exams)
}

fn show(call: &Call) -> Result<Response, Problem> {
    let exam = call.exam()?;
    let query = call.result_query::<StudentId>()?;
    let book = call.api.reader.now();
    let aggregate = book.exam(exam);
    let aggregate = aggregate.ok_or_else(|| html::exam_not_found(call, &book, exam))?;
    let revision = if call.query.standing { book.revision() } else { aggregate.revision };
    let version = call.version(&book, revision);
    if let Some(unchanged) = call.unchanged(&version.tag, Some(version.at))? {
        return Ok(unchanged);
    }
    if call.wants_lines() {
        drop(book);
        let reader = call.api.reader.clone();
        return Ok(call.lines(&version, query.after.clone(), move |after| {
            let query = ResultQuery { after, ..query.clone() };
            reader.now().exam_results(exam, &query).unwrap_or_else(lines::nothing)
        }));
    }
    let read = |query: &_| book.exam_results(exam, query).ok_or_else(Problem::exam_not_found);
    let results = call.affordable_page(&book, query, read)?;
    let statistics = book.exam_statistics(exam).ok_or_else(Problem::exam_not_found)?;
    let policy = book.policy();
    let standings = if call.query.standing { book.standings(&results.items) } else { Vec::new() };
    drop(book);
    let results = call.list(results);
    let entity = Entity { id: exam, aggregate, statistics, policy, results, standings };
    Ok(call.show(&version, &Document::Exam(entity)))
}

impl Call {
    /// The exam that the path names. What is not a number, written in its one way, names none.
    ///
    /// # Errors
    /// A 404.
    pub fn exam(&self) -> Result<ExamNumber, Problem> {
        ExamNumber::parse(&self.segment).map_err(|_| Problem::exam_not_found())
    }
}
