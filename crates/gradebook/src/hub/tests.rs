use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll, Wake, Waker};

use gradebook_core::gradebook::{Change, Posted};
use gradebook_core::{Entry, Gradebook, PseudonymKey, Score, ScoringPolicy, Timestamp};

use super::*;

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Woken {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn student(name: &str) -> StudentId {
    StudentId::parse(name).unwrap()
}

fn exam(number: u64) -> ExamNumber {
    ExamNumber::new(number).unwrap()
}

/// A change at each of the positions, of one student in one exam.
fn changes(positions: impl IntoIterator<Item = u64>) -> Vec<Notice> {
    let mut book = Gradebook::new(ScoringPolicy::KeepLatest, PseudonymKey([7; 16]));
    let mut change = |position| -> Change {
        let score = Score::new(1.0 / position as f64).unwrap();
        let (student, exam, received) = (student("foo"), exam(3), Timestamp::default());
        let entry = Entry::Scored { student: student.clone(), exam, score, received };
        assert_eq!(book.post(Position::new(position), &entry), Posted::Changed);
        book.change(&student, exam).unwrap()
    };
    positions.into_iter().map(|position| Notice::Changed(change(position))).collect()
}

fn publish(hub: &Hub, positions: std::ops::RangeInclusive<u64>) {
    hub.publish(changes(positions.clone()), Position::new(*positions.end()));
}

/// Takes everything, until there is nothing or something else than notices.
fn take_all(subscription: &mut Subscription, waker: &Waker) -> (Vec<u64>, Poll<News>) {
    let mut taken = Vec::new();
    loop {
        match subscription.poll_news(&Context::from_waker(waker), &mut taken) {
            Poll::Ready(News::Notices) => {}
            other => {
                let positions = taken.iter().map(|one| one.notice().position().get()).collect();
                return (positions, other);
            }
        }
    }
}

#[test]
fn nobody_is_watched_for_until_somebody_subscribes_and_not_any_more_when_they_leave() {
    let hub = Arc::new(Hub::new(100));
    assert!(!hub.watches(&student("foo"), exam(3)));
    let cases = [
        (Watched::Student(student("foo")), true, true, false),
        (Watched::Exam(exam(3)), true, false, true),
        (Watched::Results, true, true, true),
        (Watched::Students, true, true, true),
        (Watched::Exams, true, true, true),
    ];
    for (watched, both, same_student, same_exam) in cases {
        let subscription = hub.subscribe(watched).unwrap();
        let again = hub.subscribe(subscription.watched().clone()).unwrap();
        drop(again);
        assert_eq!(hub.watches(&student("foo"), exam(3)), both);
        assert_eq!(hub.watches(&student("foo"), exam(4)), same_student);
        assert_eq!(hub.watches(&student("bar"), exam(3)), same_exam);
        drop(subscription);
        assert!(!hub.watches(&student("foo"), exam(3)));
    }
    assert_eq!(hub.subscribers(), 0);
}

#[test]
fn every_subscriber_of_a_topic_takes_every_notice_once_and_is_woken_once_a_batch() {
    let hub = Arc::new(Hub::new(100));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let watched = [
        Watched::Student(student("foo")),
        Watched::Exam(exam(3)),
        Watched::Results,
        Watched::Exams,
    ];
    let mut subscriptions: Vec<_> =
        watched.iter().map(|watched| hub.subscribe(watched.clone()).unwrap()).collect();
    let mut elsewhere = hub.subscribe(Watched::Exam(exam(4))).unwrap();
    for subscription in subscriptions.iter_mut().chain([&mut elsewhere]) {
        assert_eq!(take_all(subscription, &waker), (vec![], Poll::Pending));
    }
    publish(&hub, 1..=600);
    publish(&hub, 601..=700);
    assert_eq!(woken.count(), 4);
    for subscription in &mut subscriptions {
        assert_eq!(take_all(subscription, &waker), ((1..=700).collect(), Poll::Pending));
        assert_eq!(take_all(subscription, &waker), (vec![], Poll::Pending));
    }
    assert_eq!(take_all(&mut elsewhere, &waker), (vec![], Poll::Pending));
    assert_eq!(hub.held.load(Ordering::Relaxed), 0, "taken by all, so kept for nobody");
    assert_eq!(elsewhere.published(), Position::new(700));
}

#[test]
fn a_subscriber_that_falls_behind_the_bound_is_told_so_and_then_goes_on() {
    let hub = Arc::new(Hub::new(100));
    let mut slow = hub.subscribe(Watched::Results).unwrap();
    let mut quick = hub.subscribe(Watched::Results).unwrap();
    let most = QUEUED_NOTICES_MAX as u64;
    publish(&hub, 1..=most);
    assert_eq!(take_all(&mut quick, Waker::noop()).0.len(), QUEUED_NOTICES_MAX);
    publish(&hub, most + 1..=most + 1);
    assert_eq!(take_all(&mut quick, Waker::noop()), (vec![most + 1], Poll::Pending));
    assert_eq!(take_all(&mut slow, Waker::noop()), (vec![], Poll::Ready(News::Missed)));
    assert_eq!(take_all(&mut slow, Waker::noop()), (vec![], Poll::Pending));
    publish(&hub, most + 2..=most + 2);
    assert_eq!(take_all(&mut slow, Waker::noop()), (vec![most + 2], Poll::Pending));
    assert_eq!(hub.held.load(Ordering::Relaxed), 1, "for the quick one");
    drop(quick);
    assert_eq!(hub.held.load(Ordering::Relaxed), 0);
}

#[test]
fn all_topics_together_keep_no_more_than_their_bound() {
    let hub = Arc::new(Hub::new(100));
    let watched = [
        Watched::Results,
        Watched::Exams,
        Watched::Students,
        Watched::Exam(exam(3)),
        Watched::Student(student("foo")),
    ];
    let mut stuck: Vec<_> =
        watched.into_iter().map(|watched| hub.subscribe(watched).unwrap()).collect();
    let most = QUEUED_NOTICES_MAX as u64;
    for _ in 0..3 {
        publish(&hub, 1..=most);
        assert!(hub.held.load(Ordering::Relaxed) <= HELD_NOTICES_MAX);
    }
    hub.held.store(HELD_NOTICES_MAX, Ordering::Relaxed);
    publish(&hub, most + 1..=most + 1);
    assert!(hub.held.load(Ordering::Relaxed) <= HELD_NOTICES_MAX);
    for subscription in &mut stuck {
        assert_eq!(take_all(subscription, Waker::noop()), (vec![], Poll::Ready(News::Missed)));
    }
}

#[test]
fn there_is_room_for_so_many_and_no_more() {
    let hub = Arc::new(Hub::new(2));
    let first = hub.subscribe(Watched::Results).unwrap();
    let _second = hub.subscribe(Watched::Exams).unwrap();
    let full = HubFull { subscribers_max: 2 };
    assert_eq!(hub.subscribe(Watched::Results).unwrap_err(), full);
    drop(first);
    assert!(hub.subscribe(Watched::Results).is_ok());
}

#[test]
fn feeds_and_the_end_are_told_to_everybody() {
    let hub = Arc::new(Hub::new(100));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let feed: Arc<str> = Arc::from("http://feed/");
    let told = |state| vec![FeedNotice { feed: Arc::clone(&feed), state }];
    let mut subscription = hub.subscribe(Watched::Exam(exam(3))).unwrap();
    assert_eq!(take_all(&mut subscription, &waker).1, Poll::Pending);
    hub.feed_changed(&feed, FeedState::Live);
    hub.feed_changed(&feed, FeedState::Live);
    assert_eq!(woken.count(), 1);
    hub.feed_changed(&feed, FeedState::Reconnecting);
    assert_eq!(take_all(&mut subscription, &waker).1, Poll::Ready(News::Feeds));
    assert_eq!(subscription.feeds_changed(), told(FeedState::Reconnecting));
    assert_eq!(take_all(&mut subscription, &waker).1, Poll::Pending);
    let mut late = hub.subscribe(Watched::Results).unwrap();
    assert_eq!(take_all(&mut late, &waker).1, Poll::Ready(News::Feeds));
    assert_eq!(late.feeds_changed(), told(FeedState::Reconnecting));
    hub.close();
    assert_eq!(woken.count(), 3);
    assert_eq!(take_all(&mut subscription, &waker).1, Poll::Ready(News::End));
    let mut later = hub.subscribe(Watched::Results).unwrap();
    assert_eq!(take_all(&mut later, &waker).1, Poll::Ready(News::End));
}

#[test]
fn a_text_is_made_once_for_each_view() {
    let published = Published::new(changes([1]).remove(0));
    assert_eq!(published.text(View::Exam, || "one".into()), "one");
    assert_eq!(published.text(View::Exam, || unreachable!()), "one");
    assert_eq!(published.text(View::Student, || "two".into()), "two");
}

#[test]
fn whoever_waits_for_a_position_is_told_when_it_is_published_and_not_before() {
    let hub = Hub::new(1);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut waiting = std::pin::pin!(hub.published_up_to(Position::new(7)));
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    hub.publish(Vec::new(), Position::new(6));
    assert_eq!(woken.count(), 1);
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    hub.publish(Vec::new(), Position::new(9));
    assert_eq!(woken.count(), 2);
    assert_eq!(waiting.as_mut().poll(&mut context), Poll::Ready(()));
    let there = std::pin::pin!(hub.published_up_to(Position::new(9)));
    assert_eq!(there.poll(&mut context), Poll::Ready(()));
    let mut elsewhere = std::pin::pin!(hub.published_up_to(Position::new(20)));
    assert!(elsewhere.as_mut().poll(&mut context).is_pending());
    hub.rebuilt(Position::new(20));
    assert_eq!(elsewhere.poll(&mut context), Poll::Ready(()));
}
