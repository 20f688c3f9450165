//! A real browser: Debian's Chromium, driven by its ChromeDriver over WebDriver.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use axum::http::Method;
use fantoccini::error::CmdError;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::{ParseError, Url};

use crate::support::eventually;

const CHROMIUM: &str = "/usr/bin/chromium";
const CHROMEDRIVER: &str = "/usr/bin/chromedriver";

/// How many ports ChromeDriver may draw until one is free for IPv4 and IPv6.
const DRIVER_STARTS_MAX: usize = 10;

/// What keeps Chromium alone with the test: it looks for nothing on the network.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-precise-memory-info",
];

/// A browser with one window and a fresh profile. Ends with [`Browser::close`]; at the latest when
/// dropped.
pub struct Browser {
    pub page: Client,
    driver: Driver,
}

struct Driver {
    process: Child,
    chromium: Option<u64>,
    profile: TempDir,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        // A driver that is killed leaves its browser behind.
        if let Some(pid) = self.chromium {
            Command::new("kill").args(["-s", "KILL", &pid.to_string()]).output().ok();
        }
    }
}

/// A command of ChromeDriver that WebDriver does not have.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

impl Browser {
    pub async fn start() -> Self {
        let profile = TempDir::new().unwrap();
        let (process, port) = (0..DRIVER_STARTS_MAX)
            .find_map(|_| start_driver())
            .expect("ChromeDriver found no port that is free for IPv4 and IPv6");
        let mut driver = Driver { process, chromium: None, profile };
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).into();
        arguments.push(format!("--user-data-dir={}", driver.profile.path().display()));
        let capabilities = json!({
            "goog:chromeOptions": { "binary": CHROMIUM, "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { unreachable!() };
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(Capabilities::from_iter(capabilities))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        let capabilities = page.capabilities().unwrap();
        driver.chromium = capabilities.get("goog:processID").and_then(Value::as_u64);
        Self { page, driver }
    }

    /// Ends the browser, so that nothing of it is left.
    pub async fn close(mut self) {
        self.page.close().await.unwrap();
        self.driver.chromium = None;
    }

    pub async fn goto(&self, url: &str) {
        self.page.goto(url).await.unwrap();
    }

    /// The visible text of the first element that `css` selects; `None` when there is none, or it
    /// has just been replaced.
    pub async fn text(&self, css: &str) -> Option<String> {
        self.page.find(Locator::Css(css)).await.ok()?.text().await.ok()
    }

    /// The visible texts of all elements that `css` selects.
    pub async fn texts(&self, css: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)";
        let texts = self.execute(script, vec![json!(css)]).await;
        serde_json::from_value(texts).unwrap()
    }

    /// Waits until the text of the element that `css` selects satisfies `wanted`.
    pub async fn until(&self, css: &str, wanted: impl Fn(&str) -> bool) -> String {
        eventually(&format!("{css} on the page"), async || {
            self.text(css).await.filter(|text| wanted(text))
        })
        .await
    }

    pub async fn click(&self, css: &str) {
        self.page.find(Locator::Css(css)).await.unwrap().click().await.unwrap();
    }

    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.page.find(Locator::Css(css)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Sends keys to whatever has the focus.
    pub async fn keys(&self, keys: &str) {
        self.page.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// The text of whatever has the focus.
    pub async fn focused(&self) -> String {
        self.page.active_element().await.unwrap().text().await.unwrap()
    }

    pub async fn execute(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.page.execute(script, arguments).await.unwrap()
    }

    /// Runs a script that hands its result to the callback that is its last argument.
    pub async fn execute_async(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.page.execute_async(script, arguments).await.unwrap()
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.own("goog/cdp/execute", body).await.unwrap()
    }

    /// What the console has told since it was last asked.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.own("se/log", json!({ "type": "browser" })).await.unwrap();
        entries.as_array().unwrap().iter().map(Value::to_string).collect()
    }

    /// The origins of all requests since it was last asked.
    pub async fn origins(&self) -> BTreeSet<String> {
        let entries = self.own("se/log", json!({ "type": "performance" })).await.unwrap();
        let entries = entries.as_array().unwrap().iter();
        let messages = entries.map(|entry| entry["message"].as_str().unwrap().to_owned());
        messages
            .map(|message| serde_json::from_str::<Value>(&message).unwrap())
            .filter(|entry| entry["message"]["method"] == "Network.requestWillBeSent")
            .map(|entry| {
                let url = entry["message"]["params"]["request"]["url"].as_str().unwrap().to_owned();
                Url::parse(&url).unwrap().origin().ascii_serialization()
            })
            .collect()
    }

    /// Shows pages in a window of this size, in light or dark.
    pub async fn emulate(&self, width: u32, height: u32, scheme: &str) {
        let phone = width < 600;
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// A PNG of the page from top to bottom.
    pub async fn whole_page(&self) -> Vec<u8> {
        let parameters = json!({ "format": "png", "captureBeyondViewport": true });
        let image = self.devtools("Page.captureScreenshot", parameters).await;
        let text = image["data"].as_str().unwrap();
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap()
    }

    async fn own(&self, path: &'static str, body: Value) -> Result<Value, CmdError> {
        self.page.issue_cmd(Own { path, body }).await
    }
}

/// ChromeDriver and its port; `None` when the port that it drew for IPv4 was taken for IPv6, in
/// which case it ends.
fn start_driver() -> Option<(Child, u16)> {
    let mut process = Command::new(CHROMEDRIVER)
        .arg("--port=0") // with `--log-level=OFF` it would not tell the port
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{CHROMEDRIVER}: {error}; install chromium-driver"));
    let port = driver_port(&mut process);
    if port.is_none() {
        process.wait().unwrap();
    }
    Some((process, port?))
}

/// The port from the line `ChromeDriver was started successfully on port 12345.`
fn driver_port(process: &mut Child) -> Option<u16> {
    let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut ports = lines.filter_map(|line| {
        let (_, port) = line.split_once("successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    ports.next()
}
