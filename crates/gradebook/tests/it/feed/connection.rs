//! The request, and answers that are no event stream.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::{QUICK, Reading, kept_score, logged};
use crate::support::{PATIENCE, Service};

#[tokio::test]
async fn a_request_says_what_it_wants_and_who_wants_it() {
    let reading = Reading::start(&[]).await;
    let connection = reading.feed.accept().await;
    assert!(connection.request.starts_with("GET /scores HTTP/1.1\r\n"));
    assert_eq!(connection.header("accept"), Some("text/event-stream"));
    assert_eq!(connection.header("cache-control"), Some("no-store"));
    assert_eq!(connection.header("accept-encoding"), Some("gzip"));
    assert_eq!(connection.header("last-event-id"), None);
    assert_eq!(connection.header("authorization"), None);
    let version = concat!("gradebook/", env!("CARGO_PKG_VERSION"));
    assert_eq!(connection.header("user-agent"), Some(version));
}

#[tokio::test]
async fn anything_but_an_event_stream_is_a_failure_and_tried_again() {
    for (head, trouble) in [
        ("503 Service Unavailable\r\nContent-Length: 0", "answers 503 Service Unavailable"),
        ("404 Not Found\r\nContent-Length: 0", "answers 404 Not Found"),
        ("401 Unauthorized\r\nContent-Length: 0", "answers 401 Unauthorized"),
        ("206 Partial Content\r\nContent-Type: text/event-stream", "answers 206 Partial Content"),
        ("304 Not Modified", "answers 304 Not Modified"),
        ("302 Found\r\nContent-Length: 0", "redirects to no http or https URL"),
        ("302 Found\r\nLocation: ftp://a/b", "redirects to no http or https URL"),
        ("200 OK\r\nContent-Type: text/html", "content type text/html, not text/event-stream"),
        ("200 OK\r\nContent-Length: 0", "content type (none)"),
        ("200 OK\r\nContent-Type: text/event-streams", "content type text/event-streams"),
        (
            "200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: br",
            "content coding br, which is not supported",
        ),
        ("no number", "cannot reach the feed"),
    ] {
        let reading = Reading::start(&[]).await;
        reading.answer(head).await;
        reading.logged(trouble).await;
        reading.stream().await.score("foo", 3, 1.0).await;
        assert_eq!(reading.kept(1).await, [kept_score("foo", 3, 1.0)]);
    }
}

#[tokio::test]
async fn a_content_type_may_have_parameters_and_capitals() {
    let reading = Reading::start(&[]).await;
    let mut connection =
        reading.answer("200 OK\r\nContent-Type: TEXT/Event-Stream ;charset=utf-8").await;
    let event = "event: score\ndata: {\"exam\":3,\"studentId\":\"foo\",\"score\":1}\n\n";
    connection.send_raw(event.as_bytes()).await;
    assert_eq!(reading.kept(1).await, [kept_score("foo", 3, 1.0)]);
}

#[tokio::test]
async fn no_content_ends_the_reading_for_good_and_the_service_goes_on() {
    let reading = Reading::start(&[]).await;
    let mut connection = reading.stream().await;
    connection.score("foo", 3, 0.5).await;
    connection.close().await;
    reading.answer("204 No Content").await;
    reading.logged("the feed is not read any more").await;
    assert_eq!(reading.kept(1).await, [kept_score("foo", 3, 0.5)]);
    assert_eq!(reading.service.get("/healthz").await.status, 200);
    assert!(reading.service.stop().await.success());
}

#[tokio::test]
async fn a_feed_that_is_down_at_the_start_is_tried_until_it_is_up() {
    // Bound, so that nobody else can have the port, and not listening: connections are refused.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let url = format!("http://{address}/scores");
    let service =
        Service::start(&[&["--journal", "memory:", "--feed", &url], &QUICK[..]].concat()).await;
    logged(&service, "cannot reach the feed").await;
    assert_eq!(service.get("/healthz").await.status, 200);
    socket.listen(16).unwrap();
    socket.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(socket.into()).unwrap();
    timeout(PATIENCE, listener.accept()).await.expect("the service does not try again").unwrap();
}

#[tokio::test]
async fn redirects_are_followed_up_to_a_limit() {
    let reading = Reading::start(&[]).await;
    for target in ["/1", "2", "?3", "//127.0.0.1/"] {
        let port = reading.feed.url().rsplit_once(':').unwrap().1.replace("/scores", "");
        let target = target.replace("127.0.0.1", &format!("127.0.0.1:{port}"));
        reading.answer(&format!("307 Temporary Redirect\r\nLocation: {target}")).await;
    }
    let connection = reading.answer("301 Moved Permanently\r\nLocation: /5").await;
    assert!(connection.request.starts_with("GET / HTTP/1.1\r\n"), "{}", connection.request);
    let connection = reading.answer("308 Permanent Redirect\r\nLocation: /6").await;
    assert!(connection.request.starts_with("GET /5 HTTP/1.1\r\n"), "{}", connection.request);
    reading.logged("redirects more than 5 times").await;
    let connection = reading.stream().await;
    assert!(connection.request.starts_with("GET /scores HTTP/1.1\r\n"));
}
