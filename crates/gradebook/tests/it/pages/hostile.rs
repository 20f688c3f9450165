//! Ids are text, whatever they contain; pages ask nobody else for anything.

use super::{Browser, service};

const HOSTILE: [&str; 8] = [
    "<script>document.title='owned'</script>",
    "\"><img src=x onerror=document.title='owned'>",
    "javascript:alert(1)",
    "{{ 7*7 }}",
    "a/b?c#d&e=f",
    "..",
    "\u{202e}drow eht fo thgir",
    "&lt;b&gt;",
];

#[tokio::test]
async fn hostile_ids_are_shown_as_text_and_their_links_lead_to_them() {
    let (service, mut feed, _listener) = service().await;
    for name in HOSTILE {
        feed.score(name, 3, 0.5).await;
    }
    service.eventually("/exams/3", |exam| exam["resultCount"] == HOSTILE.len()).await;
    let browser = Browser::start().await;
    for path in ["/", "/students", "/exams/3", "/results"] {
        browser.goto(&service.url(path)).await;
        let shown = browser.texts("main bdi").await;
        for name in HOSTILE {
            assert!(shown.iter().any(|text| text == name), "{name} on {path}: {shown:?}");
        }
        assert!(!browser.page.title().await.unwrap().contains("owned"));
    }
    for name in HOSTILE {
        browser.goto(&service.url("/students")).await;
        let script = "[...document.querySelectorAll('tbody a')]
            .find(a => a.innerText === arguments[0]).click()";
        browser.execute(script, vec![name.into()]).await;
        if name == ".." {
            // URL parsers erase this segment: the link is a filter of the list.
            browser.until("tbody th", |text| text == name).await;
        } else {
            browser.until("h1", |text| text == name).await;
        }
    }
    // As the student whose place is marked, and as what somebody looks for.
    for name in HOSTILE {
        let query = url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>();
        browser.goto(&service.url(&format!("/exams/3?student={query}"))).await;
        browser.until(".chosen dt", |text| text == name).await;
        browser.goto(&service.url(&format!("/students?q={query}"))).await;
        browser.until("tbody th", |text| text == name).await;
    }
    assert!(!browser.page.title().await.unwrap().contains("owned"));
    assert_eq!(browser.console().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn pages_ask_nobody_else_and_complain_of_nothing() {
    let (service, mut feed, _listener) = service().await;
    feed.score("ann", 3, 0.5).await;
    service.eventually("/exams/3", |exam| exam["resultCount"] == 1).await;
    let browser = Browser::start().await;
    browser.goto("about:blank").await;
    browser.origins().await;
    for path in ["/", "/students", "/students/ann", "/exams", "/exams/3", "/results", "/feeds"] {
        browser.goto(&service.url(path)).await;
        browser.until("h1", |text| !text.is_empty()).await;
    }
    let origins: Vec<String> = browser.origins().await.into_iter().collect();
    assert_eq!(origins, [service.url("")]);
    assert_eq!(browser.console().await, Vec::<String>::new());
    browser.close().await;
}
