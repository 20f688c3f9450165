use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use gradebook_core::gradebook::{ListQuery, ResultQuery};
use gradebook_core::{
    Entry, ExamNumber, Gradebook, Position, PseudonymKey, Score, ScoringPolicy, StudentId,
    Timestamp,
};
use hyper::body::Body as _;
use proptest::prelude::*;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::*;
use crate::book::SharedBook;
use crate::config::AccessSettings;
use crate::http::server::Limits;
use crate::http::table;
use crate::hub::Hub;
use crate::poster::Poster;
use crate::reader::{Identity, Reader};
use crate::rejections::Rejections;
use crate::status::Status;

const KEY: PseudonymKey = PseudonymKey([7; 16]);
/// Short, so that a test can wait for it.
const KEEP_ALIVE: Duration = Duration::from_millis(20);

fn student(name: &str) -> StudentId {
    StudentId::parse(name).unwrap()
}

fn exam(number: u64) -> ExamNumber {
    ExamNumber::new(number).unwrap()
}

fn score(value: f64) -> Score {
    Score::new(value).unwrap()
}

/// A book with its hub, and what posts to them.
struct Desk {
    api: Arc<Api>,
    poster: Poster,
    runtime: Runtime,
}

impl Desk {
    fn new(queued_max: usize) -> Self {
        let book = Arc::new(SharedBook::new(Gradebook::new(ScoringPolicy::KeepLatest, KEY)));
        let hub = Arc::new(Hub::queueing_at_most(10, queued_max));
        let rejections = Arc::new(Rejections::default());
        let poster = Poster::new(Arc::clone(&book), Arc::clone(&hub), Arc::clone(&rejections));
        let status = Arc::new(Status::new("memory", Vec::new()));
        status.replay_finished(Position::START);
        let identity = Identity { key: KEY, epoch: None };
        let (commands, _) = mpsc::channel(1);
        let reader = Reader::new(book, hub, status, rejections, identity, commands);
        let access = AccessSettings {
            tokens: None,
            tls: None,
            cors_origins: Vec::new(),
            rate_limit: None,
            limits: Limits {
                connections_max: 10,
                send_timeout: KEEP_ALIVE,
                request_timeout: KEEP_ALIVE,
            },
        };
        let api = Arc::new(Api::new(&table::ALL, reader, None, &access, KEEP_ALIVE));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Self { api, poster, runtime }
    }

    fn post(&self, entries: Vec<Entry>) {
        let last = self.api.reader.now().position();
        let entries: Vec<_> = (1..).map(|ahead| last.plus(ahead)).zip(entries).collect();
        self.poster.post(&entries);
    }

    fn connect(
        &self,
        watched: &Watched,
        filter: Filter,
        id: Option<&str>,
    ) -> Result<LiveStream, LiveError> {
        let subscribed = subscribe(&self.api, watched.clone(), filter, id);
        self.runtime.block_on(subscribed)
    }

    /// All that the stream has to say at present.
    fn read(&self, stream: &mut LiveStream) -> Vec<Event> {
        let _entered = self.runtime.enter();
        let mut text = Vec::new();
        let mut idle = 0;
        while idle < 2 {
            match Pin::new(&mut *stream).poll_frame(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Some(Ok(frame))) => text.extend(frame.into_data().unwrap()),
                // A turn may end early, with the stream waking itself.
                Poll::Pending => idle += 1,
                Poll::Ready(other) => panic!("the stream ended: {other:?}"),
            }
        }
        events(std::str::from_utf8(&text).unwrap())
    }
}

fn scored(name: &str, number: u64, value: f64) -> Entry {
    Entry::Scored {
        student: student(name),
        exam: exam(number),
        score: score(value),
        received: Timestamp::default(),
    }
}

fn erased(name: &str) -> Entry {
    Entry::Erased { student: KEY.pseudonym(&student(name)), suppress: false }
}

/// An event as a client gets it.
#[derive(Clone, Debug, PartialEq)]
struct Event {
    name: String,
    id: Option<String>,
    content: Value,
}

fn events(text: &str) -> Vec<Event> {
    let field = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim_start_matches(": ").to_owned())
    };
    assert!(text.is_empty() || text.ends_with("\n\n"), "{text}");
    text.split_terminator("\n\n")
        .map(|block| Event {
            name: field(block, "event").unwrap_or_default(),
            id: field(block, "id"),
            content: field(block, "data").map_or(Value::Null, |text| text.parse().unwrap()),
        })
        // A comment may come at any time.
        .filter(|event| !event.name.is_empty() || event.id.is_some())
        .collect()
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).filter(|name| !name.is_empty()).collect()
}

fn reset(events: &[Event]) -> Option<&str> {
    let reset = events.iter().find(|event| event.name == "reset")?;
    reset.content["reason"].as_str()
}

#[test]
fn a_stream_starts_with_a_snapshot_and_goes_on_with_each_change() {
    let desk = Desk::new(100);
    desk.post(vec![scored("foo", 3, 0.5), scored("bar", 3, 1.0)]);
    let watched = Watched::Exam(exam(3));
    let mut stream = desk.connect(&watched, Filter::default(), None).unwrap();
    let opening = desk.read(&mut stream);
    assert_eq!(names(&opening), ["snapshot"]);
    assert_eq!(opening[0].id.as_deref(), Some("2"));
    let expected = serde_json::json!({"exam": 3, "averageScore": 0.75, "resultCount": 2});
    assert_eq!(opening[0].content, expected);
    desk.post(vec![scored("foo", 4, 0.1), scored("foo", 3, 1.0), scored("foo", 3, 1.0)]);
    let changes = desk.read(&mut stream);
    assert_eq!(names(&changes), ["result"]);
    assert_eq!(changes[0].id.as_deref(), Some("4"));
    let expected = serde_json::json!({
        "result": {"exam": 3, "studentId": "foo", "score": 1.0, "attempts": 2,
            "receivedAt": "1970-01-01T00:00:00.000Z"},
        "averageScore": 1.0, "resultCount": 2});
    assert_eq!(changes[0].content, expected);
}

#[test]
fn what_was_missed_is_told_once_and_as_it_stands() {
    let desk = Desk::new(100);
    desk.post(vec![scored("foo", 3, 0.5), scored("foo", 3, 0.6), scored("foo", 4, 0.7)]);
    let told = |watched: Watched, id: &str| -> Vec<(String, Option<String>)> {
        let mut stream = desk.connect(&watched, Filter::default(), Some(id)).unwrap();
        let events = desk.read(&mut stream).into_iter();
        let events = events.filter(|event| !event.name.is_empty());
        events.map(|event| (event.name, event.id)).collect()
    };
    let of = |name: &str, id: &str| (name.to_owned(), Some(id.to_owned()));
    assert_eq!(told(Watched::Results, "0"), [of("result", "2"), of("result", "3")]);
    assert_eq!(told(Watched::Results, "2"), [of("result", "3")]);
    assert_eq!(told(Watched::Results, "3"), []);
    assert_eq!(told(Watched::Exam(exam(3)), "1"), [of("result", "2")]);
    assert_eq!(told(Watched::Student(student("foo")), "1"), [of("result", "2"), of("result", "3")]);
    assert_eq!(told(Watched::Students, "1"), [of("upsert", "3")]);
    assert_eq!(told(Watched::Exams, "1"), [of("upsert", "2"), of("upsert", "3")]);
}

#[test]
fn what_cannot_be_told_is_a_reset() {
    let desk = Desk::new(100);
    desk.post(vec![scored("foo", 3, 0.5), scored("bar", 3, 0.6), erased("bar")]);
    let cases = [
        ("2", Some("student-erased")),
        ("3", None),
        ("4", Some("ahead-of-journal")),
        ("x", Some("unknown-id")),
        ("00000001-3", Some("unknown-id")),
    ];
    for (id, reason) in cases {
        let mut stream = desk.connect(&Watched::Results, Filter::default(), Some(id)).unwrap();
        let events = desk.read(&mut stream);
        assert_eq!(reset(&events), reason, "{id}");
        let then = if reason.is_some() { vec!["reset", "snapshot"] } else { vec![] };
        assert_eq!(names(&events), then, "{id}");
    }
    let many = MISSED_ENTRIES_MAX;
    desk.post((0..many).map(|number| scored("foo", 4, (number % 2) as f64)).collect());
    for (id, reason) in [("3", None), ("2", Some("student-erased"))] {
        let mut stream = desk.connect(&Watched::Results, Filter::default(), Some(id)).unwrap();
        assert_eq!(reset(&desk.read(&mut stream)), reason, "{id}");
    }
    desk.post(vec![scored("foo", 4, 0.5)]);
    let mut stream = desk.connect(&Watched::Results, Filter::default(), Some("3")).unwrap();
    assert_eq!(reset(&desk.read(&mut stream)), Some("too-long-ago"));
    let quiet = Watched::Exam(exam(3));
    let mut stream = desk.connect(&quiet, Filter::default(), Some("3")).unwrap();
    assert_eq!(reset(&desk.read(&mut stream)), None, "nothing has happened to exam 3 since");
}

#[test]
fn an_erasure_is_told_to_everybody_whom_it_concerns() {
    let desk = Desk::new(100);
    desk.post(vec![scored("foo", 3, 0.5), scored("bar", 3, 0.6), scored("bar", 4, 0.6)]);
    let watched = [
        (Watched::Student(student("bar")), vec!["erased"]),
        (Watched::Student(student("foo")), vec![]),
        (Watched::Exam(exam(3)), vec!["erased"]),
        (Watched::Results, vec!["erased"]),
        (Watched::Students, vec!["erased", "removed"]),
        (Watched::Exams, vec!["upsert", "removed"]),
    ];
    let mut streams: Vec<_> = watched
        .iter()
        .map(|(watched, _)| desk.connect(watched, Filter::default(), None).unwrap())
        .collect();
    streams.iter_mut().for_each(|stream| drop(desk.read(stream)));
    desk.post(vec![erased("bar")]);
    for ((watched, expected), stream) in watched.iter().zip(&mut streams) {
        let events = desk.read(stream);
        assert_eq!(names(&events), *expected, "{watched:?}");
        if let Some((last, others)) = events.split_last() {
            assert_eq!(last.id.as_deref(), Some("4"));
            assert!(others.iter().all(|event| event.id.is_none()));
        }
    }
    assert_eq!(
        desk.connect(&watched[0].0, Filter::default(), None).unwrap_err(),
        LiveError::NotFound(watched[0].0.clone())
    );
}

#[test]
fn a_stream_that_is_quiet_says_so_and_where_the_journal_is() {
    let desk = Desk::new(100);
    desk.post(vec![scored("foo", 3, 0.5)]);
    let watched = Watched::Exam(exam(3));
    let mut stream = desk.connect(&watched, Filter::default(), None).unwrap();
    let mut next = || {
        let frame = http_body_util::BodyExt::frame(&mut stream);
        desk.runtime.block_on(frame).unwrap().unwrap().into_data().unwrap()
    };
    assert!(next().starts_with(b"retry: 3000\n\nevent: snapshot\nid: 1\n"));
    desk.post(vec![scored("foo", 4, 0.5)]);
    assert_eq!(next(), "id: 2\n\n: keep-alive\n\n");
    assert_eq!(next(), ": keep-alive\n\n");
}

/// What happens to a client and to the book.
#[derive(Clone, Debug)]
enum Act {
    Post(Vec<(u8, u8, u8)>),
    Erase(u8),
    Read,
    Reconnect,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let entries = prop::collection::vec((0u8..4, 0u8..4, 0u8..3), 1..12);
    let act = prop_oneof![
        6 => entries.prop_map(Act::Post),
        1 => (0u8..4).prop_map(Act::Erase),
        4 => Just(Act::Read),
        2 => Just(Act::Reconnect),
    ];
    prop::collection::vec(act, 1..40)
}

/// A client that keeps a copy of what it watches, as a good client does.
struct Client<'a> {
    desk: &'a Desk,
    watched: Watched,
    filter: Filter,
    stream: LiveStream,
    last_id: Option<String>,
    copy: BTreeMap<String, Value>,
}

impl<'a> Client<'a> {
    fn connect(desk: &'a Desk, watched: Watched, filter: Filter) -> Self {
        let stream = desk.connect(&watched, filter.clone(), None).unwrap();
        let copy = list(desk, &watched, &filter);
        Self { desk, watched, filter, stream, last_id: None, copy }
    }

    fn reconnect(&mut self) {
        self.stream =
            self.desk.connect(&self.watched, self.filter.clone(), self.last_id.as_deref()).unwrap();
        if self.last_id.is_none() {
            self.copy = list(self.desk, &self.watched, &self.filter);
        }
    }

    fn read(&mut self) -> Result<(), TestCaseError> {
        for Event { name, id, content } in self.desk.read(&mut self.stream) {
            let key = key(&content);
            match name.as_str() {
                "reset" => {
                    self.copy = list(self.desk, &self.watched, &self.filter);
                    self.last_id = None;
                }
                "result" | "upsert" => {
                    let before = self.last_id.as_ref().map(|id| id.parse::<u64>().unwrap());
                    let now = id.as_ref().map(|id| id.parse::<u64>().unwrap());
                    prop_assert!(now.is_none() || before < now, "{before:?} {now:?}");
                    self.copy.insert(key, item(&content));
                }
                "removed" => drop(self.copy.remove(&key)),
                "erased" => {
                    let student = content["studentId"].as_str().unwrap();
                    self.copy.retain(|key, _| !key.ends_with(&format!("/{student}")));
                }
                _ => {}
            }
            self.last_id = id.or(self.last_id.take());
        }
        Ok(())
    }
}

/// What makes an item itself: `3/foo` for a result, `/foo` for a student, `3/` for an exam.
fn key(content: &Value) -> String {
    let content = content.get("result").unwrap_or(content);
    let exam = content.get("exam").map(Value::to_string).unwrap_or_default();
    format!("{exam}/{}", content["studentId"].as_str().unwrap_or_default())
}

fn item(content: &Value) -> Value {
    let content = content.get("result").unwrap_or(content);
    match content.get("score") {
        Some(score) => score.clone(),
        None => content["averageScore"].clone(),
    }
}

/// What a client reads that asks for the list.
fn list(desk: &Desk, watched: &Watched, filter: &Filter) -> BTreeMap<String, Value> {
    let book = desk.api.reader.now();
    let wants = |student: &StudentId| match watched {
        Watched::Student(watched) => student == watched,
        _ => true,
    };
    let has = |exam: ExamNumber| !matches!(watched, Watched::Exam(watched) if exam != *watched);
    match watched {
        Watched::Students => book
            .students(&ListQuery::all(1_000))
            .items
            .into_iter()
            .filter(|item| filter.student(&item.student, Some(&book)))
            .map(|item| (format!("/{}", item.student), item.aggregate.average.into()))
            .collect(),
        Watched::Exams => book
            .exams(&ListQuery::all(1_000))
            .items
            .into_iter()
            .filter(|item| filter.exam(item.exam, Some(&book)))
            .map(|item| (format!("{}/", item.exam), item.aggregate.average.into()))
            .collect(),
        _ => book
            .results(&ResultQuery::all(1_000))
            .items
            .into_iter()
            .filter(|item| wants(&item.student) && has(item.exam) && filter.result(item))
            .map(|item| (format!("{}/{}", item.exam, item.student), item.score.get().into()))
            .collect(),
    }
}

fn filters() -> [Filter; 4] {
    let of = |exams: &[u64], students: &[&str]| {
        let exams = exams.iter().map(|&number| exam(number)).collect();
        let students = students.iter().map(|name| student(name)).collect();
        Filter { exams, students, ..Filter::default() }
    };
    [Filter::default(), of(&[1], &[]), of(&[], &["s1", "s2"]), of(&[0, 2], &["s0", "s2"])]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is posted and erased, however late the client reads, however often it connects
    /// again, and even when the hub keeps next to nothing.
    #[test]
    fn a_copy_kept_by_a_client_is_what_the_book_says(
        acts in acts(),
        queued_max in prop_oneof![Just(1usize), Just(5), Just(1_000)],
        view in 0usize..5,
        filter in 0usize..4,
    ) {
        let desk = Desk::new(queued_max);
        desk.post(vec![scored("s0", 0, 0.5)]);
        let all = [
            Watched::Student(student("s0")),
            Watched::Exam(exam(0)),
            Watched::Students,
            Watched::Exams,
            Watched::Results,
        ];
        let watched = all[view].clone();
        let mut client = Client::connect(&desk, watched, filters()[filter].clone());
        let name = |number: u8| format!("s{number}");
        for act in acts {
            match act {
                Act::Post(entries) => desk.post(
                    entries
                        .into_iter()
                        .map(|(student, number, value)| {
                            scored(&name(student), number.into(), f64::from(value) / 2.0)
                        })
                        .collect(),
                ),
                Act::Erase(student) => {
                    // What is watched is kept in the book: an entity without results is not found.
                    desk.post(vec![erased(&name(student)), scored("s0", 0, 0.25)]);
                }
                Act::Read => client.read()?,
                Act::Reconnect => client.reconnect(),
            }
        }
        client.read()?;
        prop_assert_eq!(&client.copy, &list(&desk, &client.watched, &client.filter));
    }
}
