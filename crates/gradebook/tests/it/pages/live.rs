//! What is on screen follows the feed, without a reload.

use serde_json::json;

use super::{Browser, class, service};
use crate::support::eventually;

/// Marks the document, so that a reload shows.
async fn mark(browser: &Browser) {
    browser.execute("document.body.dataset.marked = 'yes'", vec![]).await;
}

async fn is_marked(browser: &Browser) -> bool {
    browser.execute("return document.body.dataset.marked", vec![]).await == json!("yes")
}

#[tokio::test]
async fn an_exam_follows_the_feed_without_a_reload() {
    let (service, mut feed, _listener) = service().await;
    feed.score("ann", 3, 0.5).await;
    service.eventually("/exams/3", |exam| exam["resultCount"] == 1).await;
    let browser = Browser::start().await;
    browser.goto(&service.url("/exams/3")).await;
    mark(&browser).await;
    assert_eq!(browser.text("[data-field=averageScore]").await.as_deref(), Some("0.500"));

    // A correction changes the row where it stands.
    feed.score("ann", 3, 0.7).await;
    browser.until("[data-key=ann] [data-cell=score]", |text| text == "0.700").await;
    browser.until("[data-field=averageScore]", |text| text == "0.700").await;
    browser.until("[data-key=ann] [data-cell=attempts]", |text| text == "2").await;

    // A new result enters at its place; median and chart follow.
    feed.score("aaron", 3, 0.1).await;
    browser.until("tbody[data-rows] tr:first-child th", |text| text == "aaron").await;
    browser.until("[data-field=resultCount]", |text| text == "2").await;
    browser.until("[data-part=distribution]", |text| text.contains("median 0.400")).await;
    assert!(is_marked(&browser).await, "the page was loaded again");
    assert_eq!(browser.console().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn a_student_and_the_lists_follow_the_feed() {
    let (service, mut feed, _listener) = service().await;
    feed.score("ann", 3, 0.5).await;
    service.eventually("/exams/3", |exam| exam["resultCount"] == 1).await;
    let browser = Browser::start().await;

    browser.goto(&service.url("/students/ann")).await;
    mark(&browser).await;
    feed.score("ann", 4, 0.9).await;
    browser.until("[data-key='4'] [data-cell=score]", |text| text == "0.900").await;
    browser.until("[data-field=averageScore]", |text| text == "0.700").await;
    assert!(is_marked(&browser).await, "the page was loaded again");

    browser.goto(&service.url("/students")).await;
    mark(&browser).await;
    feed.score("ann", 5, 1.0).await;
    browser.until("[data-key=ann] [data-cell=averageScore]", |text| text == "0.800").await;
    feed.score("bob", 5, 0.25).await;
    browser.until("[data-key=bob] [data-cell=averageScore]", |text| text == "0.250").await;
    assert!(is_marked(&browser).await, "the page was loaded again");

    browser.goto(&service.url("/exams")).await;
    mark(&browser).await;
    feed.score("bob", 6, 0.5).await;
    browser.until("[data-key='6'] [data-cell=averageScore]", |text| text == "0.500").await;
    assert!(is_marked(&browser).await, "the page was loaded again");
    browser.close().await;
}

#[tokio::test]
async fn the_overview_follows_the_feed() {
    let (service, mut feed, _listener) = service().await;
    let browser = Browser::start().await;
    browser.goto(&service.url("/")).await;
    mark(&browser).await;
    browser.until("[data-part=states]", |text| text.contains("no score has come yet")).await;
    feed.score("ann", 3, 0.5).await;
    browser.until("[data-part=latest]", |text| text.contains("ann")).await;
    browser.until("[data-part=exams]", |text| text.contains("0.500")).await;
    browser.until("[data-part=states]", |text| text.contains("Scores are coming in")).await;
    assert!(is_marked(&browser).await, "the page was loaded again");
    assert_eq!(browser.console().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn rows_stay_where_they_are_until_the_reader_asks() {
    let (service, mut feed, _listener) = service().await;
    class(&mut feed, &service, 3).await;
    let browser = Browser::start().await;
    browser.goto(&service.url("/exams/3?sort=-score")).await;
    let order = ["student002", "student001", "student000"];
    assert_eq!(browser.texts("tbody[data-rows] th").await, order);

    feed.score("student000", 3, 1.0).await;
    browser.until("[data-key=student000] [data-cell=score]", |text| text == "1.000").await;
    browser.until("[data-order]", |text| text.contains("show the present order")).await;
    assert_eq!(browser.texts("tbody[data-rows] th").await, order);

    browser.click("[data-order] a").await;
    eventually("the present order", async || {
        let order = browser.texts("tbody[data-rows] th").await;
        (order == ["student000", "student002", "student001"]).then_some(())
    })
    .await;
    browser.close().await;
}

#[tokio::test]
async fn an_erased_student_is_gone_from_open_pages() {
    let (service, mut feed, _listener) = service().await;
    class(&mut feed, &service, 3).await;
    let browser = Browser::start().await;
    browser.goto(&service.url("/exams/3")).await;
    let answer = service.send("DELETE", "/students/student001", &[]).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    eventually("the row is gone", async || {
        let rows = browser.texts("tbody[data-rows] th").await;
        (rows == ["student000", "student002"]).then_some(())
    })
    .await;

    browser.goto(&service.url("/students/student002")).await;
    service.send("DELETE", "/students/student002", &[]).await;
    browser.until("main h1", |text| !text.contains("student002")).await;
    assert_eq!(browser.text("#connection").await.as_deref(), Some(""));
    browser.close().await;
}
