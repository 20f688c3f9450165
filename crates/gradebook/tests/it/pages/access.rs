//! WCAG 2.2 AA as far as axe-core can tell, on every page in every form; and the keyboard alone.

use serde_json::{Value, json};

use super::{Browser, class, service};

/// Where the script with axe-core is told, and where screenshots go when somebody wants to look.
const AXE: &str = "GRADEBOOK_TEST_AXE";
const SCREENSHOTS: &str = "GRADEBOOK_TEST_SCREENSHOTS";

const PAGES: [(&str, &str); 11] = [
    ("overview", "/"),
    ("students", "/students"),
    ("student", "/students/student001"),
    ("exams", "/exams"),
    ("exam", "/exams/3"),
    ("chosen", "/exams/3?student=student001"),
    ("results", "/results"),
    ("feeds", "/feeds"),
    ("rejections", "/rejections"),
    ("unknown", "/students/studet001"),
    ("problem", "/problems/invalid-cursor"),
];

const FORMS: [(&str, u32, u32); 2] = [("phone", 390, 844), ("desktop", 1280, 900)];

async fn violations(browser: &Browser, axe: &str) -> Vec<String> {
    browser.execute(axe, vec![]).await;
    let script = "const done = arguments[arguments.length - 1];
        axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa',
            'best-practice'] }).then(({ violations }) => done(violations.map(({ id, nodes }) =>
            `${id}: ${nodes.map(n => n.html + ' ' + n.failureSummary).join('; ')}`)), done)";
    let found = browser.execute_async(script, vec![]).await;
    serde_json::from_value(found.clone()).unwrap_or_else(|_| panic!("axe failed: {found}"))
}

#[tokio::test]
async fn axe_finds_nothing_on_any_page() {
    let axe = std::env::var(AXE)
        .unwrap_or_else(|_| panic!("set {AXE} to the axe.min.js of the npm package axe-core"));
    let axe = std::fs::read_to_string(axe).unwrap();
    let (service, mut feed, _listener) = service().await;
    class(&mut feed, &service, 3).await;
    for exam in 4..30 {
        feed.score("student001", exam, (exam as f64 / 30.0).sqrt()).await;
    }
    feed.send_score("{\"exam\": 3, \"studentId\": \"x\", \"score\": 7}").await;
    service.eventually("/feeds", |feeds| feeds["feeds"][0]["eventsRejected"] == 1).await;
    let browser = Browser::start().await;
    let mut found = Vec::new();
    for (name, path) in PAGES {
        browser.goto(&service.url(path)).await;
        for (form, width, height) in FORMS {
            for scheme in ["light", "dark"] {
                browser.emulate(width, height, scheme).await;
                let violations = violations(&browser, &axe).await;
                found
                    .extend(violations.iter().map(|text| format!("{path} {form} {scheme} {text}")));
                if let Ok(folder) = std::env::var(SCREENSHOTS) {
                    let image = browser.whole_page().await;
                    std::fs::write(format!("{folder}/{name}-{form}-{scheme}.png"), image).unwrap();
                }
                let script = "return document.documentElement.scrollWidth > innerWidth";
                let wide = browser.execute(script, vec![]).await;
                assert_eq!(wide, json!(false), "{path} is wider than a {form}");
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    browser.close().await;
}

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

#[tokio::test]
async fn everything_is_reached_by_the_keyboard() {
    let (service, mut feed, _listener) = service().await;
    class(&mut feed, &service, 3).await;
    let browser = Browser::start().await;
    browser.goto(&service.url("/exams/3")).await;
    browser.keys(TAB).await;
    assert_eq!(browser.focused().await, "Skip to the content");
    browser.keys(ENTER).await;
    let focused = browser.execute("return document.activeElement.id", vec![]).await;
    assert_eq!(focused, "main");

    // Everything that can be clicked is a stop, in the order it is read, and is seen to be one.
    let stops = browser
        .execute(
            "return [...document.querySelectorAll('main a, main button, main input')]
                .filter(e => e.type !== 'hidden' && e.checkVisibility()).length",
            vec![],
        )
        .await;
    for _ in 0..stops.as_u64().unwrap() {
        browser.keys(TAB).await;
        let seen = "const s = getComputedStyle(document.activeElement);
            return [document.activeElement.closest('main') !== null, s.outlineStyle]";
        assert_eq!(browser.execute(seen, vec![]).await, json!([true, "solid"]));
    }

    // Sorting, by keys.
    browser.goto(&service.url("/exams/3")).await;
    let focus = "document.querySelector('thead th:nth-child(2) a').focus()";
    browser.execute(focus, vec![]).await;
    browser.keys(ENTER).await;
    browser.until("tbody[data-rows] th", |text| text == "student002").await;

    // The search box, by keys.
    browser.execute("document.querySelector('#search').focus()", vec![]).await;
    browser.keys(&format!("dent001{ENTER}")).await;
    browser.until("h1", |text| text == "Students").await;
    browser.until("tbody[data-rows] th", |text| text == "student001").await;
    browser.close().await;
}

#[tokio::test]
async fn what_is_announced_are_outages_only() {
    let (service, mut feed, _listener) = service().await;
    class(&mut feed, &service, 3).await;
    let browser = Browser::start().await;
    browser.goto(&service.url("/exams/3")).await;
    let script = "window.told = [];
        const live = '[role=status], [role=alert], [role=log], [aria-live]';
        for (const region of document.querySelectorAll(live)) {
            new MutationObserver(() => window.told.push(region.textContent))
                .observe(region, { subtree: true, childList: true, characterData: true });
        }";
    browser.execute(script, vec![]).await;
    for score in 0..50 {
        feed.score("student001", 3, f64::from(score) / 100.0).await;
    }
    browser.until("[data-key=student001] [data-cell=score]", |text| text == "0.490").await;
    browser.until("[data-part=distribution]", |text| text.contains("median 0.490")).await;
    let told: Value = browser.execute("return window.told", vec![]).await;
    assert_eq!(told, json!([]));
    browser.close().await;
}
