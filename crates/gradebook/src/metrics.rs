//! Metrics in Prometheus' text format: all their names, units and meanings, and what `/metrics`
//! answers.
//!
//! Whoever does the work counts with the macros of the `metrics` crate; what can be read off the
//! book and the status is measured when somebody asks. No student id is ever a label.

use std::sync::OnceLock;

use metrics::{Unit, counter, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::reader::Reader;
use crate::status::Status;

/// Upper bounds of the histograms of durations, in seconds: from a lookup in memory to a slow disk.
const SECONDS_BUCKETS: [f64; 14] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// The media type of [`render`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often which values came.
    Histogram,
}

/// One metric: its kind, name, unit and meaning.
pub type Description = (Kind, &'static str, Unit, &'static str);

/// Every metric there is. A test holds the list against the source.
pub const METRICS: &[Description] = &[
    (Kind::Gauge, "gradebook_build_info", Unit::Count, "always 1; its label is the version"),
    (Kind::Gauge, "gradebook_ready", Unit::Count, "1 when ready to serve, else 0"),
    (Kind::Gauge, "gradebook_students", Unit::Count, "students with at least one result"),
    (Kind::Gauge, "gradebook_exams", Unit::Count, "exams with at least one result"),
    (Kind::Gauge, "gradebook_results", Unit::Count, "results in the gradebook"),
    (Kind::Gauge, "gradebook_book_position", Unit::Count, "last position posted to the gradebook"),
    (Kind::Gauge, "gradebook_journal_position", Unit::Count, "last position in the journal"),
    (Kind::Counter, "gradebook_feed_events_total", Unit::Count, "events, by outcome"),
    (Kind::Counter, "gradebook_feed_rejections_total", Unit::Count, "rejected events, by reason"),
    (Kind::Counter, "gradebook_feed_bytes_total", Unit::Bytes, "read, after decompression"),
    (Kind::Counter, "gradebook_feed_connections_total", Unit::Count, "attempts, by outcome"),
    (
        Kind::Counter,
        "gradebook_feed_ids_unusable_total",
        Unit::Count,
        "connections that could not be resumed because no header field can hold the last id",
    ),
    (
        Kind::Counter,
        "gradebook_feed_retry_after_cut_total",
        Unit::Count,
        "waits that a feed asked for with Retry-After, longer than the longest",
    ),
    (Kind::Gauge, "gradebook_feed_live", Unit::Count, "1 while connected to the feed, else 0"),
    (Kind::Counter, "process_cpu_seconds_total", Unit::Seconds, "processor time used"),
    (Kind::Gauge, "process_resident_memory_bytes", Unit::Bytes, "memory that is resident"),
    (Kind::Counter, "gradebook_journal_entries_total", Unit::Count, "entries appended"),
    (Kind::Counter, "gradebook_feed_events_total", Unit::Count, "events, by feed and outcome"),
    (
        Kind::Counter,
        "gradebook_feed_rejections_total",
        Unit::Count,
        "rejections, by feed and reason",
    ),
    (Kind::Counter, "gradebook_feed_bytes_total", Unit::Bytes, "read from a feed, uncompressed"),
    (
        Kind::Counter,
        "gradebook_feed_connections_total",
        Unit::Count,
        "connections to a feed, by outcome",
    ),
    (Kind::Gauge, "gradebook_feed_live", Unit::Count, "1 while the feed is connected, else 0"),
    (
        Kind::Counter,
        "gradebook_feed_ids_unusable_total",
        Unit::Count,
        "connections that could not be resumed, since no header field can hold the last id",
    ),
    (
        Kind::Counter,
        "gradebook_journal_resent_entries_total",
        Unit::Count,
        "entries appended again after a failover",
    ),
    (
        Kind::Histogram,
        "gradebook_http_request_duration_seconds",
        Unit::Seconds,
        "from a request's head to its answer's head",
    ),
    (
        Kind::Counter,
        "gradebook_http_panics_total",
        Unit::Count,
        "requests answered with 500 because of a bug",
    ),
    (
        Kind::Counter,
        "gradebook_http_bounds_reached_total",
        Unit::Count,
        "answers that were shortened, by bound",
    ),
    (
        Kind::Counter,
        "gradebook_http_deadlines_exceeded_total",
        Unit::Count,
        "requests that the journal did not answer in time",
    ),
    (
        Kind::Counter,
        "gradebook_connections_held_back_total",
        Unit::Count,
        "connections that had to wait for a place",
    ),
    (
        Kind::Counter,
        "gradebook_tls_handshakes_failed_total",
        Unit::Count,
        "connections without a TLS handshake",
    ),
    (
        Kind::Counter,
        "gradebook_http_rate_limited_total",
        Unit::Count,
        "requests beyond a caller's quota",
    ),
    (
        Kind::Counter,
        "gradebook_rate_limit_callers_shared_total",
        Unit::Count,
        "callers beyond the most that are told apart",
    ),
    (
        Kind::Counter,
        "gradebook_journal_unavailable_total",
        Unit::Count,
        "appends that failed and are tried again",
    ),
    (
        Kind::Counter,
        "gradebook_journal_resent_entries_total",
        Unit::Count,
        "entries that a failover of the shared journal had lost, and that were appended again",
    ),
    (
        Kind::Counter,
        "gradebook_rebuilds_total",
        Unit::Count,
        "times that the gradebook was rebuilt because a failover had replaced entries",
    ),
    (Kind::Gauge, "gradebook_leads", Unit::Count, "1 while this worker writes, else 0"),
    (
        Kind::Counter,
        "gradebook_connections_cut_total",
        Unit::Count,
        "connections cut because the client took nothing for too long",
    ),
    (
        Kind::Counter,
        "gradebook_http_streams_cut_total",
        Unit::Count,
        "HTTP/2 streams cut because the client did not take a part of the body for too long",
    ),
    (Kind::Counter, "gradebook_changes_published_total", Unit::Count, "changes for subscribers"),
    (Kind::Gauge, "gradebook_subscribers", Unit::Count, "subscribers to live changes"),
    (
        Kind::Counter,
        "gradebook_subscribers_lagged_total",
        Unit::Count,
        "subscribers that fell behind, and read what they missed from the gradebook",
    ),
    (
        Kind::Counter,
        "gradebook_subscribers_refused_total",
        Unit::Count,
        "subscribers beyond the most that there may be",
    ),
];

/// The recorder, installed at first use.
fn recorder() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let handle = PrometheusBuilder::new()
            .set_buckets(&SECONDS_BUCKETS)
            .expect("invariant: there are buckets")
            .install_recorder()
            .expect("invariant: nobody else installs a recorder");
        for &(kind, name, unit, meaning) in METRICS {
            match kind {
                Kind::Counter => metrics::describe_counter!(name, unit, meaning),
                Kind::Gauge => metrics::describe_gauge!(name, unit, meaning),
                Kind::Histogram => metrics::describe_histogram!(name, unit, meaning),
            }
        }
        gauge!("gradebook_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        handle
    })
}

/// Starts counting. Called by `main` before anything can be counted.
pub fn start() {
    recorder();
}

/// Folds what histograms have gathered. To be called every few seconds, whether or not anybody
/// asks for metrics: samples are kept one by one until then.
pub fn fold() {
    recorder().run_upkeep();
}

/// What `/metrics` answers, as [`CONTENT_TYPE`].
#[must_use]
pub fn render(reader: &Reader) -> String {
    let (students, exams, results, position) = {
        let book = reader.now();
        (book.student_count(), book.exam_count(), book.result_count(), book.position())
    };
    gauge!("gradebook_students").set(students as f64);
    gauge!("gradebook_exams").set(exams as f64);
    gauge!("gradebook_results").set(results as f64);
    gauge!("gradebook_book_position").set(position.get() as f64);
    render_process(&reader.status)
}

/// What `/metrics` of a worker without a book answers.
#[must_use]
pub fn render_process(status: &Status) -> String {
    let handle = recorder();
    let ready = if status.not_ready().is_none() { 1.0 } else { 0.0 };
    gauge!("gradebook_ready").set(ready);
    gauge!("gradebook_journal_position").set(status.journal().position.get() as f64);
    if let Some(usage) = Usage::now() {
        gauge!("process_resident_memory_bytes").set(usage.resident_bytes as f64);
        counter!("process_cpu_seconds_total").absolute(usage.cpu_seconds);
    }
    handle.render()
}

/// What the process uses, as Linux tells it; elsewhere the two metrics are not there.
struct Usage {
    resident_bytes: u64,
    cpu_seconds: u64,
}

impl Usage {
    fn now() -> Option<Self> {
        // Linux counts in hundredths of a second and, where it runs us, in pages of 4 KiB or says
        // so in `status`, which has kibibytes.
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: u64 = resident.trim().strip_suffix("kB")?.trim().parse().ok()?;
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let (_, fields) = stat.rsplit_once(')')?;
        let times = fields.split_whitespace().skip(11).take(2); // in user mode, in the kernel
        let hundredths: u64 = times.map_while(|field| field.parse::<u64>().ok()).sum();
        Some(Self { resident_bytes: kibibytes * 1024, cpu_seconds: hundredths / 100 })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Names in the macros of the `metrics` crate, wherever they are used.
    fn counted_in(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                counted_in(&path, names);
            } else {
                let source = std::fs::read_to_string(path).unwrap();
                for kind in ["counter", "gauge", "histogram"] {
                    let macro_name = format!("{kind}!(");
                    for (start, _) in source.match_indices(&macro_name) {
                        let rest = source[start + macro_name.len()..].trim_start();
                        if let Some(name) = rest.strip_prefix('"') {
                            names.extend(name.split('"').next().map(str::to_owned));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_metric_in_the_source_is_described_and_every_description_is_of_one() {
        let mut used = BTreeSet::new();
        counted_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut used);
        let described: BTreeSet<String> =
            METRICS.iter().map(|(_, name, ..)| (*name).to_owned()).collect();
        assert_eq!(used, described);
    }
}
