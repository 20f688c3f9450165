//! `/openapi.json`: the committed document, and the service held against it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{EventStream, Held, ScriptedFeed, Service, violation};

#[tokio::test]
async fn the_committed_document_is_what_is_served() {
    let service = Service::start(&["--journal", "memory:"]).await;
    let served = service.get("/openapi.json").await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        served.text() == committed,
        "the contract has changed: look at the difference, and keep it with\n  \
         curl 127.0.0.1:5000/openapi.json > openapi.json"
    );
}

#[tokio::test]
async fn every_path_of_the_document_is_served_and_no_other_method() {
    let held = Held::new(&[("foo", 3, 0.5)]).await;
    let document = held.service.json("/openapi.json").await;
    let paths = document["paths"].as_object().unwrap();
    for (template, item) in paths {
        let path = template
            .replace("{id}", "foo")
            .replace("{number}", "3")
            .replace("{code}", "invalid-cursor");
        let options = held.service.send("OPTIONS", &path, &[]).await;
        let mut allowed: Vec<_> =
            options.header("allow").split(", ").map(str::to_lowercase).collect();
        allowed.retain(|method| method != "options");
        let mut described: Vec<_> = item.as_object().unwrap().keys().cloned().collect();
        described.retain(|key| key != "parameters");
        allowed.sort();
        assert_eq!(allowed, described, "{template}");
        let answer = held.service.get(&path).await;
        let media_type = answer.header("content-type");
        let content = &item["get"]["responses"]["200"]["content"];
        assert!(content.get(media_type).is_some(), "{template}: {media_type} in {content}");
        let described = content[media_type]["schema"].clone();
        if described["type"] != "string" {
            assert_eq!(violation(&document, &described, &answer.json()), None, "{template}");
        }
        // What the service says it allows is what is described.
        let refused = held.service.get(&format!("{path}?no_such_parameter=1")).await.json();
        let parameters = item["get"]["parameters"].as_array();
        let names = parameters.into_iter().flatten().map(|one| one["name"].clone());
        let mut names: Vec<_> = names.map(|name| name.as_str().unwrap().to_owned()).collect();
        names.sort();
        assert_eq!(refused["allowed"], serde_json::json!(names), "{template}");
    }
}

/// A stream, and the types of the events that it has sent so far.
struct Watched {
    template: &'static str,
    stream: EventStream,
    seen: BTreeSet<String>,
}

impl Watched {
    /// Reads until an event called `last`; each must be as the document says.
    async fn until(&mut self, last: &str, document: &Value) {
        let pointer = format!("/paths/{}/get", self.template.replace('/', "~1"));
        let operation = document.pointer(&pointer).unwrap();
        let schema = &operation["responses"]["200"]["content"]["text/event-stream"]["schema"];
        loop {
            let event = self.stream.next().await;
            let mut told = json!({ "event": event.name, "data": event.data.to_string() });
            if let Some(id) = &event.id {
                told["id"] = json!(id);
            }
            assert_eq!(violation(document, schema, &told), None, "{}: {told}", self.template);
            self.seen.insert(event.name.clone());
            if event.name == last {
                break;
            }
        }
    }
}

/// The types of event that the document says a resource has.
fn described_events(document: &Value, template: &str) -> BTreeSet<String> {
    let operation = &document["paths"][template]["get"];
    let content = &operation["responses"]["200"]["content"]["text/event-stream"];
    let pointer = content["schema"]["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
    let types = document.pointer(pointer).unwrap()["oneOf"].as_array().unwrap();
    let name = |one: &Value| one["properties"]["event"]["const"].as_str().unwrap().to_owned();
    types.iter().map(name).collect()
}

#[tokio::test]
async fn every_event_of_every_stream_is_as_the_document_says() {
    let feed = ScriptedFeed::start().await;
    let service = Service::start(&["--journal", "memory:", "--feed", &feed.url()]).await;
    let mut connection = feed.accept_stream().await;
    for (student, exam, score) in [("bar", 3, 0.25), ("foo", 3, 0.5), ("foo", 4, 1.0)] {
        connection.score(student, exam, score).await;
    }
    service.eventually("/exams/4", |_| true).await;
    let document = service.json("/openapi.json").await;
    let mut all = Vec::new();
    for (template, path) in [
        ("/students", "/students"),
        ("/students/{id}", "/students/foo"),
        ("/exams", "/exams"),
        ("/exams/{number}", "/exams/3"),
        ("/results", "/results"),
    ] {
        let stream = EventStream::open(&service, path, Some("of another journal")).await;
        let mut watched = Watched { template, stream, seen: BTreeSet::new() };
        watched.until("reset", &document).await;
        watched.until("snapshot", &document).await;
        all.push(watched);
    }
    connection.score("foo", 3, 0.75).await;
    for watched in &mut all {
        let is_list = ["/students", "/exams"].contains(&watched.template);
        watched.until(if is_list { "upsert" } else { "result" }, &document).await;
    }
    assert_eq!(service.send("DELETE", "/students/foo", &[]).await.status, 204);
    for watched in &mut all {
        let is_list = ["/students", "/exams"].contains(&watched.template);
        watched.until(if is_list { "removed" } else { "erased" }, &document).await;
    }
    drop(connection);
    for watched in &mut all {
        watched.until("feed", &document).await;
        let described = described_events(&document, watched.template);
        assert_eq!(watched.seen, described, "{}", watched.template);
    }
}

/// How long schemathesis may take.
const RUN_MAX: Duration = Duration::from_secs(240);

/// Requests made up from the document, good and bad, each answered as the document says.
#[tokio::test]
#[expect(clippy::print_stderr, reason = "whoever runs the tests is told what was not run")]
async fn the_service_keeps_the_contract_whatever_is_asked() {
    let Some(program) = std::env::var_os("GRADEBOOK_TEST_SCHEMATHESIS") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "GRADEBOOK_TEST_SCHEMATHESIS does not name the program schemathesis: run scripts/test"
        );
        eprintln!("not run: schemathesis is not there (scripts/test installs it)");
        return;
    };
    let scores = [("foo", 3, 0.991), ("foo", 4, 0.5), ("Zoë", 3, 0.25), ("0", 0, 1.0)];
    let held = Held::new(&scores).await;
    let settings = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/schemathesis.toml");
    let folder = tempfile::tempdir().unwrap();
    let mut command = tokio::process::Command::new(program);
    command
        .args(["--config-file", settings])
        .args(["run", &held.service.url("/openapi.json"), "--url", &held.service.url("/")])
        // The phases that ask the same in every run: what fuzzing makes up depends on timing too.
        .args(["--phases", "examples,coverage"])
        .args(["--no-color", "--seed", "1"])
        // What it remembers of a run decides what it asks in the next: each run begins anew.
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let run = tokio::time::timeout(RUN_MAX, command.output()).await;
    let output = run.expect("schemathesis did not end").unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("passed"), "{told}");
}
