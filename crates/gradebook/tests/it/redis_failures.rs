//! Failures of Redis and of the network around it: what was kept stays kept, once and in order.

use gradebook::journal::redis::{Followed, Packing, RedisJournal, Tail, compact};
use gradebook::journal::{Journal as _, JournalError};
use gradebook_core::{Entry, ExamNumber, Position, Score, StudentId, Timestamp};

use crate::redis_roles::{STUDENTS, api, at, book_position, feed, ingest, kept, leads, said};
use crate::support::{Proxy, RedisCluster, RedisServer, Sentinels, Service, eventually, wait_for};

const EXAMS: u64 = 100;

/// Waits until `replica` serves at least so many entries.
async fn serves(replica: &Service, least: u64) {
    eventually(&format!("{least} entries are served"), async || {
        (book_position(replica).await >= least).then_some(())
    })
    .await;
}

async fn logs(service: &Service, words: &str) {
    eventually(&format!("the log says `{words}`"), || {
        let found = service.log().contains(words).then_some(());
        async move { found }
    })
    .await;
}

fn follow(replica: &RedisServer, primary: &RedisServer) {
    replica.cli(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    wait_for("the replica is linked", || {
        replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
    });
}

/// Kills the primary under load, and brings it back once a replica has been promoted: it comes back
/// as a replica, empty, and is filled again.
async fn cluster_loses_its_primary(options: &str) {
    let mut cluster = RedisCluster::start();
    let journal = format!("{}?timeout_ms=1000&{options}", cluster.url());
    let (source, url) = feed(EXAMS, 1_000).await;
    let _worker = ingest(&url, &journal).await;
    let replica = api(&journal).await;
    serves(&replica, 500).await;
    let killed = cluster.kill_primary();
    wait_for("a replica is promoted", || cluster.primary().is_some());
    cluster.restart(killed);
    at(&replica, EXAMS * STUDENTS).await;
    let primary = cluster.primary().expect("somebody has the gradebook");
    assert_eq!(kept(primary), said(&source, EXAMS * STUDENTS).await);
}

#[tokio::test]
async fn a_cluster_that_loses_its_primary_under_load_loses_no_entry() {
    cluster_loses_its_primary("replicas=1").await;
}

#[tokio::test]
async fn what_a_cluster_had_not_replicated_yet_is_appended_again() {
    cluster_loses_its_primary("replicas=0").await;
}

#[tokio::test]
async fn sentinels_lead_workers_and_replicas_to_the_new_primary() {
    let mut sentinels = Sentinels::start();
    let journal = sentinels.url() + "?timeout_ms=1000";
    let (source, url) = feed(EXAMS, 1_000).await;
    let _worker = ingest(&url, &journal).await;
    let replica = api(&journal).await;
    serves(&replica, 500).await;
    sentinels.primary.kill();
    at(&replica, EXAMS * STUDENTS).await;
    assert_eq!(kept(&sentinels.replica), said(&source, EXAMS * STUDENTS).await);
}

/// The worst that asynchronous replication can do, made certain: the server that is promoted has
/// not seen the last entries, which were acknowledged, and which a replica of ours serves.
// The proxy must go on while the test waits for a process to start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_that_a_failover_loses_are_appended_again_and_replicas_rebuild() {
    let (old, new) = (RedisServer::start(&[]), RedisServer::start(&[]));
    follow(&new, &old);
    let proxy = Proxy::start(old.port());
    let journal = format!("redis://127.0.0.1:{}", proxy.port());
    let (source, url) = feed(EXAMS, 1_000).await;
    let worker = ingest(&url, &journal).await;
    let replica = api(&journal).await;
    serves(&replica, 500).await;
    let mut subscriber = replica.client().get(replica.url("/results?format=sse"));
    subscriber = subscriber.header("Accept", "text/event-stream");
    let mut stream = subscriber.send().await.unwrap();
    new.cli(&["REPLICAOF", "NO", "ONE"]);
    let cut_at: u64 = new.last_id().split('-').next().unwrap().parse().unwrap();
    serves(&replica, cut_at + 500).await;
    proxy.lead_to(Some(new.port()));
    at(&replica, EXAMS * STUDENTS).await;
    assert_eq!(kept(&new), said(&source, EXAMS * STUDENTS).await);
    logs(&worker, "appended again").await;
    logs(&replica, "the gradebook is rebuilt").await;
    let mut told = String::new();
    while !told.contains("gradebook-rebuilt") {
        let chunk = tokio::time::timeout(crate::support::PATIENCE, stream.chunk()).await;
        told.push_str(std::str::from_utf8(&chunk.unwrap().unwrap().expect("the end")).unwrap());
    }
}

// The proxy must go on while the test waits for a process to start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_network_holds_the_feed_back_and_replicas_serve_what_they_have() {
    let redis = RedisServer::start(&[]);
    let proxy = Proxy::start(redis.port());
    let journal = format!("redis://127.0.0.1:{}", proxy.port());
    // Slowly, because a worker that has nothing to write does not notice.
    let (source, url) = feed(EXAMS, 500).await;
    let worker = ingest(&url, &journal).await;
    let replica = api(&journal).await;
    for least in [200, 400, 600] {
        serves(&replica, least).await;
        proxy.lead_to(None);
        eventually("the worker is not ready", async || {
            (worker.get("/readyz").await.status == 503).then_some(())
        })
        .await;
        assert_eq!(replica.get("/readyz").await.status, 200);
        assert_eq!(replica.get("/exams").await.status, 200);
        proxy.lead_to(Some(redis.port()));
    }
    at(&replica, EXAMS * STUDENTS).await;
    assert_eq!(kept(&redis), said(&source, EXAMS * STUDENTS).await);
    proxy.lead_to(None);
    eventually("a worker that has nothing to write is not ready either", async || {
        let ready = worker.get("/readyz").await;
        (ready.status == 503 && ready.text().contains("the journal is unavailable")).then_some(())
    })
    .await;
    proxy.lead_to(Some(redis.port()));
    eventually("the worker is ready again", async || {
        (worker.get("/readyz").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_is_refused_and_nothing_begins_anew() {
    let mut redis = RedisServer::start(&[]);
    let (_source, url) = feed(EXAMS, 500).await;
    let worker = ingest(&url, &redis.url()).await;
    let replica = api(&redis.url()).await;
    serves(&replica, 200).await;
    redis.kill();
    redis.restart();
    for service in [&worker, &replica] {
        logs(service, "the journal in Redis is gone").await;
    }
    assert_eq!(redis.cli(&["DBSIZE"]), "0");
    assert_eq!(worker.get("/readyz").await.status, 503);
    assert_eq!(replica.get("/exams").await.status, 200, "what was read is served");
}

#[tokio::test]
async fn a_redis_with_a_log_comes_back_with_everything() {
    let mut redis = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let (source, url) = feed(EXAMS, 1_000).await;
    let worker = ingest(&url, &redis.url()).await;
    let replica = api(&redis.url()).await;
    leads(&worker).await;
    serves(&replica, 500).await;
    redis.kill();
    redis.restart();
    at(&replica, EXAMS * STUDENTS).await;
    assert_eq!(kept(&redis), said(&source, EXAMS * STUDENTS).await);
}

/// A Redis that is busy with a script refuses everything. What it says to all of several requests
/// that were sent together must not be taken for answers to what is asked next.
#[test]
fn refusals_of_several_requests_do_not_shift_the_answers() {
    let redis = RedisServer::start(&["--busy-reply-threshold", "10"]);
    let url = redis.journal_url();
    let mut journal = RedisJournal::open(url.clone(), "the writer".to_owned()).unwrap();
    let entry = |exam| Entry::Scored {
        student: StudentId::parse("foo").unwrap(),
        exam: ExamNumber::new(exam).unwrap(),
        score: Score::new(0.5).unwrap(),
        received: Timestamp::default(),
    };
    let last = journal.append(Position::START, &[entry(1)], &[]).unwrap();
    let mut tail = Tail::new(url, journal.identity()).unwrap();
    let mut next = || match tail.go_on() {
        Ok(Followed::Entries(entries)) => Ok(entries),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    assert_eq!(next().unwrap(), [(last, entry(1))]);
    let last = journal.append(last, &[entry(2)], &[]).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| redis.cli(&["EVAL", "while true do end", "0"]));
        wait_for("Redis is busy", || redis.cli(&["PING"]).contains("BUSY"));
        assert!(matches!(next(), Err(JournalError::Unavailable(_))));
        assert_eq!(redis.cli(&["SCRIPT", "KILL"]), "OK");
    });
    assert_eq!(next().unwrap(), [(last, entry(2))]);
}

/// Whoever catches up asks for a range before the one before has come. What is erased, appended by
/// others, lost with a connection or packed meanwhile changes nothing of what it sees.
#[test]
fn reading_ahead_sees_every_entry_once_and_in_order() {
    let redis = RedisServer::start(&[]);
    let url = redis.journal_url();
    let mut first = RedisJournal::open(url.clone(), "the first".to_owned()).unwrap();
    let mut second = RedisJournal::open(url.clone(), "the second".to_owned()).unwrap();
    let erased = StudentId::parse("erased").unwrap();
    let entry = |n: u64| Entry::Scored {
        // The third range of ten thousand is empty after the erasure.
        student: match n {
            20_001..=30_000 => erased.clone(),
            _ => StudentId::parse(&format!("student {n}")).unwrap(),
        },
        exam: ExamNumber::new(n).unwrap(),
        score: Score::new(0.5).unwrap(),
        received: Timestamp::default(),
    };
    let mut last = Position::START;
    for batch in 0..7 {
        let entries: Vec<Entry> =
            (batch * 10_000 + 1..=batch * 10_000 + 10_000).map(entry).collect();
        last = first.append(last, &entries, &[]).unwrap();
    }
    last = first.erase(last, &erased, false).unwrap();
    let erasure = last;
    let mut tail = Tail::new(url.clone(), first.identity()).unwrap();
    let (mut seen, mut steps) = (Vec::new(), 0);
    loop {
        match tail.go_on() {
            Ok(Followed::Entries(entries)) => seen.extend(entries),
            // Whoever follows asks again, also when the connection has broken.
            Ok(Followed::Again) | Err(JournalError::Unavailable(_)) => {}
            Ok(Followed::Nothing) => break,
            other => panic!("{other:?}"),
        }
        steps += 1;
        match steps {
            // Another begins to write, connections break, the beginning is packed.
            2 => last = second.append(last, &[entry(80_000)], &[]).unwrap(),
            4 => drop(redis.cli(&["CLIENT", "KILL", "TYPE", "NORMAL"])),
            6 => drop(compact(url.clone(), Packing { keep: 1, span: 5_000 }, |_, _| ()).unwrap()),
            _ => {}
        }
    }
    let positions: Vec<u64> = seen.iter().map(|(position, _)| position.get()).collect();
    let wanted = (1..=20_000).chain(30_001..=last.get());
    assert!(positions.into_iter().eq(wanted), "{} entries", seen.len());
    let said = |(position, said): &(Position, Entry)| match position.get() {
        n if n == erasure.get() => matches!(said, Entry::Erased { .. }),
        n if n == last.get() => *said == entry(80_000),
        n => *said == entry(n),
    };
    assert!(seen.iter().all(said));
    assert!(steps > 6, "all of it happened while it was read");
}
