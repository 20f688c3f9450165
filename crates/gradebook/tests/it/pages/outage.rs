//! A page says when it is out of date, and recovers by itself.

use std::time::Instant;

use tempfile::TempDir;

use super::Browser;
use crate::support::{ScriptedFeed, Service};

fn start_on(address: &str, journal: &str, feed: &str) -> Service {
    let mut command = Service::command();
    command.args(["serve", "--listen", address, "--journal", journal, "--feed", feed]);
    command.args(["--reconnect-delay", "50ms"]);
    Service::spawn(command)
}

#[tokio::test]
async fn a_page_survives_a_restart_of_the_server() {
    let folder = TempDir::new().unwrap();
    let journal = folder.path().join("gradebook.db").display().to_string();
    let feed = ScriptedFeed::start().await;
    let service = start_on("127.0.0.1:0", &journal, &feed.url());
    let mut connection = feed.accept_stream().await;
    connection.score("ann", 3, 0.5).await;
    service.eventually("/exams/3", |exam| exam["resultCount"] == 1).await;

    let browser = Browser::start().await;
    browser.goto(&service.url("/exams/3")).await;
    browser.execute("document.body.dataset.marked = 'yes'", vec![]).await;
    connection.score("bob", 3, 0.7).await;
    browser.until("[data-key=bob]", |text| text.contains("0.700")).await;

    let address = service.address().to_string();
    let ended = Instant::now();
    service.kill();
    browser.until("#connection", |text| text.contains("cannot be reached")).await;
    assert!(ended.elapsed().as_secs() < 5, "told after {:?}", ended.elapsed());

    let service = start_on(&address, &journal, &feed.url());
    let mut connection = feed.accept_stream().await;
    connection.score("cid", 3, 0.9).await;
    browser.until("[data-key=cid]", |text| text.contains("0.900")).await;
    browser.until("[data-field=averageScore]", |text| text == "0.700").await;
    browser.until("#connection", |text| !text.contains("cannot be reached")).await;
    let marked = browser.execute("return document.body.dataset.marked", vec![]).await;
    assert_eq!(marked, "yes", "the page was loaded again");
    drop(service);
    browser.close().await;
}

/// A memory journal is another one after a restart: nothing of the one before may stay on screen.
#[tokio::test]
async fn a_page_starts_over_with_another_journal() {
    let feed = ScriptedFeed::start().await;
    let service = start_on("127.0.0.1:0", "memory:", &feed.url());
    let mut connection = feed.accept_stream().await;
    connection.score("ann", 3, 0.5).await;
    connection.score("bob", 3, 0.7).await;
    service.eventually("/exams/3", |exam| exam["resultCount"] == 2).await;
    let browser = Browser::start().await;
    browser.goto(&service.url("/exams/3")).await;
    browser.until("[data-field=resultCount]", |text| text == "2").await;

    let address = service.address().to_string();
    service.kill();
    let _service = start_on(&address, "memory:", &feed.url());
    let mut connection = feed.accept_stream().await;
    connection.score("bob", 3, 0.9).await;
    crate::support::eventually("only what there is now", async || {
        (browser.texts("tbody[data-rows] th").await == ["bob"]).then_some(())
    })
    .await;
    browser.until("[data-field=averageScore]", |text| text == "0.900").await;
    browser.close().await;
}

#[tokio::test]
async fn every_page_says_that_the_feed_is_lost_and_that_it_is_back() {
    let folder = TempDir::new().unwrap();
    let journal = folder.path().join("gradebook.db").display().to_string();
    let feed = ScriptedFeed::start().await;
    let service = start_on("127.0.0.1:0", &journal, &feed.url());
    let mut connection = feed.accept_stream().await;
    connection.score("ann", 3, 0.5).await;
    service.eventually("/exams/3", |exam| exam["resultCount"] == 1).await;

    let browser = Browser::start().await;
    browser.goto(&service.url("/exams/3")).await;
    connection.close().await;
    browser.until("[data-part=outage]", |text| text.contains("lost")).await;
    // A page that is opened during the outage says so from the start.
    let page = service.send("GET", "/students", &[("accept", "text/html")]).await;
    assert!(page.text().contains("The feed was lost"), "{}", page.text());

    let _connection = feed.accept_stream().await;
    let script = "return document.querySelector('[data-part=outage]').textContent";
    crate::support::eventually("the outage is over", async || {
        (browser.execute(script, vec![]).await == "").then_some(())
    })
    .await;
    browser.close().await;
}
