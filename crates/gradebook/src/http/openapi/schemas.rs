//! The schemas of bodies, the responses and headers that operations share.

use gradebook_core::exam::EXAM_NUMBER_MAX;
use serde_json::{Value, json};

use super::super::parameters::LIMIT_MAX;
use super::super::problem;
use super::super::problem_kind::CATALOGUE;
use super::events;

/// A reference to the schema `name`.
pub fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An object all of whose `properties` are always there.
pub fn object(description: &str, properties: &Value) -> Value {
    let names: Vec<_> =
        properties.as_object().into_iter().flat_map(|members| members.keys()).collect();
    json!({
        "type": "object", "description": description, "required": names, "properties": properties,
    })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn array(of: &str) -> Value {
    json!({ "type": "array", "items": reference(of) })
}

/// Every schema, by its name.
pub fn schemas() -> Value {
    let mut schemas = json!({});
    for part in [values(), lists(), results(), operations(), others(), events::schemas()] {
        for (name, schema) in part.as_object().into_iter().flatten() {
            schemas[name] = schema.clone();
        }
    }
    schemas
}

fn values() -> Value {
    json!({
        "StudentId": {
            "type": "string", "minLength": 1, "examples": ["foo", "Zoë", "a/b"],
            "description": "At most 512 bytes of UTF-8 without control characters, compared code \
                point by code point.",
        },
        "ExamNumber": { "type": "integer", "minimum": 0, "maximum": EXAM_NUMBER_MAX, "examples": [3] },
        "Score": {
            "type": "number", "minimum": 0, "maximum": 1, "examples": [0.991],
            "description": "A double, in the shortest form that reads back as the same double.",
        },
        "Instant": {
            "type": "string", "format": "date-time", "examples": ["2026-11-22T10:15:30.123Z"],
            "description": "UTC with milliseconds.",
        },
        "Href": {
            "type": "string", "format": "uri-reference", "examples": ["/students/foo"],
            "description": "An absolute path, or an absolute URL where the service knows its own.",
        },
        "Page": object("Where in the list this page is.", &json!({
            "limit": { "type": "integer", "minimum": 1, "maximum": LIMIT_MAX },
            "total": {
                "type": ["integer", "null"], "minimum": 0,
                "description": "How many items pass the filters, on all pages; null when counting \
                    them would cost too much.",
            },
            "next": {
                "type": ["string", "null"], "format": "uri-reference",
                "description": "The next page; null at the end, and only there. A page may have \
                    fewer items than `limit`, or none, and not be the last.",
            },
        })),
    })
}

/// What is said of a student or an exam as a whole, beside its name.
fn aggregate(name: &str, id: &str) -> Value {
    json!({
        name: reference(id),
        "averageScore": reference("Score"),
        "resultCount": { "type": "integer", "minimum": 1 },
        "lastResultAt": reference("Instant"),
    })
}

fn lists() -> Value {
    let item = |name: &str, id: &str| {
        let mut item = aggregate(name, id);
        item["href"] = reference("Href");
        item
    };
    json!({
        "StudentItem": object("A student in a list.", &item("studentId", "StudentId")),
        "ExamItem": object("An exam in a list.", &item("exam", "ExamNumber")),
        "StudentList": object("A page of the students.", &json!({
            "students": array("StudentItem"), "page": reference("Page"),
        })),
        "ExamList": object("A page of the exams.", &json!({
            "exams": array("ExamItem"), "page": reference("Page"),
        })),
        "ResultList": object("A page of the results.", &json!({
            "results": array("Result"), "page": reference("Page"),
        })),
    })
}

fn results() -> Value {
    let entity = |name: &str, id: &str| {
        let mut entity = aggregate(name, id);
        entity["scoringPolicy"] = reference("ScoringPolicy");
        entity["statistics"] = reference("Statistics");
        entity["results"] = array("Result");
        entity["page"] = reference("Page");
        entity
    };
    let mut result = object(
        "The counted score of one student in one exam.",
        &json!({
            "exam": reference("ExamNumber"),
            "studentId": reference("StudentId"),
            "score": reference("Score"),
            "receivedAt": reference("Instant"),
        }),
    );
    result["properties"]["attempts"] = json!({
        "type": "integer", "minimum": 2, "maximum": 255,
        "description": "How many scores have counted here in turn, when more than one; 255 means \
            255 or more.",
    });
    result["properties"]["standing"] = reference("Standing");
    json!({
        "Student": object(
            "One student. Filters and paging act on `results` only.", &entity("studentId", "StudentId"),
        ),
        "Exam": object(
            "One exam. Filters and paging act on `results` only.", &entity("exam", "ExamNumber"),
        ),
        "Result": result,
        "Standing": object("Where a result stands within its exam; with `include=standing`.", &json!({
            "rank": {
                "type": "integer", "minimum": 1,
                "description": "1 is the highest score; equal scores share a rank (1, 2, 2, 4).",
            },
            "of": { "type": "integer", "minimum": 1, "description": "Results in the exam." },
            "percentileRank": {
                "type": "number", "minimum": 0, "maximum": 100,
                "description": "100 · (results below + half of the equal ones) / results.",
            },
        })),
        "ScoringPolicy": {
            "type": "string", "enum": ["keep_latest", "keep_highest", "keep_first"],
            "description": "Which of several scores of one student in one exam counts.",
        },
        "Statistics": object("The distribution of all its results, whatever the filters.", &json!({
            "minimum": reference("Score"),
            "maximum": reference("Score"),
            "median": reference("Score"),
            "lowerQuartile": reference("Score"),
            "upperQuartile": reference("Score"),
            "standardDeviation": {
                "type": "number", "minimum": 0, "description": "Of the population.",
            },
            "histogram": {
                "type": "array", "items": { "type": "integer", "minimum": 0 },
                "minItems": 10, "maxItems": 10,
                "description": "Results in [0, 0.1), [0.1, 0.2), … [0.9, 1].",
            },
        })),
    })
}

fn operations() -> Value {
    let maybe_instant = || json!({ "anyOf": [reference("Instant"), { "type": "null" }] });
    let count = || json!({ "type": "integer", "minimum": 0 });
    json!({
        "FeedList": object("How the feeds and the journal are, now.", &json!({
            "feeds": array("Feed"), "journal": reference("Journal"),
        })),
        "Feed": object("How one feed is.", &json!({
            "feed": text("Its URL, without credentials."),
            "state": reference("FeedState"),
            "trouble": {
                "type": ["string", "null"], "description": "Why it is not connected, for people.",
            },
            "connectedSince": maybe_instant(),
            "lastEventAt": maybe_instant(),
            "lastEventId": { "type": ["string", "null"] },
            "resumable": {
                "type": "boolean",
                "description": "Its events have ids, so nothing is lost between two connections.",
            },
            "eventsAccepted": count(),
            "eventsRejected": count(),
            "eventsIgnored": count(),
            "reconnects": count(),
        })),
        "Journal": object("How the journal is.", &json!({
            "kind": { "type": "string", "enum": ["memory", "sqlite", "redis"] },
            "position": { "type": "integer", "minimum": 0, "description": "Of its last entry." },
            "unavailable": {
                "type": ["string", "null"], "description": "Why nothing can be written at present.",
            },
        })),
        "RejectionList": object("The last refused events, newest first.", &json!({
            "rejections": array("Rejection"), "page": reference("Page"),
        })),
        "Rejection": object("One refused event.", &json!({
            "receivedAt": reference("Instant"),
            "feed": text("The URL of the feed, without credentials."),
            "eventId": { "type": ["string", "null"] },
            "reason": {
                "type": "string",
                "enum": ["not-json", "not-an-object", "missing-member", "wrong-type",
                    "exam-out-of-range", "student-id-invalid", "score-out-of-range",
                    "event-too-large"],
            },
            "detail": text("What exactly was wrong."),
            "data": text("Its data, at most 1 KiB of it."),
        })),
    })
}

fn others() -> Value {
    let codes: Vec<_> = CATALOGUE.iter().map(|kind| kind.code).collect();
    let error = json!({ "parameter": { "type": "string" }, "detail": { "type": "string" } });
    json!({
        "Index": object("Where everything is.", &json!({
            "name": { "type": "string" },
            "version": { "type": "string" },
            "resources": {
                "type": "object", "additionalProperties": { "type": "string" },
                "description": "A URI template (RFC 6570) for each operation.",
            },
        })),
        "OpenApi": { "type": "object", "description": "An OpenAPI 3.1 document." },
        "Status": object("How the service is.", &json!({
            "status": { "type": "string", "enum": ["alive", "ready"] },
        })),
        "ProblemCode": { "type": "string", "enum": codes },
        "ProblemKind": object("What a kind of problem means.", &json!({
            "type": { "type": "string", "format": "uri-reference" },
            "code": reference("ProblemCode"),
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "title": { "type": "string" },
            "meaning": { "type": "string" },
        })),
        "Problem": {
            "type": "object",
            "description": "RFC 9457.",
            "required": ["type", "title", "status", "instance"],
            "properties": {
                "type": {
                    "type": "string", "format": "uri-reference",
                    "description": "`about:blank` when the status says it all.",
                },
                "title": { "type": "string" },
                "status": { "type": "integer", "minimum": 400, "maximum": 599 },
                "code": reference("ProblemCode"),
                "detail": { "type": "string" },
                "errors": {
                    "type": "array",
                    "items": object("A parameter that is wrong.", &error),
                },
                "allowed": { "type": "array", "items": { "type": "string" } },
                "available": { "type": "array", "items": { "type": "string" } },
                "scope": { "type": "string", "enum": ["read", "admin"] },
                "violated-policies": { "type": "array", "items": { "type": "string" } },
                "instance": {
                    "type": "string", "pattern": "^urn:uuid:",
                    "description": "The id of the request, as in X-Request-Id.",
                },
            },
        },
    })
}

/// Responses that operations share.
pub fn responses() -> Value {
    json!({
        "NotModified": {
            "description": "The client has this representation already.",
            "headers": headers_of_success(),
        },
        "Problem": {
            "description": "A problem; in HTML for a client that prefers it.",
            "headers": { "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } },
            "content": {
                problem::CONTENT_TYPE: { "schema": reference("Problem") },
                "text/html; charset=utf-8": { "schema": { "type": "string" } },
            },
        },
    })
}

/// The headers of what was found.
pub fn headers_of_success() -> Value {
    let names = ["Cache-Control", "ETag", "Link", "X-Request-Id"];
    let headers = names
        .map(|name| (name.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") })));
    Value::Object(headers.into_iter().collect())
}

/// Headers that responses share.
pub fn headers() -> Value {
    let header =
        |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    json!({
        "Cache-Control": header("`private, no-cache` for what is about students."),
        "ETag": header("The revision of what is shown, and which representation of it this is. \
            Absent where the answer is about now."),
        "Link": header("`next` and `first` page, `alternate` event stream from this state on, \
            `canonical` path."),
        "X-Request-Id": header("The id of the request, for whoever asks for help."),
    })
}
