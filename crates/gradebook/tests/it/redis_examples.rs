//! The files under `examples/` do what they say.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::redis_roles::{STUDENTS, api, at, feed, ingest};
use crate::support::{PATIENCE, RedisServer, Service, eventually, finished, free_port};

/// A load balancer; ended when dropped.
struct Balancer {
    child: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Balancer {
    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

fn haproxy(replicas: &[Service]) -> Balancer {
    let (directory, port) = (tempfile::tempdir().unwrap(), free_port());
    let child = Command::new("haproxy")
        .arg("-f")
        .arg(example("haproxy.cfg"))
        .env("LISTEN", format!("127.0.0.1:{port}"))
        .env("API_1", replicas[0].address().to_string())
        .env("API_2", replicas[1].address().to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the tests need haproxy (Debian: apt-get install haproxy)");
    Balancer { child, port, _directory: directory }
}

fn nginx(replicas: &[Service]) -> Balancer {
    let (directory, port) = (tempfile::tempdir().unwrap(), free_port());
    let text = std::fs::read_to_string(example("nginx.conf")).unwrap();
    let text = text
        .replace("127.0.0.1:5000", &format!("127.0.0.1:{port}"))
        .replace("127.0.0.1:5011", &replicas[0].address().to_string())
        .replace("127.0.0.1:5012", &replicas[1].address().to_string())
        .replace("events {", "daemon off; master_process off;\nevents {");
    let file = directory.path().join("nginx.conf");
    std::fs::write(&file, text).unwrap();
    let child = Command::new("nginx")
        .arg("-p")
        .arg(directory.path())
        .arg("-c")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the tests need nginx (Debian: apt-get install nginx-light)");
    Balancer { child, port, _directory: directory }
}

/// Two replicas behind a balancer: requests are answered while one of them is killed, and an event
/// stream that breaks is resumed on the other one.
async fn survives_the_death_of_a_replica(balance: fn(&[Service]) -> Balancer) {
    let redis = RedisServer::start(&[]);
    let (_feed, url) = feed(100, 400).await;
    let _worker = ingest(&url, &redis.url()).await;
    let mut replicas = vec![api(&redis.url()).await, api(&redis.url()).await];
    for replica in &replicas {
        eventually("the replica is ready", async || {
            (replica.get("/readyz").await.status == 200).then_some(())
        })
        .await;
    }
    let balancer = balance(&replicas);
    let client = replicas[0].client().clone();
    eventually("the balancer passes requests on", async || {
        let answer = client.get(balancer.url("/exams")).send().await.ok()?;
        (answer.status() == 200).then_some(())
    })
    .await;
    let mut ids = Ids::default();
    ids.read(&client, &balancer, 100).await;
    replicas.remove(0).kill();
    for _ in 0..50 {
        assert_eq!(client.get(balancer.url("/exams")).send().await.unwrap().status(), 200);
    }
    ids.read(&client, &balancer, 300).await;
    at(&replicas[0], 100 * STUDENTS).await;
}

/// The ids of a stream of all results, each of which must be larger than the one before.
#[derive(Default)]
struct Ids {
    last: u64,
    count: usize,
}

impl Ids {
    /// Reads until there are `count`; connects again whenever the stream ends.
    async fn read(&mut self, client: &reqwest::Client, balancer: &Balancer, count: usize) {
        while self.count < count {
            let mut request = client.get(balancer.url("/results"));
            request = request.header("Accept", "text/event-stream");
            if self.last > 0 {
                request = request.header("Last-Event-ID", self.last.to_string());
            }
            let Ok(mut stream) = request.send().await else { continue };
            let mut text = String::new();
            while self.count < count
                && let Ok(chunk) = tokio::time::timeout(PATIENCE, stream.chunk()).await
                && let Ok(Some(chunk)) = chunk
            {
                text.push_str(std::str::from_utf8(&chunk).unwrap());
                assert!(!text.contains("event: reset"), "{text}");
                while let Some((event, rest)) = text.split_once("\n\n") {
                    self.take(event);
                    text = rest.to_owned();
                }
            }
        }
    }

    fn take(&mut self, event: &str) {
        let id = event.lines().find_map(|line| line.strip_prefix("id: "));
        if let Some(id) = id.map(|id| id.parse::<u64>().unwrap()) {
            if event.contains("event: result") {
                // The feed repeats nothing, so every position is a change.
                assert!(self.count == 0 || id == self.last + 1, "{id} after {}", self.last);
                self.count += 1;
            }
            self.last = id;
        }
    }
}

#[tokio::test]
async fn haproxy_leads_requests_and_streams_around_a_dead_replica() {
    survives_the_death_of_a_replica(haproxy).await;
}

#[tokio::test]
async fn nginx_leads_requests_and_streams_around_a_dead_replica() {
    survives_the_death_of_a_replica(nginx).await;
}

#[tokio::test]
async fn every_flag_of_the_compose_file_is_one() {
    let text = std::fs::read_to_string(example("compose.yaml")).unwrap();
    let mut commands = 0;
    for line in text.lines().filter_map(|line| line.split_once("command: [gradebook, ")) {
        let words: Vec<&str> = line.1.trim_end_matches(']').split(", ").collect();
        let mut help = Service::command();
        let output = finished(help.args([words[0], "--help"])).await;
        let help = String::from_utf8(output.stdout).unwrap();
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(flag), "gradebook {} has no {flag}", words[0]);
        }
        commands += 1;
    }
    assert_eq!(commands, 2);
}
