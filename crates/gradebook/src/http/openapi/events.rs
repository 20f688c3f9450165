//! The schemas of what event streams send.
//!
//! OpenAPI 3.1 has no word for the items of a stream (3.2 has `itemSchema`), so the `schema` of
//! `text/event-stream` describes each event as a client's parser gives it to its caller: `event`,
//! `id`, and `data`, which is text that holds JSON.

use serde_json::{Value, json};

use super::super::resource::Resource;
use super::schemas::{object, reference};

/// One type of event: its name, what it means, and its data.
type EventType = (&'static str, &'static str, Value);

/// The name of the schema of an event on `resource`, which has a stream.
pub fn name(resource: &Resource) -> String {
    format!("{}Event", resource.operation.schema)
}

/// The schemas of an event on each resource, by their names.
pub fn schemas() -> Value {
    let student = || json!({ "studentId": reference("StudentId") });
    let exam = || json!({ "exam": reference("ExamNumber") });
    json!({
        "StudentListEvent": one_of("the students", &list("StudentItem", &student(), true)),
        "ExamListEvent": one_of("the exams", &list("ExamItem", &exam(), false)),
        "StudentEvent": one_of("one student", &entity(&student())),
        "ExamEvent": one_of("one exam", &entity(&exam())),
        "ResultListEvent": one_of("the results", &[
            total(),
            ("result", "A result is new, or another one.",
                object("What is new.", &json!({ "result": reference("Result") }))),
            ("erased", "A student was erased: forget them.", object("Whom.", &student())),
        ]),
        "StreamId": {
            "type": "string", "pattern": "^([0-9a-f]{8}-)?[0-9]+$", "examples": ["1042"],
            "description": "A position in the journal, to go on from; with a memory journal a \
                number for this run stands before it.",
        },
        "FeedState": {
            "type": "string",
            "enum": ["connecting", "live", "reconnecting", "stopped", "unknown"],
            "description": "Unknown: whoever reads the feed has not told of it of late.",
        },
    })
}

fn total() -> EventType {
    let total = json!({ "total": { "type": "integer", "minimum": 0 } });
    ("snapshot", "How many items the list has, without filters.", object("How many.", &total))
}

/// The events of a list of students or exams.
fn list(item: &str, key: &Value, erased: bool) -> Vec<EventType> {
    let mut events = vec![
        total(),
        ("upsert", "An item is new, or another one.", reference(item)),
        ("removed", "An item is gone.", object("Which.", key)),
    ];
    if erased {
        events.push(("erased", "A student was erased: forget them.", object("Whom.", key)));
    }
    events
}

/// The events of one student or exam.
fn entity(key: &Value) -> Vec<EventType> {
    let with_standing = |mut members: Value| {
        members["averageScore"] = json!({ "anyOf": [reference("Score"), { "type": "null" }] });
        members["resultCount"] = json!({ "type": "integer", "minimum": 0 });
        members
    };
    let student = json!({ "studentId": reference("StudentId") });
    vec![
        (
            "snapshot",
            "What is said of the whole; no average when nothing is held.",
            object("As in the resource itself.", &with_standing(key.clone())),
        ),
        (
            "result",
            "A result is new, or another one.",
            object(
                "With the average after it.",
                &with_standing(json!({
                    "result": reference("Result"),
                })),
            ),
        ),
        (
            "erased",
            "A student was erased: forget them.",
            object("With the average of what is left.", &with_standing(student)),
        ),
    ]
}

/// An event of one of these types, or of those that every stream has.
fn one_of(of: &str, types: &[EventType]) -> Value {
    let everywhere = [
        (
            "feed",
            "A feed is doing something else now.",
            object(
                "Which, and what.",
                &json!({
                    "feed": { "type": "string", "description": "Its URL, without credentials." },
                    "state": reference("FeedState"),
                }),
            ),
        ),
        (
            "reset",
            "What was missed cannot be told: read the resource again.",
            object(
                "Why.",
                &json!({
                    "reason": {
                        "type": "string",
                        "enum": ["unknown-id", "ahead-of-journal", "student-erased", "too-long-ago",
                            "gradebook-rebuilt"],
                    },
                }),
            ),
        ),
    ];
    let events = types.iter().chain(&everywhere).map(|(name, meaning, content)| {
        json!({
            "type": "object",
            "description": meaning,
            "required": ["event", "data"],
            "properties": {
                "event": { "type": "string", "const": name },
                "id": reference("StreamId"),
                "data": {
                    "type": "string", "contentMediaType": "application/json",
                    "contentSchema": content,
                },
            },
        })
    });
    json!({
        "description": format!("One event of the stream of {of}, as a parser gives it."),
        "oneOf": events.collect::<Vec<_>>(),
    })
}
