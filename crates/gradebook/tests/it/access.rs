//! Who may ask for what: tokens, sessions, TLS, other origins, quotas and connections.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Answer, PATIENCE, ScriptedFeed, Service, eventually};

struct Tokens {
    folder: TempDir,
}

impl Tokens {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("tokens.toml")
    }

    /// What `gradebook token new` prints.
    fn add(&self, scope: &str) -> String {
        let mut command = Service::command();
        command.args(["token", "new", "--name", "somebody", "--scope", scope, "--token-file"]);
        let output = command.arg(self.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    async fn start(&self, args: &[&str]) -> Service {
        let path = self.path();
        let mut all = vec!["--journal", "memory:", "--token-file", path.to_str().unwrap()];
        all.extend(args);
        Service::start(&all).await
    }
}

async fn with_token(service: &Service, method: &str, path: &str, token: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    service.send(method, path, &[("authorization", &authorization)]).await
}

/// What a process that must not start says on standard error.
fn refused(args: &[&str]) -> String {
    let output = Service::command().arg("serve").args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[tokio::test]
async fn resources_want_a_token_of_the_right_scope() {
    let tokens = Tokens::new();
    let (read, admin) = (tokens.add("read"), tokens.add("admin"));
    let service = tokens.start(&[]).await;

    let answer = service.get("/students").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"scores\"");
    assert_eq!(answer.json()["type"], "about:blank");

    let wrong = with_token(&service, "GET", "/students", "gradebook_wrong").await;
    assert_eq!(wrong.status, 401);
    let challenge = "Bearer realm=\"scores\", error=\"invalid_token\"";
    assert_eq!(wrong.header("www-authenticate"), challenge);

    for token in [&read, &admin] {
        assert_eq!(with_token(&service, "GET", "/students", token).await.status, 200);
    }
    let forbidden = with_token(&service, "GET", "/rejections", &read).await;
    assert_eq!(forbidden.status, 403);
    assert_eq!(forbidden.json()["code"], "insufficient-scope");
    let challenge = "Bearer realm=\"scores\", error=\"insufficient_scope\", scope=\"admin\"";
    assert_eq!(forbidden.header("www-authenticate"), challenge);
    assert_eq!(with_token(&service, "GET", "/rejections", &admin).await.status, 200);

    // Whether the student exists is not told to whom may not erase.
    assert_eq!(with_token(&service, "DELETE", "/students/nobody", &read).await.status, 403);
    assert_eq!(with_token(&service, "DELETE", "/students/nobody", &admin).await.status, 404);

    for open in ["/healthz", "/readyz", "/metrics", "/openapi.json", "/problems/invalid-cursor"] {
        assert_eq!(service.get(open).await.status, 200, "{open}");
    }
    let in_query = service.get(&format!("/students?access_token={read}")).await;
    assert_eq!(in_query.status, 401);
    assert!(!in_query.text().contains(&read));
}

#[tokio::test]
async fn a_token_file_is_read_again_on_sighup() {
    let tokens = Tokens::new();
    let before = tokens.add("read");
    let service = tokens.start(&[]).await;
    std::fs::remove_file(tokens.path()).unwrap();
    let after = tokens.add("read");
    assert_eq!(with_token(&service, "GET", "/exams", &after).await.status, 401);
    service.signal("HUP");
    eventually("the new token is accepted", async || {
        (with_token(&service, "GET", "/exams", &after).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(with_token(&service, "GET", "/exams", &before).await.status, 401);

    std::fs::write(tokens.path(), "rubbish").unwrap();
    service.signal("HUP");
    eventually("the mistake is said", async || {
        service.log().contains("not reloaded").then_some(())
    })
    .await;
    assert_eq!(with_token(&service, "GET", "/exams", &after).await.status, 200);
}

#[tokio::test]
async fn a_browser_signs_in_with_a_form_and_gets_a_session() {
    let tokens = Tokens::new();
    let token = tokens.add("read");
    let service = tokens.start(&[]).await;
    let sign_in = async |form: &str| {
        let request = service.client().post(service.url("/session")).body(form.to_owned());
        request.send().await.unwrap()
    };
    assert_eq!(sign_in("token=wrong").await.status(), 401);
    assert_eq!(sign_in(&"x".repeat(5_000)).await.status(), 413);
    let answer = sign_in(&format!("token={token}&next=%2Fexams")).await;
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["location"], "/exams");
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    let session = cookie.split(';').next().unwrap();
    assert_eq!(service.send("GET", "/exams", &[("cookie", session)]).await.status, 200);
    let forged = session.replace('=', "=A");
    assert_eq!(service.send("GET", "/exams", &[("cookie", &forged)]).await.status, 401);
}

#[test]
fn nothing_is_open_to_others_by_accident() {
    let said = refused(&["--journal", "memory:", "--listen", "0.0.0.0:0"]);
    assert!(said.contains("--listen") && said.contains("--allow-anonymous"), "{said}");
    let said = refused(&["--journal", "memory:", "--token-file", "/nonexistent/tokens"]);
    assert!(said.contains("--token-file") && said.contains("/nonexistent/tokens"), "{said}");
    let said = refused(&["--journal", "memory:", "--tls-cert", "/nonexistent/chain.pem"]);
    assert!(said.contains("--tls-key"), "{said}");
}

#[tokio::test]
async fn who_says_so_serves_everybody() {
    let args = ["--journal", "memory:", "--listen", "0.0.0.0:0", "--allow-anonymous"];
    let mut command = Service::command();
    command.arg("serve").args(args);
    let service = Service::spawn(command).rebuilt().await;
    let answer = reqwest::get(format!("http://127.0.0.1:{}/exams", service.address().port())).await;
    assert_eq!(answer.unwrap().status(), 200);
}

fn certificate(folder: &Path, name: &str) -> String {
    let pair = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    std::fs::write(folder.join("chain.pem"), pair.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), pair.signing_key.serialize_pem()).unwrap();
    pair.cert.pem()
}

#[tokio::test]
async fn tls_is_served_and_the_certificate_can_be_exchanged() {
    let folder = tempfile::tempdir().unwrap();
    let first = certificate(folder.path(), "localhost");
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    let (chain, key) = (chain.to_str().unwrap(), key.to_str().unwrap());
    let args = ["--journal", "memory:", "--tls-cert", chain, "--tls-key", key];
    let service = Service::start_role("serve", &args).await;
    let get = async |trusted: &str| {
        let root = reqwest::Certificate::from_pem(trusted.as_bytes()).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([root]).build().unwrap();
        let url = format!("https://localhost:{}/exams", service.address().port());
        client.get(url).send().await.map(|answer| (answer.status(), answer.version()))
    };
    let answer = eventually("the service is ready", async || {
        Some(get(&first).await.unwrap()).filter(|(status, _)| *status == 200)
    });
    assert_eq!(answer.await.1, reqwest::Version::HTTP_2);

    let second = certificate(folder.path(), "localhost");
    service.signal("HUP");
    eventually("the new certificate is served", async || get(&second).await.ok()).await;
    assert!(get(&first).await.is_err());

    // Who speaks plain HTTP to it is not answered, and costs nothing but the connection.
    let mut plain = TcpStream::connect(service.address()).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).ok();
    assert!(!answer.starts_with(b"HTTP"));
}

#[tokio::test]
async fn pages_of_listed_origins_may_read_answers() {
    let args = ["--journal", "memory:", "--cors-origin", "https://school.example"];
    let service = Service::start(&args).await;
    let listed = service.send("GET", "/exams", &[("origin", "https://school.example")]).await;
    assert_eq!(listed.header("access-control-allow-origin"), "https://school.example");
    let exposed = listed.header("access-control-expose-headers").to_ascii_lowercase();
    for name in ["etag", "link", "ratelimit", "ratelimit-policy", "retry-after", "x-request-id"] {
        assert!(exposed.split(',').any(|exposed| exposed.trim() == name), "{name}: {exposed}");
    }
    assert!(!listed.headers.contains_key("access-control-allow-credentials"));
    let other = service.send("GET", "/exams", &[("origin", "https://evil.example")]).await;
    assert!(!other.headers.contains_key("access-control-allow-origin"));
    let preflight = [
        ("origin", "https://school.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization"),
    ];
    let preflight = service.send("OPTIONS", "/exams", &preflight).await;
    assert_eq!(preflight.header("access-control-allow-methods"), "GET,HEAD,OPTIONS");

    let service = Service::start(&["--journal", "memory:"]).await;
    let off = service.send("GET", "/exams", &[("origin", "https://school.example")]).await;
    assert!(!off.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_quota_is_told_and_kept() {
    let service = Service::start(&["--journal", "memory:", "--rate-limit", "3/3600s"]).await;
    let first = service.get("/exams").await;
    assert_eq!(first.header("ratelimit-policy"), "\"default\";q=3;w=3600");
    assert!(first.header("ratelimit").starts_with("\"default\";r=2;t="));
    let tag = first.header("etag").to_owned();
    for _ in 0..5 {
        let unchanged = service.send("GET", "/exams", &[("if-none-match", &tag)]).await;
        assert_eq!(unchanged.status, 304, "what costs nothing is not counted");
    }
    assert_eq!(service.get("/students").await.status, 200);
    assert_eq!(service.get("/students").await.status, 200);
    let over = service.get("/students").await;
    assert_eq!(over.status, 429);
    let kind = "https://iana.org/assignments/http-problem-types#quota-exceeded";
    assert_eq!(over.json()["type"], kind);
    assert_eq!(over.json()["violated-policies"], json!(["default"]));
    assert!(over.header("retry-after").parse::<u32>().unwrap() > 3_000);
    assert_eq!(service.get("/healthz").await.status, 200, "health checks are not counted");
}

#[tokio::test]
async fn heads_have_bounds() {
    let service = Service::start(&["--journal", "memory:"]).await;
    let head =
        |rest: &str| format!("GET /exams HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{rest}\r\n");
    assert!(service.raw(head("").as_bytes()).starts_with("HTTP/1.1 200"));
    let many: String = (0..100).map(|index| format!("X-{index}: y\r\n")).collect();
    assert!(service.raw(head(&many).as_bytes()).starts_with("HTTP/1.1 431"));
    let long = format!("X-Long: {}\r\n", "y".repeat(40 * 1024));
    let answer = service.raw(head(&long).as_bytes());
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert_eq!(service.get("/exams").await.status, 200);
}

#[tokio::test]
async fn both_versions_of_http_are_understood_without_tls() {
    let service = Service::start(&["--journal", "memory:"]).await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let answer = client.get(service.url("/exams")).send().await.unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (reqwest::Version::HTTP_2, 200));
    // What begins as the preface of HTTP/2 does and goes on otherwise.
    let answer = service.raw(b"PROPFIND /exams HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    let mut slow = TcpStream::connect(service.address()).unwrap();
    slow.set_nodelay(true).unwrap();
    for byte in b"POST /exams HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" {
        slow.write_all(&[*byte]).unwrap();
    }
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_a_place() {
    let service = Service::start(&["--journal", "memory:", "--connections-max", "1"]).await;
    let mut first = TcpStream::connect(service.address()).unwrap();
    first.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    first.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut byte = [0];
    first.read_exact(&mut byte).unwrap();
    let mut second = TcpStream::connect(service.address()).unwrap();
    second.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    second.set_nonblocking(true).unwrap();
    let waiting = second.read(&mut byte).unwrap_err();
    assert_eq!(waiting.kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    second.set_nonblocking(false).unwrap();
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = String::new();
    second.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let service = Service::start(&["--journal", "memory:"]).await;
    let mut slow = TcpStream::connect(service.address()).unwrap();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost:").unwrap();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).unwrap();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"));
}

#[tokio::test]
async fn an_erased_student_is_gone_everywhere_and_averages_follow() {
    let feed = ScriptedFeed::start().await;
    let service = Service::start(&["--journal", "memory:", "--feed", &feed.url()]).await;
    let mut connection = feed.accept_stream().await;
    connection.score("foo", 3, 0.5).await;
    connection.score("bar", 3, 1.0).await;
    connection.score("bar", 4, 0.75).await;
    connection.send_score("{\"studentId\": \"bar\", \"exam\": 5, \"score\": 7}").await;
    connection.score("foo", 9, 0.5).await;
    service.eventually("/exams/9", |_| true).await;

    let stale = service.get("/students/bar").await.header("etag").to_owned();
    connection.score("bar", 4, 0.25).await;
    service.eventually("/students/bar", |bar| bar["averageScore"] == 0.625).await;
    let erase = async |condition: &str| {
        service.send("DELETE", "/students/bar", &[("if-match", condition)]).await
    };
    let failed = erase(&stale).await;
    assert_eq!((failed.status, failed.json()["code"].clone()), (412, json!("precondition-failed")));
    let current = service.get("/students/bar").await.header("etag").to_owned();
    let erased = erase(&current).await;
    assert_eq!((erased.status, erased.body.len()), (204, 0));

    assert_eq!(service.get("/students/bar").await.status, 404);
    assert_eq!(service.get("/exams/4").await.status, 404, "an exam goes with its last result");
    assert_eq!(service.json("/exams/3").await["averageScore"], 0.5);
    assert!(!service.get("/rejections").await.text().contains("bar"));
    assert_eq!(erase("*").await.status, 404, "twice is a mistake");

    connection.score("bar", 7, 0.5).await;
    service.eventually("/students/bar", |bar| bar["resultCount"] == 1).await;
    let suppressed = service.send("DELETE", "/students/bar?suppress=true", &[]).await;
    assert_eq!(suppressed.status, 204);
    connection.score("bar", 7, 0.5).await;
    connection.score("last", 8, 0.5).await;
    service.eventually("/exams/8", |_| true).await;
    assert_eq!(service.get("/students/bar").await.status, 404);
    assert_eq!(service.get("/students/foo?suppress=maybe").await.status, 400);
    assert_eq!(service.send("DELETE", "/students/foo?suppress=maybe", &[]).await.status, 400);
}

#[tokio::test]
async fn figures_can_have_an_address_of_their_own() {
    let service = Service::start(&["--journal", "memory:", "--admin-listen", "127.0.0.1:0"]).await;
    let log = service.log();
    let (_, rest) = log.split_once("admin_address=").unwrap();
    let admin = rest.split_whitespace().next().unwrap();
    let at_admin = async |path: &str| {
        reqwest::get(format!("http://{admin}{path}")).await.unwrap().status().as_u16()
    };
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(at_admin(path).await, 200, "{path}");
    }
    assert_eq!(at_admin("/students").await, 404);
    assert_eq!(service.get("/metrics").await.status, 404);
    assert_eq!(service.get("/healthz").await.status, 200);
}
