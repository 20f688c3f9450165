//! The rules of the house that the compiler does not know: sizes, arrows, and what must not appear.

use std::fs;
use std::path::{Path, PathBuf};

/// Longest file, in lines. What does not fit is more than one thing.
const FILE_LINES_MAX: usize = 600;

/// Longest line, in characters; rustfmt leaves comments and strings alone.
const LINE_CHARACTERS_MAX: usize = 100;

/// Which modules of the service a module must not name: scores move feed → journal → gradebook →
/// http, and nothing calls back up.
const ARROWS: &[(&str, &[&str])] = &[
    ("http", &["journal", "feed", "writer", "follower", "poster", "app", "simulate", "cli"]),
    ("journal", &["http", "feed", "hub", "book", "poster", "writer", "follower", "reader", "app"]),
    ("feed", &["http", "journal", "hub", "book", "poster", "follower", "reader", "app"]),
    ("hub", &["http", "journal", "feed", "book", "poster", "writer", "follower", "status", "app"]),
    ("feed_state", &["http", "journal", "feed", "hub", "status", "follower", "reader", "app"]),
    ("book", &["http", "journal", "feed", "hub", "poster", "writer", "follower", "app"]),
    ("poster", &["http", "journal", "feed", "writer", "follower", "reader", "app"]),
    ("writer", &["http", "feed", "hub", "book", "follower", "reader", "app"]),
    ("follower", &["http", "feed", "reader", "app"]),
    ("simulate", &["http", "journal", "feed", "hub", "book", "poster", "writer", "reader", "app"]),
];

struct Source {
    path: PathBuf,
    text: String,
}

fn sources(under: &str, endings: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(under);
    let mut folders = vec![root.canonicalize().unwrap()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| path.extension().is_some_and(|e| e == *ending)) {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path, text });
            }
        }
    }
    assert!(!found.is_empty(), "nothing under {under}");
    found
}

/// Every line that `wrong` objects to, as `file:line: text`.
fn lines(sources: &[Source], wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let numbered = sources.iter().flat_map(|source| {
        source.text.lines().enumerate().map(move |(index, line)| (source, index + 1, line))
    });
    numbered
        .filter(|(_, _, line)| wrong(line))
        .map(|(source, number, line)| format!("{}:{number}: {line}", source.path.display()))
        .collect()
}

fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

#[test]
fn files_are_short() {
    let long: Vec<String> = sources("crates", &["rs", "js", "css", "html"])
        .iter()
        .map(|source| (source.path.display(), source.text.lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert_none(&long, "a file has at most 600 lines");
}

#[test]
fn lines_are_short() {
    let long = lines(&sources("crates", &["rs"]), |line| {
        line.chars().count() > LINE_CHARACTERS_MAX && !line.contains('"')
    });
    assert_none(&long, "a line has at most 100 characters");
}

#[test]
fn nothing_calls_back_up() {
    for (module, forbidden) in ARROWS {
        let own = format!("crates/gradebook/src/{module}");
        let own: Vec<Source> = sources("crates/gradebook/src", &["rs"])
            .into_iter()
            .filter(|source| {
                // A part's own tests may put it together with the parts around it.
                let path = source.path.with_extension("");
                !path.ends_with("tests")
                    && path.ancestors().any(|ancestor| ancestor.ends_with(&own))
            })
            .collect();
        assert!(!own.is_empty(), "there is no module {module} any more: mend the table");
        for name in *forbidden {
            let used = lines(&own, |line| {
                if line.trim_start().starts_with("//") {
                    return false;
                }
                line.contains(&format!("crate::{name}::"))
                    || line.contains(&format!("crate::{name};"))
                    || line.contains(&format!("crate::{name},"))
            });
            assert_none(&used, &format!("`{module}` must not know of `{name}`"));
        }
    }
}

#[test]
fn no_test_is_switched_off_and_nothing_is_left_to_do() {
    let banned = ["#[ignore", "FIXME", "XXX", "todo!(", "unimplemented!("].map(str::to_owned);
    let found = lines(&sources("crates", &["rs", "js", "css"]), |line| {
        let quoted = line.contains('"');
        !quoted && banned.iter().any(|word| line.contains(word.as_str()))
    });
    assert_none(&found, "tests run, and work left to do is an issue");
}

#[test]
fn sleeping_is_no_synchronisation() {
    let found = lines(&sources("crates/gradebook/tests", &["rs"]), |line| {
        line.contains("sleep(") && !line.contains('"') && !line.contains("from_millis(5)")
    });
    assert_none(&found, "tests wait for an event or ask with `eventually`");
}
