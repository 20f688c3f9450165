//! `/openapi.json`: the committed document, and the service held against it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::support::{Held, Service};

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
        // What the service says it allows is what is described.
        let refused = held.service.get(&format!("{path}?no_such_parameter=1")).await.json();
        let parameters = item["get"]["parameters"].as_array();
        let names = parameters.into_iter().flatten().map(|one| one["name"].clone());
        let mut names: Vec<_> = names.map(|name| name.as_str().unwrap().to_owned()).collect();
        names.sort();
        assert_eq!(refused["allowed"], serde_json::json!(names), "{template}");
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
    let mut command = tokio::process::Command::new(program);
    command
        .args(["--config-file", settings])
        .args(["run", &held.service.url("/openapi.json"), "--url", &held.service.url("/")])
        // The phases that ask the same in every run: what fuzzing makes up depends on timing too.
        .args(["--phases", "examples,coverage"])
        .args(["--no-color", "--seed", "1"])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let run = tokio::time::timeout(RUN_MAX, command.output()).await;
    let output = run.expect("schemathesis did not end").unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("passed"), "{told}");
}
