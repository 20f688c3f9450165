//! Access tokens, for people at a browser.

use tempfile::TempDir;

use super::Browser;
use crate::support::{ScriptedFeed, Service};

#[tokio::test]
async fn who_signs_in_reads_on_and_who_signs_out_does_not() {
    let folder = TempDir::new().unwrap();
    let tokens = folder.path().join("tokens.toml").display().to_string();
    let mut command = Service::command();
    command.args(["token", "new", "--name", "ann", "--scope", "read", "--token-file", &tokens]);
    let token = String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned();
    let feed = ScriptedFeed::start().await;
    let feed_url = feed.url();
    let arguments = ["--journal", "memory:", "--token-file", &tokens, "--feed", &feed_url];
    let service = Service::start(&arguments).await;
    let mut connection = feed.accept_stream().await;
    connection.score("ann", 3, 0.5).await;

    let browser = Browser::start().await;
    browser.goto(&service.url("/exams/3?sort=-score")).await;
    browser.until("h1", |text| text == "Sign in").await;
    browser.fill("#token", "gradebook_wrong\u{e007}").await;
    browser.until("#refused", |text| text.contains("not known")).await;
    browser.fill("#token", &format!("{token}\u{e007}")).await;
    browser.until("h1", |text| text == "Exam 3").await;
    let address = browser.page.current_url().await.unwrap();
    assert_eq!(address.as_str(), service.url("/exams/3?sort=-score"));

    // The stream comes with the session too.
    connection.score("ann", 3, 0.75).await;
    browser.until("[data-key=ann] [data-cell=score]", |text| text == "0.750").await;
    let script = "return document.cookie";
    assert_eq!(browser.execute(script, vec![]).await, "", "a script can read the cookie");

    browser.click(".colophon button").await;
    browser.until("h1", |text| text == "Sign in").await;
    browser.goto(&service.url("/students")).await;
    browser.until("h1", |text| text == "Sign in").await;
    browser.close().await;
}
