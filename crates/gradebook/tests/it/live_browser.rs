//! The `EventSource` of a real browser on our event streams.

use serde_json::json;

use crate::pages::Browser;
use crate::support::{ScriptedFeed, Service, eventually};

/// Keeps the id and the exam of every result that is told.
const WATCH: &str = "
    window.told = [];
    const source = new EventSource('/results');
    source.addEventListener('snapshot', () => { window.connected = true; });
    source.addEventListener('result', event => {
        window.told.push([event.lastEventId, JSON.parse(event.data).result.exam]);
    });
    source.addEventListener('reset', () => { window.told.push('reset'); });
";

async fn start_at(address: &str, journal: &str, feed: &str) -> Service {
    let mut command = Service::command();
    command.args(["serve", "--listen", address, "--journal", journal, "--feed", feed]);
    command.args(["--reconnect-delay", "10ms"]);
    Service::spawn(command).rebuilt().await
}

#[tokio::test]
async fn an_event_source_goes_on_after_a_restart_without_gap_or_repeat() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("gradebook.db");
    let journal = journal.to_str().unwrap();
    let feed = ScriptedFeed::start().await;
    let service = start_at("127.0.0.1:0", journal, &feed.url()).await;
    let address = service.address().to_string();
    let mut connection = feed.accept_stream().await;
    let browser = Browser::start().await;
    browser.goto(&service.url("/feeds")).await;
    browser.execute(WATCH, vec![]).await;
    eventually("the first connection", async || {
        (browser.execute("return window.connected", vec![]).await == json!(true)).then_some(())
    })
    .await;
    for exam in 1..=50 {
        connection.score("foo", exam, 0.5).await;
    }
    told(&browser, 50).await;
    service.kill();
    drop(connection);
    let _service = start_at(&address, journal, &feed.url()).await;
    let mut connection = feed.accept_stream().await;
    // Some while the browser is away, some when it is back.
    for exam in 51..=100 {
        connection.score("foo", exam, 0.5).await;
    }
    told(&browser, 100).await;
    connection.score("foo", 101, 0.5).await;
    let expected: Vec<_> = (1..=101).map(|exam| json!([exam.to_string(), exam])).collect();
    assert_eq!(told(&browser, 101).await, json!(expected));
    browser.close().await;
}

/// Waits until so many results were told, and returns all of them.
async fn told(browser: &Browser, count: usize) -> serde_json::Value {
    eventually("results in the browser", async || {
        let told = browser.execute("return window.told", vec![]).await;
        (told.as_array().unwrap().len() >= count).then_some(told)
    })
    .await
}
