//! The built binary as a child process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use serde_json::Value;

use super::{PATIENCE, eventually};

/// A running `gradebook`; ended when dropped.
pub struct Service {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    /// Reads the log; ends when the process has.
    reader: Option<JoinHandle<()>>,
    client: reqwest::Client,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Service {
    /// `gradebook serve` on a free port with `args`, its book rebuilt.
    pub async fn start(args: &[&str]) -> Self {
        Self::start_role("serve", args).await.rebuilt().await
    }

    /// `gradebook ROLE` on a free port with `args`, listening.
    pub async fn start_role(role: &str, args: &[&str]) -> Self {
        let mut command = Self::command();
        command.arg(role).args(["--listen", "127.0.0.1:0"]).args(args);
        Self::spawn(command)
    }

    /// The binary without arguments and with a clean environment, for tests that need their own.
    pub fn command() -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gradebook"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GRADEBOOK_")) {
            command.env_remove(name);
        }
        command
    }

    /// Starts `command`, and waits until it says that it serves.
    pub fn spawn(mut command: Command) -> Self {
        Self::follow(command.stdout(Stdio::null()))
    }

    /// Waits until its book is rebuilt: before that, be the book empty, it answers 503. It need not
    /// be connected to its feeds.
    pub async fn rebuilt(self) -> Self {
        eventually("the book is rebuilt", async || {
            let ready = self.get("/readyz").await;
            (ready.status == 200 || ready.text().contains("not connected yet")).then_some(())
        })
        .await;
        self
    }

    /// Like [`Self::spawn`], with what it prints.
    pub fn spawn_with_output(mut command: Command) -> (Self, ChildStdout) {
        let mut service = Self::follow(command.stdout(Stdio::piped()));
        let out = service.child.stdout.take().unwrap();
        (service, out)
    }

    fn follow(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, reader) = follow(child.stderr.take().unwrap(), Arc::clone(&log));
        let Some(address) = serving_address(&lines) else {
            child.kill().ok();
            let log = log.lock().unwrap().join("\n");
            panic!("the service did not start:\n{log}");
        };
        // A second test in the same process finds it installed already.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .no_gzip() // answers are looked at as they came
            .build()
            .unwrap();
        Self { child, address, log, reader: Some(reader), client }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// An absolute URL on this service.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[]).await
    }

    /// The body of a `GET` that must succeed, as JSON.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text());
        answer.json()
    }

    /// Any request with these headers and without a body.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.client.request(method.parse().unwrap(), self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        Answer {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.bytes().await.unwrap().to_vec(),
        }
    }

    /// Asks for `path` until its JSON satisfies `wanted`.
    pub async fn eventually(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("GET {path}"), async || {
            let answer = self.get(path).await;
            (answer.status == 200).then(|| answer.json()).filter(|body| wanted(body))
        })
        .await
    }

    /// Bytes as they are, for what no client would send; the connection must be closed in the end.
    pub fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Everything it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// `kill -SIGNAL`.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }

    /// `kill -9`, and waits for the end.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended().await
    }

    /// Waits until it has ended by itself, and everything that it logged has been read.
    pub async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let status = eventually("the process has ended", || {
            let status = child.try_wait().unwrap();
            async move { status }
        })
        .await;
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        status
    }
}

impl Drop for Service {
    #[expect(clippy::print_stderr, reason = "a test that fails shows what its services said")]
    fn drop(&mut self) {
        let ended = self.child.try_wait();
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("{} (ended before: {ended:?}) said:\n{}", self.address, self.log());
        }
    }
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// A header that must be there once.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.unwrap_or_else(|| panic!("no header {name} in {:?}", self.headers)).to_str().unwrap()
    }
}

/// Runs `command` until it ends by itself.
pub async fn finished(command: &mut Command) -> Output {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("did not end by itself: {:?}", child.wait_with_output().unwrap());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.wait_with_output().unwrap()
}

/// Keeps every line of `stderr` in `log`, and passes it on.
fn follow(
    stderr: impl Read + Send + 'static,
    log: Arc<Mutex<Vec<String>>>,
) -> (Receiver<String>, JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            log.lock().unwrap().push(line.clone());
            sender.send(line).ok();
        }
    });
    (receiver, reader)
}

/// The address from the line `… serving address=127.0.0.1:12345`.
fn serving_address(lines: &Receiver<String>) -> Option<SocketAddr> {
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                let address = line.split_once("serving address=").map(|(_, rest)| rest);
                let address = address.and_then(|rest| rest.split_whitespace().next());
                if let Some(address) = address.and_then(|text| text.parse().ok()) {
                    return Some(address);
                }
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
        }
    }
}
