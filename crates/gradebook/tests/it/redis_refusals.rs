//! Journals in Redis that are refused at the start, each with one line that says what is wrong.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::redis_roles::{STUDENTS, at, feed, ingest};
use crate::support::{RedisServer, Service, eventually, finished, free_port, wait_for};

/// Both roles must end with the exit code of a bad setting and this in their only line.
pub async fn refused(journal: &str, why: &str) {
    for role in ["ingest", "api"] {
        let mut command = Service::command();
        command.args([role, "--listen", "127.0.0.1:0", "--journal", journal]);
        if role == "ingest" {
            command.args(["--feed", "http://127.0.0.1:9/"]);
        }
        let output = finished(&mut command).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{journal}: {said}");
        let line = said.lines().last().unwrap();
        assert!(line.starts_with("gradebook: --journal: "), "{line}");
        assert!(line.contains(why), "{line}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[tokio::test]
async fn servers_that_would_lose_entries_or_refuse_them_are_refused() {
    let redis = RedisServer::start(&["--requirepass", "s3cret", "--maxmemory", "100mb"]);
    let port = redis.port();
    let cli = |words: &[&str]| redis.cli(&[&["-a", "s3cret", "--no-auth-warning"], words].concat());
    let url = format!("redis://:s3cret@127.0.0.1:{port}");
    refused(&format!("redis://127.0.0.1:{port}"), "asks for a password").await;
    refused(
        &format!("redis://:s3cret2@127.0.0.1:{port}"),
        "does not accept the user or the password",
    )
    .await;
    refused(&format!("redis-cluster://:s3cret@127.0.0.1:{port}"), "is not part of a cluster").await;
    refused(&(url.clone() + "/99"), "database 99").await;
    for policy in ["allkeys-lru", "volatile-ttl", "allkeys-random"] {
        cli(&["CONFIG", "SET", "maxmemory-policy", policy]);
        refused(&url, &format!("maxmemory-policy {policy}")).await;
    }
    cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    cli(&["CONFIG", "SET", "maxmemory", "1"]);
    refused(&url, "maxmemory of 1 and takes nothing more").await;
    cli(&["CONFIG", "SET", "maxmemory", "0"]);
    refused(&(url.clone() + "?create=no"), "there is no journal `main`").await;
    cli(&["HSET", "gradebook:{main}:meta", "format", "3", "key", "00"]);
    refused(&url, "has format 3, and this program reads formats 1 to 2").await;
    cli(&["DEL", "gradebook:{main}:meta"]);
    cli(&["XADD", "gradebook:{main}:journal", "1-1", "some", "thing"]);
    refused(&url, "nothing that says what it is").await;
    cli(&["REPLICAOF", "127.0.0.1", "9"]);
    refused(&url, "is a replica and takes nothing").await;
}

#[tokio::test]
async fn a_user_who_may_do_too_little_is_refused() {
    let redis = RedisServer::start(&[]);
    redis.cli(&["ACL", "SETUSER", "reader", "on", ">s3cret", "~*", "+@all", "-info"]);
    let url = |user: &str| format!("redis://{user}:s3cret@127.0.0.1:{}", redis.port());
    refused(&url("reader"), "may not ask for INFO").await;
    redis.cli(&["ACL", "SETUSER", "reader", "+info", "-script"]);
    refused(&url("reader"), "may not load scripts").await;
    refused(&url("nobody"), "does not accept the user or the password").await;
}

#[tokio::test]
async fn what_is_not_redis_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.read_exact(&mut [0; 8]).ok();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok();
        }
    });
    refused(&format!("redis://127.0.0.1:{port}"), "is not a Redis server: what it says").await;
}

#[tokio::test]
async fn sentinels_and_clusters_are_told_from_plain_servers() {
    let node = RedisServer::start(&["--cluster-enabled", "yes"]);
    refused(&format!("redis://127.0.0.1:{}", node.port()), "use redis-cluster://").await;
    refused(&format!("redis-sentinel://127.0.0.1:{}/book", node.port()), "is not a sentinel").await;
}

#[tokio::test]
async fn urls_that_are_wrong_name_what_is_wrong_before_anything_starts() {
    refused("redis://127.0.0.1:6379?nmae=x", "option `nmae` is not one of").await;
    refused("redis://127.0.0.1:99999", "`99999` is not a port").await;
    refused("redis-sentinel://127.0.0.1", "name of the master is missing").await;
    refused("postgres://127.0.0.1", "scheme `postgres` is not one of").await;
    refused("memory:", "is not shared between processes").await;
    refused("gradebook.db", "is not shared between processes").await;
}

#[tokio::test]
async fn a_redis_that_cannot_be_reached_yet_is_waited_for() {
    let port = free_port();
    let journal = format!("redis://127.0.0.1:{port}");
    let replica = Service::start_role("api", &["--journal", &journal]).await;
    let answer = replica.get("/exams").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    assert_eq!(replica.get("/healthz").await.status, 200);
    assert_eq!(replica.get("/readyz").await.status, 503);
    let redis = RedisServer::start_on(port, &[]);
    let (_feed, url) = feed(1, 0).await;
    let _worker = ingest(&url, &redis.url()).await;
    eventually("the replica is ready", async || {
        (replica.get("/readyz").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_connected_before_redis_was_there_is_answered_after_it_came() {
    let port = free_port();
    let journal = format!("redis://127.0.0.1:{port}");
    let replica = Service::start_role("api", &["--journal", &journal]).await;
    let mut early = TcpStream::connect(replica.address()).unwrap();
    // Who connects later is taken later.
    assert_eq!(replica.get("/readyz").await.status, 503);
    let _redis = RedisServer::start_on(port, &[]);
    eventually("the replica is ready", async || {
        (replica.get("/readyz").await.status == 200).then_some(())
    })
    .await;
    early.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    early.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[tokio::test]
async fn a_redis_without_room_for_a_connection_is_waited_for() {
    let redis = RedisServer::start(&["--maxclients", "1"]);
    let mut only = None;
    // Whoever asked whether the server answers may still be there.
    wait_for("this is the only connection", || {
        let mut stream = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
        stream.write_all(b"PING\r\n").ok();
        let mut answer = [0; 7];
        let is_let_in = stream.read_exact(&mut answer).is_ok() && answer == *b"+PONG\r\n";
        only = Some(stream).filter(|_| is_let_in);
        is_let_in
    });
    let replica = Service::start_role("api", &["--journal", &redis.url()]).await;
    assert_eq!(replica.get("/readyz").await.status, 503);
    only.unwrap().write_all(b"CONFIG SET maxclients 100\r\n").unwrap();
    eventually("the replica is ready", async || {
        (replica.get("/readyz").await.status == 200).then_some(())
    })
    .await;
}

/// The rules are those of docs/operations.md.
#[tokio::test]
async fn a_user_with_the_documented_rights_can_do_everything() {
    let documents = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let text = std::fs::read_to_string(documents).unwrap();
    let (_, rest) = text.split_once("The user needs `").unwrap();
    let (rules, _) = rest.split_once('`').unwrap();
    let redis = RedisServer::start(&[]);
    let mut words = vec!["ACL", "SETUSER", "gradebook", "on", ">s3cret", "~gradebook:{main}:*"];
    words.extend(rules.split_whitespace());
    assert_eq!(redis.cli(&words), "OK");
    let journal = format!("redis://gradebook:s3cret@127.0.0.1:{}", redis.port());
    let (_feed, url) = feed(1, 0).await;
    let _worker = ingest(&url, &journal).await;
    let replica = Service::start_role("api", &["--journal", &journal]).await;
    at(&replica, STUDENTS).await;
    let list = replica.json("/students").await;
    let path = list["students"][0]["href"].as_str().unwrap();
    assert_eq!(replica.send("DELETE", path, &[]).await.status, 204);
    eventually("the work is done", || {
        let found = replica.log().contains("no trace of erased students").then_some(());
        async move { found }
    })
    .await;
}
