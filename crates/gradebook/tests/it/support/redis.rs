//! A real Redis for one test: on a free port, in a directory of its own, stopped by its pid.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gradebook::config::redis::RedisUrl;
use tempfile::TempDir;

use super::PATIENCE;

/// A running `redis-server`; ended when dropped.
pub struct RedisServer {
    child: Child,
    port: u16,
    directory: TempDir,
    settings: Vec<String>,
}

impl RedisServer {
    /// A primary that keeps nothing on disk, with these settings.
    pub fn start(settings: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("gradebook-redis-").tempdir().unwrap();
        let settings: Vec<String> = settings.iter().map(ToString::to_string).collect();
        loop {
            let port = free_port();
            if let Some(child) = spawn(port, directory.path(), &settings) {
                return Self { child, port, directory, settings };
            }
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The URL to give to `--journal`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn journal_url(&self) -> RedisUrl {
        self.url().parse().unwrap()
    }

    /// What `redis-cli` prints.
    pub fn cli(&self, words: &[&str]) -> String {
        cli(self.port, words)
    }

    /// The last entry's id as `redis-cli` shows it, or nothing.
    pub fn last_id(&self) -> String {
        let shown = self.cli(&["XREVRANGE", "gradebook:{main}:journal", "+", "-", "COUNT", "1"]);
        shown.lines().next().unwrap_or_default().to_owned()
    }

    /// Everything that it keeps, as it would be on disk.
    pub fn snapshot(&self) -> Vec<u8> {
        self.cli(&["CONFIG", "SET", "rdbcompression", "no"]);
        assert_eq!(self.cli(&["SAVE"]), "OK");
        std::fs::read(self.directory.path().join("dump.rdb")).unwrap()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `kill -SIGNAL`.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }

    /// Starts again after [`Self::kill`] on the same port, with what is in its directory.
    pub fn restart(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(child) = spawn(self.port, self.directory.path(), &self.settings) {
                self.child = child;
                return;
            }
            assert!(Instant::now() < deadline, "redis-server does not start again");
        }
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What `redis-cli` prints when it asks the server on `port`.
pub fn cli(port: u16, words: &[&str]) -> String {
    let port = port.to_string();
    let output = Command::new("redis-cli").args(["-p", &port]).args(words).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A port that nobody listens on. Somebody may take it before the server does: then try another.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts a server and waits until it answers; nothing when it ends instead.
pub fn spawn(port: u16, directory: &Path, settings: &[String]) -> Option<Child> {
    let log = std::fs::File::create(directory.join("log")).unwrap();
    let mut child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .args(["--dir", directory.to_str().unwrap()])
        .args(settings)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("the tests need redis-server (Debian: apt-get install redis-server)");
    let deadline = Instant::now() + PATIENCE;
    while !answers(port) {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        assert!(Instant::now() < deadline, "redis-server does not answer");
        std::thread::yield_now();
    }
    Some(child)
}

/// Whether something that speaks Redis answers.
fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut answer = [0; 1];
    stream.write_all(b"*1\r\n$4\r\nPING\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && (answer == *b"+" || answer == *b"-")
}
