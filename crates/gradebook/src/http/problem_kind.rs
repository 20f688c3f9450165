//! The catalogue of problems. Each has a page at `/problems/{code}`.

use axum::http::StatusCode;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

/// What all problems with one `type` have in common.
#[derive(Debug, PartialEq, Eq)]
pub struct ProblemKind {
    /// The stable key for programs, and the last segment of the path of its page.
    pub code: &'static str,
    /// The status it is sent with.
    pub status: StatusCode,
    /// A few words, the same every time.
    pub title: &'static str,
    /// What it means and what to do about it.
    pub meaning: &'static str,
    /// The `type`, when it is registered elsewhere; otherwise the path of its page is the type.
    pub registered_as: Option<&'static str>,
}

/// As its page shows it.
impl Serialize for ProblemKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("ProblemKind", 5)?;
        object.serialize_field("type", &self.uri())?;
        object.serialize_field("code", self.code)?;
        object.serialize_field("status", &self.status.as_u16())?;
        object.serialize_field("title", self.title)?;
        object.serialize_field("meaning", self.meaning)?;
        object.end()
    }
}

impl ProblemKind {
    /// The `type` of its problems: a URI reference that does not change.
    #[must_use]
    pub fn uri(&self) -> String {
        self.registered_as.map_or_else(|| self.page(), str::to_owned)
    }

    /// The path of its page.
    #[must_use]
    pub fn page(&self) -> String {
        format!("/problems/{}", self.code)
    }

    const fn new(
        code: &'static str,
        status: StatusCode,
        title: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { code, status, title, meaning, registered_as: None }
    }
}

/// Every kind of problem, in the order of their status.
pub const CATALOGUE: [&ProblemKind; 13] = [
    &UNKNOWN_PARAMETER,
    &INVALID_PARAMETER,
    &DUPLICATE_PARAMETER,
    &INVALID_CURSOR,
    &MALFORMED_PATH,
    &INSUFFICIENT_SCOPE,
    &STUDENT_NOT_FOUND,
    &EXAM_NOT_FOUND,
    &NOT_ACCEPTABLE,
    &PRECONDITION_FAILED,
    &QUOTA_EXCEEDED,
    &REDUCED_CAPACITY,
    &DEADLINE_EXCEEDED,
];

/// A query parameter that the resource does not have.
pub const UNKNOWN_PARAMETER: ProblemKind = ProblemKind::new(
    "unknown-parameter",
    StatusCode::BAD_REQUEST,
    "Unknown query parameter",
    "The query has a parameter that is not defined on this resource. It is refused rather than \
     ignored, because a misspelt filter that is ignored returns everybody. `allowed` lists the \
     parameters that are defined here; names are case-sensitive.",
);

/// A query parameter with a value that it cannot have.
pub const INVALID_PARAMETER: ProblemKind = ProblemKind::new(
    "invalid-parameter",
    StatusCode::BAD_REQUEST,
    "Invalid query parameter",
    "A query parameter has a value of the wrong type, out of range, unknown, or one that \
     contradicts another parameter. `errors` says which and why.",
);

/// A query parameter that may be sent once, sent again.
pub const DUPLICATE_PARAMETER: ProblemKind = ProblemKind::new(
    "duplicate-parameter",
    StatusCode::BAD_REQUEST,
    "Duplicate query parameter",
    "A parameter that takes one value was sent twice, or a parameter was sent under two of its \
     names. Which of them should count would be a guess. Of the filters, `exam` and `student` may \
     be repeated, each time under the same name.",
);

/// A cursor that does not fit.
pub const INVALID_CURSOR: ProblemKind = ProblemKind::new(
    "invalid-cursor",
    StatusCode::BAD_REQUEST,
    "Invalid cursor",
    "The cursor was not made by this service, or was made for another list, other filters or \
     another order. Follow the link in `page.next` as it is, or start again without a cursor. \
     `limit` may change from page to page. Cursors do not expire.",
);

/// A path that cannot be decoded.
pub const MALFORMED_PATH: ProblemKind = ProblemKind::new(
    "malformed-path",
    StatusCode::BAD_REQUEST,
    "Malformed path",
    "The path has a '%' that does not begin an escape, or decodes to bytes that are not UTF-8. An \
     id is one percent-encoded segment: 'a/b' is '/students/a%2Fb'.",
);

/// A token that is good, but not for this.
pub const INSUFFICIENT_SCOPE: ProblemKind = ProblemKind::new(
    "insufficient-scope",
    StatusCode::FORBIDDEN,
    "Insufficient scope",
    "The token is valid, but its scope does not cover this request. `scope` says which one does. \
     The answer does not depend on whether the resource exists.",
);

/// No results are held of the student.
pub const STUDENT_NOT_FOUND: ProblemKind = ProblemKind::new(
    "student-not-found",
    StatusCode::NOT_FOUND,
    "Student not found",
    "No results are held of a student with this id. Ids are compared code point by code point: \
     case, spaces and Unicode normalisation matter.",
);

/// No results are held of the exam.
pub const EXAM_NOT_FOUND: ProblemKind = ProblemKind::new(
    "exam-not-found",
    StatusCode::NOT_FOUND,
    "Exam not found",
    "No results are held of an exam with this number. A number is written without sign or leading \
     zeros: '/exams/3', not '/exams/03'.",
);

/// No representation is acceptable.
pub const NOT_ACCEPTABLE: ProblemKind = ProblemKind::new(
    "not-acceptable",
    StatusCode::NOT_ACCEPTABLE,
    "Not acceptable",
    "The resource has no representation that the Accept header or the `format` parameter allows. \
     `available` lists those that it has.",
);

/// Something else is there than the client has seen.
pub const PRECONDITION_FAILED: ProblemKind = ProblemKind::new(
    "precondition-failed",
    StatusCode::PRECONDITION_FAILED,
    "Precondition failed",
    "None of the entity tags in If-Match is that of the current state. Read the resource again, \
     and decide again.",
);

/// Too many requests.
pub const QUOTA_EXCEEDED: ProblemKind = ProblemKind {
    registered_as: Some("https://iana.org/assignments/http-problem-types#quota-exceeded"),
    ..ProblemKind::new(
        "quota-exceeded",
        StatusCode::TOO_MANY_REQUESTS,
        "Quota exceeded",
        "More requests were made than the policy in RateLimit-Policy allows. Wait for as many \
         seconds as Retry-After says. Conditional requests that are answered with 304 are not \
         counted.",
    )
};

/// A bounded resource is used up.
pub const REDUCED_CAPACITY: ProblemKind = ProblemKind {
    registered_as: Some(
        "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
    ),
    ..ProblemKind::new(
        "temporary-reduced-capacity",
        StatusCode::SERVICE_UNAVAILABLE,
        "Temporarily reduced capacity",
        "All places of a bounded resource, such as event streams, are taken. Wait for as many \
         seconds as Retry-After says.",
    )
};

/// It took too long.
pub const DEADLINE_EXCEEDED: ProblemKind = ProblemKind::new(
    "deadline-exceeded",
    StatusCode::SERVICE_UNAVAILABLE,
    "Deadline exceeded",
    "The request had to wait for the journal for longer than a request may. What it asked for is \
     not taken back: an erasure may still happen. After as many seconds as Retry-After says, ask \
     for it again, which does no harm; a 404 then says that it has happened.",
);
