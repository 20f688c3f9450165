//! The headers of pages and assets, and the charts at their own URLs.

use super::service;

#[tokio::test]
async fn pages_carry_a_strict_policy() {
    let (service, _feed, _listener) = service().await;
    for path in ["/", "/students", "/exams", "/results", "/feeds", "/students/nobody"] {
        let answer = service.send("GET", path, &[("accept", "text/html")]).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("script-src 'self'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(!answer.text().contains(" style="), "{path} has an inline style");
        assert!(!answer.text().contains("http://www."), "{path} refers elsewhere");
    }
}

#[tokio::test]
async fn assets_are_kept_for_good_under_names_that_change_with_them() {
    let (service, _feed, _listener) = service().await;
    let page = service.send("GET", "/", &[("accept", "text/html")]).await;
    let assets: Vec<&str> =
        page.text().split('"').filter(|text| text.starts_with("/assets/")).collect();
    assert_eq!(assets.len(), 3, "{assets:?}");
    for path in assets {
        let answer = service.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let tag = answer.header("etag").to_owned();
        let again = service.send("GET", path, &[("if-none-match", &tag)]).await;
        assert_eq!(again.status, 304, "{path}");
        assert!(again.body.is_empty());
        let head = service.send("HEAD", path, &[("accept-encoding", "identity")]).await;
        assert_eq!(head.header("content-length"), answer.body.len().to_string());
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
        );
        let zipped = service.raw(request.as_bytes());
        let is_small = answer.body.len() <= 1_024;
        assert_eq!(zipped.contains("content-encoding: gzip"), !is_small, "{path}");
    }
    assert_eq!(service.get("/assets/live.js").await.status, 404);
    assert_eq!(service.send("POST", "/assets/live.js", &[]).await.status, 404);
}

#[tokio::test]
async fn charts_stand_at_their_own_urls() {
    let (service, mut feed, _listener) = service().await;
    feed.score("<b>", 3, 0.5).await;
    feed.score("ann", 3, 0.9).await;
    service.eventually("/exams/3", |exam| exam["resultCount"] == 2).await;
    for path in [
        "/exams/3/distribution.svg",
        "/exams/3/distribution.svg?student=%3Cb%3E",
        "/students/%3Cb%3E/progress.svg",
    ] {
        let answer = service.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "image/svg+xml");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
        assert!(answer.text().starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
        assert!(!answer.text().contains("<b>"), "{path}");
        let tag = answer.header("etag").to_owned();
        let again = service.send("GET", path, &[("if-none-match", &tag)]).await;
        assert_eq!(again.status, 304, "{path}");
    }
    assert_eq!(service.get("/exams/4/distribution.svg").await.status, 404);
    assert_eq!(service.get("/students/nobody/progress.svg").await.status, 404);
    assert_eq!(service.get("/exams/3/distribution.svg?studnet=x").await.status, 400);
    assert_eq!(service.get("/exams/03/distribution.svg").await.status, 404);
}
