//! A real Redis for one test: on a free port, in a directory of its own, stopped by its pid.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gradebook::config::redis::RedisUrl;
use gradebook::journal::redis::segment::{self, Stretch};
use gradebook_core::{Entry, Position};
use tempfile::TempDir;

use super::PATIENCE;

const REDIS: &str = "redis-server";

/// A running `redis-server`, or `valkey-server`; ended when dropped.
pub struct RedisServer {
    program: PathBuf,
    child: Child,
    port: u16,
    directory: TempDir,
    settings: Vec<String>,
}

impl RedisServer {
    /// A primary that keeps nothing on disk, with these settings.
    pub fn start(settings: &[&str]) -> Self {
        Self::start_program(REDIS.into(), settings)
    }

    /// The same with Valkey; nothing where it is not installed.
    #[expect(clippy::print_stderr, reason = "whoever runs the tests is told what was not run")]
    pub fn start_valkey(settings: &[&str]) -> Option<Self> {
        let program = std::env::var_os("GRADEBOOK_TEST_VALKEY");
        if program.is_none() {
            let is_ci = std::env::var_os("CI").is_some();
            assert!(!is_ci, "GRADEBOOK_TEST_VALKEY does not name valkey-server: run scripts/test");
            eprintln!("not run: valkey-server is not there (scripts/test installs it)");
        }
        Some(Self::start_program(program?.into(), settings))
    }

    fn start_program(program: PathBuf, settings: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("gradebook-redis-").tempdir().unwrap();
        let settings: Vec<String> = settings.iter().map(ToString::to_string).collect();
        loop {
            let port = free_port();
            if let Some(child) = spawn(&program, port, directory.path(), &settings) {
                return Self { program, child, port, directory, settings };
            }
        }
    }

    /// A primary on a port of the caller's choice.
    pub fn start_on(port: u16, settings: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("gradebook-redis-").tempdir().unwrap();
        let settings: Vec<String> = settings.iter().map(ToString::to_string).collect();
        let program = PathBuf::from(REDIS);
        let child = spawn(&program, port, directory.path(), &settings).expect("the port is taken");
        Self { program, child, port, directory, settings }
    }

    /// A primary that speaks TLS as well, with `redis.pem` and `redis.key` of `folder`; and the
    /// port where it does.
    pub fn start_with_tls(folder: &Path, settings: &[&str]) -> (Self, u16) {
        let directory = tempfile::Builder::new().prefix("gradebook-redis-").tempdir().unwrap();
        let file = |name| folder.join(name).to_str().unwrap().to_owned();
        let mut settings: Vec<String> = settings.iter().map(ToString::to_string).collect();
        for (setting, value) in [
            ("--tls-cert-file", file("redis.pem")),
            ("--tls-key-file", file("redis.key")),
            ("--tls-ca-cert-file", file("ca.pem")),
            ("--tls-auth-clients", "no".to_owned()),
        ] {
            settings.extend([setting.to_owned(), value]);
        }
        loop {
            let (port, tls_port) = (free_port(), free_port());
            let settings =
                [&settings[..], &["--tls-port".to_owned(), tls_port.to_string()]].concat();
            let program = PathBuf::from(REDIS);
            if let Some(child) = spawn(&program, port, directory.path(), &settings) {
                return (Self { program, child, port, directory, settings }, tls_port);
            }
        }
    }

    /// A sentinel that watches the primary on `port` under the name `book`.
    fn sentinel(port: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("gradebook-redis-").tempdir().unwrap();
        let file = directory.path().join("sentinel.conf");
        let text = format!(
            "sentinel monitor book 127.0.0.1 {port} 2\nsentinel down-after-milliseconds book 1000\n\
             sentinel failover-timeout book 3000\n"
        );
        loop {
            std::fs::write(&file, &text).unwrap();
            let settings = vec![file.to_str().unwrap().to_owned(), "--sentinel".to_owned()];
            let port = free_port();
            let program = PathBuf::from(REDIS);
            if let Some(child) = spawn(&program, port, directory.path(), &settings) {
                return Self { program, child, port, directory, settings };
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

    /// What `redis-cli` prints, when that is no text.
    pub fn cli_bytes(&self, words: &[&str]) -> Vec<u8> {
        let port = self.port.to_string();
        let output =
            Command::new("redis-cli").args(["--raw", "-p", &port]).args(words).output().unwrap();
        let mut bytes = output.stdout;
        assert_eq!(bytes.pop(), Some(b'\n'));
        bytes
    }

    /// A number in the hash that says what the journal is; 0 when there is none.
    pub fn meta(&self, field: &str) -> u64 {
        self.cli(&["HGET", "gradebook:{main}:meta", field]).parse().unwrap_or(0)
    }

    /// Everything that is packed, and nothing else, as plain bytes: ids can be looked for in it.
    pub fn unpacked(&self) -> Vec<u8> {
        let (until, span) = (self.meta("packed"), self.meta("span"));
        let stretches = (0..until).step_by(span.max(1) as usize);
        let mut bytes = Vec::new();
        for stretch in stretches.map(|before| Stretch::of(Position::new(before + 1), span)) {
            let number = stretch.number().to_string();
            let packed = self.cli_bytes(&["HGET", "gradebook:{main}:segments", &number]);
            for student in segment::students(stretch, &packed).unwrap() {
                bytes.extend_from_slice(student.as_str().as_bytes());
                bytes.push(0);
            }
            for (_, entry) in segment::decode(stretch, &packed).unwrap() {
                if let Entry::Scored { student, .. } = entry {
                    bytes.extend_from_slice(student.as_str().as_bytes());
                    bytes.push(0);
                }
            }
        }
        bytes
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
            let directory = self.directory.path();
            if let Some(child) = spawn(&self.program, self.port, directory, &self.settings) {
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

/// Three primaries, each with a replica: a cluster.
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Forms a cluster that takes a node for dead after a second.
    pub fn start() -> Self {
        Self::taking_for_dead_after("1000")
    }

    /// Forms a cluster that takes a node for dead after so many milliseconds of silence.
    pub fn taking_for_dead_after(milliseconds: &str) -> Self {
        let settings = [
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            milliseconds,
            "--repl-diskless-sync-delay",
            "0",
        ];
        let nodes: Vec<RedisServer> = (0..6).map(|_| RedisServer::start(&settings)).collect();
        let addresses: Vec<String> =
            nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        let output = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(&addresses)
            .args(["--cluster-replicas", "1", "--cluster-yes"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let cluster = Self { nodes };
        wait_for("the cluster is formed", || {
            cluster.nodes.iter().all(|node| {
                let knows_all = node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok");
                let replication = node.cli(&["INFO", "replication"]);
                let is_linked = replication.contains("master_link_status:up")
                    || replication.contains("connected_slaves:1");
                knows_all && is_linked
            })
        });
        cluster
    }

    /// The URL to give to `--journal`.
    pub fn url(&self) -> String {
        let addresses: Vec<String> =
            self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis-cluster://{}", addresses.join(","))
    }

    /// Takes everything out that it keeps.
    pub fn empty(&self) {
        for node in &self.nodes {
            node.cli(&["FLUSHALL"]); // replicas refuse, and follow
        }
    }

    /// Where the gradebook `main` is at present.
    pub fn primary(&self) -> Option<&RedisServer> {
        self.nodes.iter().find(|node| has_the_gradebook(node))
    }

    /// `kill -9` of the primary that has the gradebook; says which it was.
    pub fn kill_primary(&mut self) -> usize {
        let index = self.nodes.iter().position(has_the_gradebook);
        let index = index.expect("no node has the gradebook");
        self.nodes[index].kill();
        index
    }

    /// Starts a killed node again.
    pub fn restart(&mut self, index: usize) {
        self.nodes[index].restart();
    }
}

/// Whether the node is the primary of the gradebook: others answer that it moved.
fn has_the_gradebook(node: &RedisServer) -> bool {
    node.cli(&["EXISTS", "gradebook:{main}:journal"]) == "1"
}

/// A primary, its replica, and three sentinels that watch them.
pub struct Sentinels {
    pub primary: RedisServer,
    pub replica: RedisServer,
    sentinels: Vec<RedisServer>,
}

impl Sentinels {
    /// They take a server for dead after a second.
    pub fn start() -> Self {
        let settings = ["--repl-diskless-sync-delay", "0"];
        let (primary, replica) = (RedisServer::start(&settings), RedisServer::start(&settings));
        let port = primary.port.to_string();
        replica.cli(&["REPLICAOF", "127.0.0.1", &port]);
        wait_for("the replica is linked", || {
            replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
        });
        let sentinels: Vec<RedisServer> = (0..3).map(|_| RedisServer::sentinel(&port)).collect();
        wait_for("the sentinels know each other", || {
            sentinels.iter().all(|sentinel| {
                let known = sentinel.cli(&["SENTINEL", "CKQUORUM", "book"]);
                let replicas = sentinel.cli(&["SENTINEL", "REPLICAS", "book"]);
                known.contains("OK 3 usable") && replicas.contains("127.0.0.1")
            })
        });
        Self { primary, replica, sentinels }
    }

    /// The URL to give to `--journal`.
    pub fn url(&self) -> String {
        let addresses: Vec<String> =
            self.sentinels.iter().map(|one| format!("127.0.0.1:{}", one.port)).collect();
        format!("redis-sentinel://{}/book", addresses.join(","))
    }
}

/// Looks again until it is so.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        std::thread::yield_now();
    }
}

/// What `redis-cli` prints when it asks the server on `port`.
pub fn cli(port: u16, words: &[&str]) -> String {
    let port = port.to_string();
    let output = Command::new("redis-cli").args(["-p", &port]).args(words).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A port that nobody listens on, nor on the one 10,000 above, which a cluster uses as well.
/// Somebody may take it before the server does: then try another.
pub fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if port.checked_add(10_000).is_some_and(is_free) {
            return port;
        }
    }
}

/// Starts a server and waits until it answers; nothing when it ends instead.
fn spawn(program: &Path, port: u16, directory: &Path, settings: &[String]) -> Option<Child> {
    let log = std::fs::File::create(directory.join("log")).unwrap();
    // A sentinel has a file of settings, which stands first, and keeps no snapshots.
    let is_file = settings.first().is_some_and(|setting| !setting.starts_with("--"));
    let (file, settings) = settings.split_at(usize::from(is_file));
    let mut command = Command::new(program);
    command.args(file).args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
    if !is_file {
        command.args(["--save", ""]);
    }
    let mut child = command
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
