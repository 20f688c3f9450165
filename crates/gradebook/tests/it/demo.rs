//! `gradebook demo`: the first thing that anybody runs.

use std::io::{BufRead, BufReader};

use crate::support::{Service, eventually, finished};

#[tokio::test]
async fn it_prints_where_to_look_and_everything_it_prints_answers() {
    let mut command = Service::command();
    command.args(["demo", "--listen", "127.0.0.1:0"]);
    let (mut demo, out) = Service::spawn_with_output(command);
    let mut lines = Vec::new();
    for line in BufReader::new(out).lines().map_while(Result::ok) {
        lines.push(line);
        if lines.last().is_some_and(|line| line.starts_with("Ctrl-C")) {
            break;
        }
    }
    let page = lines.iter().find_map(|line| line.trim().strip_prefix("Open ")).unwrap().trim();
    let curls: Vec<String> = lines
        .iter()
        .filter_map(|line| line.trim().strip_prefix("curl "))
        .map(|address| format!("http://{address}"))
        .collect();
    assert_eq!(curls.len(), 4, "{lines:#?}");
    assert!(page.starts_with("http://127.0.0.1:"), "{page}");
    for url in &curls {
        eventually(url, async || {
            let answer = demo.client().get(url).send().await.ok()?;
            (answer.status() == 200).then_some(())
        })
        .await;
    }
    demo.signal("INT");
    assert!(demo.ended().await.success());
}

#[tokio::test]
async fn a_port_in_use_is_one_line_that_says_so() {
    let taken = Service::start_role("demo", &[]).await;
    let address = taken.address().to_string();
    let output = finished(Service::command().args(["demo", "--listen", &address])).await;
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        format!(
            "gradebook: --listen: {address} is in use; take another port, or 0 for a free one\n"
        )
    );
    assert!(output.stdout.is_empty(), "nothing to look at");
}
