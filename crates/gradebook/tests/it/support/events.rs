//! A client of event streams that keeps everything it is told.

use std::collections::VecDeque;

use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

use super::{PATIENCE, Service};

/// An open event stream.
pub struct EventStream {
    response: Response,
    unread: Vec<u8>,
    events: VecDeque<Event>,
    /// The last id that came, as a client resumes from.
    pub last_id: Option<String>,
}

/// One block of a stream: an event, a comment, or an id on its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Empty when there is none.
    pub name: String,
    pub id: Option<String>,
    pub data: Value,
    pub comment: Option<String>,
    pub retry: Option<String>,
}

impl EventStream {
    /// Opens `path`; it must be answered with a stream.
    pub async fn open(service: &Service, path: &str, last_event_id: Option<&str>) -> Self {
        let mut request =
            service.client().get(service.url(path)).header("accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}: {:?}", response.text().await);
        Self::of(response)
    }

    /// Reads a response.
    pub fn of(response: Response) -> Self {
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, unread: Vec::new(), events: VecDeque::new(), last_id: None }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    /// The next block, whatever it is; `None` when the stream has ended as HTTP wants it.
    pub async fn next_block(&mut self) -> Option<Event> {
        while self.events.is_empty() {
            let chunk = timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("nothing came").expect("the stream broke off")?;
            self.unread.extend_from_slice(&chunk);
            let end = self.unread.windows(2).rposition(|window| window == b"\n\n");
            let Some(end) = end else { continue };
            let blocks: Vec<u8> = self.unread.drain(..end + 2).collect();
            let blocks = std::str::from_utf8(&blocks).unwrap();
            self.events.extend(blocks.split_terminator("\n\n").map(parse));
        }
        let event = self.events.pop_front()?;
        if event.id.is_some() {
            self.last_id.clone_from(&event.id);
        }
        Some(event)
    }

    /// The next event; passes over comments and ids on their own.
    pub async fn next(&mut self) -> Event {
        loop {
            let event = self.next_block().await.expect("the stream ended");
            if !event.name.is_empty() {
                return event;
            }
        }
    }

    /// The next event, which must have this name.
    pub async fn expect(&mut self, name: &str) -> Event {
        let event = self.next().await;
        assert_eq!(event.name, name, "{event:?}");
        event
    }
}

fn parse(block: &str) -> Event {
    let mut event = Event::default();
    for line in block.lines().filter(|line| !line.is_empty()) {
        let (field, value) = line.split_once(": ").unwrap();
        match field {
            "event" => event.name = value.to_owned(),
            "id" => event.id = Some(value.to_owned()),
            "data" => event.data = serde_json::from_str(value).unwrap(),
            "retry" => event.retry = Some(value.to_owned()),
            "" => event.comment = Some(value.to_owned()),
            other => panic!("a field that means nothing: {other}"),
        }
    }
    event
}
