//! A page that is left open while scores pour in: it stays quick, and does not grow.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Browser, class, service};

/// How long, in seconds; `docs/measurements.md` has the figures of a longer run.
const SECONDS: &str = "GRADEBOOK_TEST_SOAK_SECONDS";
const SECONDS_DEFAULT: u64 = 8;

/// Changes a second, and students among whom they are.
const CHANGES_PER_SECOND: u64 = 1_000;
const STUDENTS: usize = 100;

/// The heap may differ so much between two moments, in bytes: garbage is never collected to the
/// last bit. A page that kept anything of each event would exceed it within seconds.
const HEAP_TOLERANCE_BYTES: i64 = 3 << 20;

/// Likewise for nodes: the rows of the page have about 20 each.
const NODES_TOLERANCE: i64 = 2_000;

/// Bytes of the page's heap that are in use, and nodes of its document.
async fn memory(browser: &Browser) -> (i64, i64) {
    for _ in 0..2 {
        browser.devtools("HeapProfiler.collectGarbage", json!({})).await;
    }
    let metrics = browser.devtools("Performance.getMetrics", json!({})).await;
    let metric = |wanted: &str| {
        let metrics = metrics["metrics"].as_array().unwrap();
        let found = metrics.iter().find(|metric| metric["name"] == wanted).unwrap();
        found["value"].as_f64().unwrap() as i64
    };
    (metric("JSHeapUsedSize"), metric("Nodes"))
}

/// The changes `from..to` as events.
fn changes(from: u64, to: u64) -> String {
    let events = (from..to).map(|change| {
        let student = change as usize % STUDENTS;
        let score = (change % 9_973) as f64 / 9_973.0;
        let id = format!("student{student:03}");
        let data = json!({ "studentId": id, "exam": 3, "score": score });
        format!("event: score\ndata: {data}\n\n")
    });
    events.collect()
}

/// By how much the least of the last three exceeds the least of the first three: what a reading of
/// the page leaves for the collector comes and goes.
fn growth(measured: &[i64]) -> i64 {
    let least = |some: &[i64]| some.iter().copied().min().unwrap();
    least(&measured[measured.len().saturating_sub(3)..]) - least(&measured[..3])
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figures of a long run go to docs/measurements.md")]
async fn a_page_left_open_neither_grows_nor_slows_down() {
    let seconds = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok());
    let lasts = Duration::from_secs(seconds.unwrap_or(SECONDS_DEFAULT));
    let (service, mut feed, _listener) = service().await;
    class(&mut feed, &service, STUDENTS).await;
    let browser = Browser::start().await;
    browser.devtools("Performance.enable", json!({})).await;
    browser.goto(&service.url("/exams/3")).await;
    let script = "window.frames_ = { drawn: 0, longest: 0, late: 0 };
        let last = performance.now();
        requestAnimationFrame(function frame(now) {
            const f = window.frames_;
            f.drawn += 1; f.longest = Math.max(f.longest, now - last); f.late += now - last > 100;
            last = now; requestAnimationFrame(frame);
        })";
    browser.execute(script, vec![]).await;

    let began = Instant::now();
    let mut measured = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let mut sent = 0;
    while began.elapsed() < lasts {
        tick.tick().await;
        let due = began.elapsed().as_millis() as u64 * CHANGES_PER_SECOND / 1_000;
        if due > sent {
            feed.send(&changes(sent, due)).await;
        }
        sent = due;
        // Once warm, then every tenth of the time.
        if began.elapsed() * 10 > lasts * (2 + measured.len() as u32) {
            measured.push(memory(&browser).await);
        }
    }
    let frames: Value = browser.execute("return window.frames_", vec![]).await;
    let (heap, nodes): (Vec<i64>, Vec<i64>) = measured.iter().copied().unzip();
    let took = began.elapsed();
    println!("{sent} changes in {took:?}: heap {heap:?} bytes, nodes {nodes:?}, frames {frames}");
    assert!(growth(&heap) < HEAP_TOLERANCE_BYTES, "the heap grows: {heap:?}");
    assert!(growth(&nodes) < NODES_TOLERANCE, "the document grows: {nodes:?}");
    // The last change is on screen: nothing was left behind on the way.
    feed.score("student000", 3, 0.123).await;
    browser.until("[data-key=student000] [data-cell=score]", |text| text == "0.123").await;
    let script = "return document.querySelector('#connection').textContent";
    let banner = browser.execute(script, vec![]).await;
    assert_eq!(banner, "", "the connection was lost on the way");
    browser.close().await;
}
