//! `/students` and `/students/{id}`.

use axum::response::Response;
use gradebook_core::gradebook::{ListKey, ListQuery, ResultKey, ResultQuery};
use gradebook_core::{ExamNumber, Gradebook, StudentId};

use super::accept::MediaType;
use super::access::Scope;
use super::call::Call;
use super::erase;
use super::live;
use super::parameters as parameter;
use super::problem::Problem;
use super::representation::{Document, Entity};
use super::representation::{html, lines};
use super::resource::{Operation, Resource, SortKeys};
use super::standing::exam_by_exam;
use crate::hub::Watched;

/// `/students`.
pub static STUDENTS: Resource = Resource {
    template: "/students",
    operation: Operation {
        id: "listStudents",
        summary: "Students with at least one accepted score",
        schema: "StudentList",
    },
    scope: Some(Scope::Read),
    parameters: &[
        &parameter::EXAM,
        &parameter::STUDENT,
        &parameter::CONTAINS,
        &parameter::SORT,
        &parameter::LIMIT,
        &parameter::CURSOR,
        &parameter::FORMAT,
        &parameter::LAST_EVENT_ID,
    ],
    sort_keys: SortKeys::List(&[
        ("studentId", ListKey::Id),
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
    watch: Some(|call| live::watch(call, Ok(Watched::Students))),
    delete: None,
};

/// `/students/{id}`.
pub static STUDENT: Resource = Resource {
    template: "/students/{id}",
    operation: Operation {
        id: "getStudent",
        summary: "One student: all results, and the average across exams",
        schema: "Student",
    },
    scope: Some(Scope::Read),
    parameters: &[
        &parameter::EXAM,
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
        ("exam", ResultKey::Id),
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
        let watched = call.student().map(Watched::Student);
        live::watch(call, watched)
    }),
    delete: Some(erase::STUDENT),
};

fn list(call: &Call) -> Result<Response, Problem> {
    let query = call.list_query::<StudentId>()?;
    let after = query.after.clone();
    let read = move |book: &Gradebook, after| book.students(&ListQuery { after, ..query.clone() });
    call.whole_list(after, read, Document::Students)
}

fn show(call: &Call) -> Result<Response, Problem> {
    let student = call.student()?;
    let query = call.result_query::<ExamNumber>()?;
    let book = call.api.reader.now();
    let aggregate = book.student(&student);
    let aggregate = aggregate.ok_or_else(|| html::student_not_found(call, &book, &student))?;
    let shows_others = call.query.standing || call.media_type == MediaType::Html;
    let revision = if shows_others { book.revision() } else { aggregate.revision };
    let version = call.version(&book, revision);
    if let Some(unchanged) = call.unchanged(&version.tag, Some(version.at))? {
        return Ok(unchanged);
    }
    if call.wants_lines() {
        drop(book);
        let reader = call.api.reader.clone();
        return Ok(call.lines(&version, query.after.clone(), move |after| {
            let query = ResultQuery { after, ..query.clone() };
            reader.now().student_results(&student, &query).unwrap_or_else(lines::nothing)
        }));
    }
    let read =
        |query: &_| book.student_results(&student, query).ok_or_else(Problem::student_not_found);
    let results = call.affordable_page(&book, query, read)?;
    let statistics = book.student_statistics(&student).ok_or_else(Problem::student_not_found)?;
    let policy = book.policy();
    drop(book);
    let wanted = if call.query.standing { &results.items[..] } else { &[] };
    let standings = exam_by_exam(&call.api.reader, wanted);
    let results = call.list(results);
    let entity = Entity { id: student, aggregate, statistics, policy, results, standings };
    Ok(call.show(&version, &Document::Student(entity)))
}

impl Call {
    /// The student whom the path names. What cannot be an id names nobody.
    ///
    /// # Errors
    /// A 404.
    pub fn student(&self) -> Result<StudentId, Problem> {
        StudentId::parse(&self.segment).map_err(|_| Problem::student_not_found())
    }
}
