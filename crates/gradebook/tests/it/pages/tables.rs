//! Search, sorting, filters, paging and export, as a reader does them.

use super::{Browser, class, service};
use crate::support::eventually;

async fn until_rows(browser: &Browser, wanted: &[&str]) {
    eventually(&format!("rows {wanted:?}"), async || {
        (browser.texts("tbody[data-rows] th").await == wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_click_sorts_and_another_turns_the_order() {
    let (service, mut feed, _listener) = service().await;
    class(&mut feed, &service, 3).await;
    let browser = Browser::start().await;
    browser.goto(&service.url("/exams/3")).await;
    until_rows(&browser, &["student000", "student001", "student002"]).await;
    browser.click("thead th:nth-child(2) a").await;
    until_rows(&browser, &["student002", "student001", "student000"]).await;
    let sorted = "return document.querySelector('thead th:nth-child(2)').ariaSort";
    assert_eq!(browser.execute(sorted, vec![]).await, "descending");
    browser.click("thead th:nth-child(2) a").await;
    until_rows(&browser, &["student000", "student001", "student002"]).await;
    assert_eq!(browser.execute(sorted, vec![]).await, "ascending");
    browser.close().await;
}

#[tokio::test]
async fn the_search_box_finds_by_any_part_of_a_name() {
    let (service, mut feed, _listener) = service().await;
    for name in ["Hannah.Herman76", "Susana_Langworth", "Emely_Langworth"] {
        feed.score(name, 3, 0.5).await;
    }
    service.eventually("/exams/3", |exam| exam["resultCount"] == 3).await;
    let browser = Browser::start().await;
    browser.goto(&service.url("/")).await;
    browser.fill("#search", "langworth\u{e007}").await; // Enter
    until_rows(&browser, &["Emely_Langworth", "Susana_Langworth"]).await;
    browser.close().await;
}

#[tokio::test]
async fn a_filter_shows_the_place_of_a_student_and_leaves_the_average_alone() {
    let (service, mut feed, _listener) = service().await;
    class(&mut feed, &service, 9).await;
    let browser = Browser::start().await;
    browser.goto(&service.url("/exams/3")).await;
    browser.fill("#student", "student008").await;
    browser.click(".filter button").await;
    until_rows(&browser, &["student008"]).await;
    assert_eq!(browser.text("[data-field=averageScore]").await.as_deref(), Some("0.500"));
    browser.until("[data-part=distribution]", |text| text.contains("student008 0.900")).await;
    browser.until("[data-part=figures] .chosen", |text| text.contains("1 of 9")).await;

    // Part of a name leads to those who have it.
    browser.fill("#student", "STUDENT00").await;
    browser.click(".filter button").await;
    browser.until(".empty", |text| text.contains("Did you mean student000, student001")).await;
    browser.click(".empty a").await;
    until_rows(&browser, &["student000"]).await;
    browser.close().await;
}

#[tokio::test]
async fn suggestions_come_while_one_types() {
    let (service, mut feed, _listener) = service().await;
    class(&mut feed, &service, 3).await;
    let browser = Browser::start().await;
    browser.goto(&service.url("/exams/3")).await;
    browser.fill("#student", "002").await;
    let script = "return [...document.querySelectorAll('#students-like option')].map(o => o.value)";
    eventually("a suggestion", async || {
        (browser.execute(script, vec![]).await == serde_json::json!(["student002"])).then_some(())
    })
    .await;
    browser.close().await;
}

#[tokio::test]
async fn pages_follow_each_other_and_the_export_has_all_rows() {
    let (service, mut feed, _listener) = service().await;
    class(&mut feed, &service, 250).await;
    let browser = Browser::start().await;
    browser.goto(&service.url("/exams/3")).await;
    let mut seen = browser.texts("tbody[data-rows] th").await;
    assert_eq!(seen.len(), 100);
    assert_eq!(browser.text("[data-part=extent]").await.as_deref(), Some("100 of 250"));
    for rows in [100, 50] {
        let first = seen.last().cloned().unwrap();
        browser.click("a[rel=next]").await;
        let page = eventually("the next page", async || {
            let page = browser.texts("tbody[data-rows] th").await;
            (page.len() == rows && page.first() > Some(&first)).then_some(page)
        })
        .await;
        seen.extend(page);
    }
    let expected: Vec<String> = (0..250).map(|index| format!("student{index:03}")).collect();
    assert_eq!(seen, expected);
    assert!(browser.texts("a[rel=next]").await.is_empty());

    let export = "return document.querySelector('.extent a[download]').href";
    let href = browser.execute(export, vec![]).await;
    let (_, path) = href.as_str().unwrap().split_once("/exams").unwrap();
    let answer = service.get(&format!("/exams{path}")).await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(answer.text().lines().count(), 251);
    browser.close().await;
}

/// Every control is a link or a form: what a browser without JavaScript does, a plain client does.
#[tokio::test]
async fn without_javascript_everything_is_a_link_or_a_form() {
    let (service, mut feed, _listener) = service().await;
    class(&mut feed, &service, 3).await;
    let page = async |path: &str| {
        let answer = service.send("GET", path, &[("accept", "text/html")]).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text().to_owned()
    };
    // A form sends its empty inputs too.
    let filtered = page("/exams/3?student=&min_score=0.4&max_score=").await;
    assert!(!filtered.contains("data-key=\"student000\""));
    assert!(filtered.contains("data-key=\"student002\""));
    assert!(filtered.contains("href=\"/exams/3?min_score=0.4&#38;sort=-score\""), "{filtered}");
    assert!(filtered.contains("href=\"/exams/3?min_score=0.4&#38;format=csv\""), "{filtered}");
    assert!(page("/students?q=STUDENT002&exam=").await.contains("student002"));
}

#[tokio::test]
async fn who_is_not_there_is_told_with_the_nearest_names() {
    let (service, mut feed, _listener) = service().await;
    class(&mut feed, &service, 3).await;
    let browser = Browser::start().await;
    browser.goto(&service.url("/students/Student01")).await;
    let suggestions = browser.texts(".suggestions a").await;
    assert_eq!(suggestions.first().map(String::as_str), Some("student001"));
    browser.click(".suggestions a").await;
    browser.until("h1", |text| text == "student001").await;
    browser.goto(&service.url("/exams/5")).await;
    assert_eq!(browser.texts(".suggestions a").await, ["Exam 3"]);
    let answer = service.send("GET", "/exams/5", &[("accept", "text/html")]).await;
    assert_eq!(answer.status, 404);
    browser.close().await;
}
