//! Pages for people: which page shows what.
//!
//! What a page says besides its document (the class averages beside a student's scores, the place
//! of one student) is read from the book a moment later than the document. It can be newer than
//! the entity tag, never older, so a page that is asked for again is never out of date.

use askama::Template;
use axum::http::{HeaderValue, StatusCode};
use gradebook_core::{ExamNumber, Gradebook, StudentId, Timestamp};

use super::super::accept::MediaType;
use super::super::call::Call;
use super::super::event_id::EventId;
use super::super::pages::{
    Chrome, ExamAside, ExamPage, FeedsPage, ListPage, OverviewPage, Place, ProblemPage,
    ProblemTypePage, RejectionsPage, ResultsPage, SignInPage, StudentAside, StudentPage, View,
    link, nearest, outage, sign_in,
};
use super::super::parameters::Role;
use super::super::problem::{Problem, ProblemDocument, Suggestions};
use super::{Document, List};

/// What a page may use: the gradebook's own files, and nothing else; no script or style within it.
/// Nobody may show it in a frame, where it could be clicked unseen.
pub const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// How often a page about the present is read anew when nothing happens, in seconds: its chart
/// moves on.
const PRESENT_REFRESH_SECONDS: u32 = 10;

/// `document`, read when the book had come to `at`, as a page.
#[must_use]
pub fn page(call: &Call, document: &Document, at: Option<EventId>) -> String {
    let view = view(call);
    let chrome = |place| chrome(call, place, at);
    let reader = &call.api.reader;
    match document {
        Document::Students(list) => {
            written(&ListPage::students(list, view, chrome(Place::Students)))
        }
        Document::Exams(list) => written(&ListPage::exams(list, view, chrome(Place::Exams))),
        Document::Results(list) => written(&ResultsPage::new(list, view, chrome(Place::Elsewhere))),
        Document::Student(student) => {
            let List { items, .. } = &student.results;
            let aside = StudentAside::read(reader, &student.id, items);
            written(&StudentPage::new(student, &aside, view, chrome(Place::Students)))
        }
        Document::Exam(exam) => {
            let aside = ExamAside::read(&reader.now(), exam.id, &call.query.students);
            written(&ExamPage::new(exam, aside, view, chrome(Place::Exams)))
        }
        Document::Index(_) => overview(call),
        Document::Feeds(_) => {
            let rejections = reader.rejections.newest_first();
            let chrome =
                Chrome { refresh_seconds: Some(PRESENT_REFRESH_SECONDS), ..chrome(Place::Feeds) };
            written(&FeedsPage::read(&reader.status, &rejections, now(), chrome))
        }
        Document::Rejections(_) => {
            let rejections = reader.rejections.newest_first();
            written(&RejectionsPage::new(rejections, chrome(Place::Feeds)))
        }
        Document::ProblemKind(kind) => written(&ProblemTypePage {
            chrome: chrome(Place::Elsewhere),
            status: kind.status.as_u16(),
            code: kind.code,
            title: kind.title,
            meaning: kind.meaning,
        }),
    }
}

/// `/`: what is coming in now.
#[must_use]
pub fn overview(call: &Call) -> String {
    let reader = &call.api.reader;
    let book = reader.now();
    let at = call.api.event_id(book.position());
    let chrome = Chrome {
        stream: Some(format!("/results?last_event_id={at}")),
        refresh_seconds: Some(PRESENT_REFRESH_SECONDS),
        ..chrome(call, Place::Overview, None)
    };
    let page = OverviewPage::read(&book, &reader.status, reader.book.pulse(), now(), chrome);
    drop(book);
    written(&page)
}

/// A problem with the request for `target` as a page. Who is not known is asked to sign in.
#[must_use]
pub fn problem(
    problem: &ProblemDocument<'_>,
    suggestions: Option<&Suggestions>,
    target: &str,
) -> String {
    let suggestions = suggestions.cloned().unwrap_or_default();
    let chrome = Chrome::still(Place::Elsewhere);
    if problem.status == StatusCode::UNAUTHORIZED.as_u16() {
        // The form itself is the target when the token that it sent is not known.
        let form = target.strip_prefix("/session");
        let next = form.map_or_else(|| target.to_owned(), sign_in::next);
        return written(&SignInPage { chrome, next, refused: form.is_some() });
    }
    let detail = problem.detail.unwrap_or(match problem.status {
        404 => "There is nothing at this address.",
        500 => "This is a fault of the gradebook itself. It has been noted.",
        _ => "",
    });
    written(&ProblemPage {
        chrome,
        status: problem.status,
        title: problem.title.to_owned(),
        detail: detail.to_owned(),
        suggestions: suggestions.links,
        onward: suggestions.onward.unwrap_or(("Overview", "/")),
        instance: Some(problem.instance.clone()),
    })
}

/// Nothing is held of `student`; a person is told who there is with such a name.
#[must_use]
pub fn student_not_found(call: &Call, book: &Gradebook, student: &StudentId) -> Problem {
    let problem = Problem::student_not_found();
    if call.media_type != MediaType::Html {
        return problem;
    }
    let found = nearest::students(book, student).into_iter();
    let links = found.map(|student| (student.to_string(), link::student(&student))).collect();
    problem.suggest(Suggestions { links, onward: Some(("All students", "/students")) })
}

/// Nothing is held of `exam`; a person is told which exams there are nearby.
#[must_use]
pub fn exam_not_found(call: &Call, book: &Gradebook, exam: ExamNumber) -> Problem {
    let problem = Problem::exam_not_found();
    if call.media_type != MediaType::Html {
        return problem;
    }
    let found = nearest::exams(book, exam).into_iter();
    let links = found.map(|exam| (format!("Exam {exam}"), link::exam(exam))).collect();
    problem.suggest(Suggestions { links, onward: Some(("All exams", "/exams")) })
}

/// The list as it was asked for.
fn view(call: &Call) -> View {
    let sent = call.query.sent().map(|(name, value)| (name.to_owned(), value.to_owned()));
    View::new(call.path.as_str(), &sent.collect::<Vec<_>>())
}

fn chrome(call: &Call, place: Place, at: Option<EventId>) -> Chrome {
    let mut chrome = Chrome::still(place);
    chrome.outage = outage(&call.api.reader.status);
    chrome.signed_in = !call.api.guard.is_open();
    if let Some(at) = at.filter(|_| call.resource.watch.is_some()) {
        // An entity is followed whole, since its figures are shown whole; a list as it is filtered.
        let mut query = if call.resource.has_variable() {
            String::new()
        } else {
            call.query.canonical(&[Role::Filter])
        };
        if !query.is_empty() {
            query.push('&');
        }
        chrome.stream = Some(format!("{}?{query}last_event_id={at}", call.path));
    }
    chrome
}

fn now() -> Timestamp {
    let ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default();
    Timestamp::from_ms(ms)
}

fn written(page: &impl Template) -> String {
    page.render().expect("invariant: templates write to memory")
}
