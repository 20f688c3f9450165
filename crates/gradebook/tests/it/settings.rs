//! Settings: flags, then the environment, then a file, then defaults; and each kind of mistake.

use std::ffi::OsString;
use std::path::Path;
use std::process::Output;

use clap::CommandFactory;
use gradebook::cli::Cli;
use gradebook::config::{Setting, declared_settings};

use crate::support::{Service, finished};

/// Runs the binary with these arguments and variables in `folder` until it ends by itself.
async fn run(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Service::command();
    command.current_dir(folder).args(args).envs(variables.iter().copied());
    finished(&mut command).await
}

/// What is wrong; the arguments; the variables; the settings file; and the line that says so.
type Mistake<'a> =
    (&'a str, &'a [&'a str], &'a [(&'a str, &'a str)], Option<&'a str>, &'a [&'a str]);

const MISTAKES: &[Mistake<'static>] = &[
    ("unknown flag", &["serve", "--fede", "x"], &[], None, &["--fede", "did you mean `--feed`?"]),
    ("unknown command", &["srve"], &[], None, &["srve", "serve, "]),
    ("stray word", &["simulate", "extra"], &[], None, &["extra is not expected"]),
    ("flag twice", &["simulate", "--ids", "--ids"], &[], None, &["--ids is given twice"]),
    ("no value", &["serve", "--feed"], &[], None, &["--feed: a value is missing", "URL"]),
    ("not a URL", &["serve", "--feed", "nonsense"], &[], None, &["--feed: `nonsense`", "URL"]),
    (
        "scheme, with a password that must not be shown",
        &["serve", "--feed", "ftp://me:hunter2@host/x"],
        &[],
        None,
        &["--feed: `…@host/x`", "ftp is not supported", "http"],
    ),
    (
        "scheme in a variable",
        &["serve"],
        &[("GRADEBOOK_FEED", "ftp://host/x")],
        None,
        &["GRADEBOOK_FEED: `ftp://host/x`", "http"],
    ),
    (
        "address",
        &["serve", "--listen", "5000"],
        &[],
        None,
        &["--listen: `5000`", "ADDRESS:PORT, such as 127.0.0.1:5000"],
    ),
    (
        "word out of a list",
        &["serve", "--scoring-policy", "best"],
        &[],
        None,
        &["--scoring-policy: `best`", "keep_latest, keep_highest or keep_first"],
    ),
    ("negative", &["simulate", "--rate", "-3"], &[], None, &["--rate: `-3`", "such as 20"]),
    (
        "duration",
        &["serve", "--shutdown-timeout", "10"],
        &[],
        None,
        &["--shutdown-timeout: `10`", "from 100ms to 1h", "such as 250ms"],
    ),
    (
        "header, which may be secret",
        &["serve", "--feed-header", "X-Api-Key hunter2"],
        &[],
        None,
        &["--feed-header: the value (not shown)", "X-Api-Key"],
    ),
    ("range", &["simulate", "--students", "0"], &[], None, &["--students: `0`", "1..="]),
    ("fault", &["simulate", "--faults", "drop"], &[], None, &["--faults: `drop`", "drops"]),
    (
        "switch in a variable",
        &["simulate"],
        &[("GRADEBOOK_SIMULATE_IDS", "perhaps")],
        None,
        &["GRADEBOOK_SIMULATE_IDS: `perhaps`", "true, false"],
    ),
    (
        "log level",
        &["serve"],
        &[("GRADEBOOK_LOG", "inof")],
        None,
        &["GRADEBOOK_LOG: `inof`", "info, debug"],
    ),
    (
        "log format",
        &["serve", "--log-format", "xml"],
        &[],
        None,
        &["--log-format: `xml`", "text and json"],
    ),
    (
        "no such file",
        &["serve", "--config", "none.toml"],
        &[],
        None,
        &["--config: none.toml cannot be read"],
    ),
    (
        "not TOML",
        &["serve", "--config", "gradebook.toml"],
        &[],
        Some("\nlisten = "),
        &["--config: gradebook.toml", "line 2 is not TOML"],
    ),
    (
        "unknown key",
        &["serve", "--config", "gradebook.toml"],
        &[],
        Some("listne = 'x'"),
        &["gradebook.toml: `listne` is no setting; did you mean `listen`?"],
    ),
    (
        "value in the file, even when a flag wins over it",
        &["serve", "--listen", "127.0.0.1:0"],
        &[("GRADEBOOK_CONFIG", "gradebook.toml")],
        Some("listen = 'x'"),
        &["listen in gradebook.toml: `x`", "such as 127.0.0.1:5000"],
    ),
    (
        "value in the file of a setting that another command has",
        &["serve", "--config=gradebook.toml"],
        &[],
        Some("simulate_ids = 'x'"),
        &["simulate_ids in gradebook.toml: `x`", "true, false"],
    ),
    (
        "list",
        &["serve", "--config=gradebook.toml"],
        &[],
        Some("listen = ['a', 'b']"),
        &["listen in gradebook.toml: a list is not accepted"],
    ),
    (
        "table",
        &["serve", "--config=gradebook.toml"],
        &[],
        Some("[listen]"),
        &["listen in gradebook.toml: a table is not accepted"],
    ),
];

#[tokio::test]
async fn every_mistake_is_one_line_and_exit_code_2() {
    for (what, args, variables, file, fragments) in MISTAKES {
        let folder = tempfile::tempdir().unwrap();
        if let Some(text) = file {
            std::fs::write(folder.path().join("gradebook.toml"), text).unwrap();
        }
        let output = run(folder.path(), args, variables).await;
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{what}: {line}");
        assert_eq!(line.lines().count(), 1, "{what}: {line}");
        assert!(line.starts_with("gradebook: ") && !line.contains("hunter2"), "{what}: {line}");
        for fragment in *fragments {
            assert!(line.contains(fragment), "{what}: no {fragment:?} in {line}");
        }
        assert!(output.stdout.is_empty(), "{what}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_one_line_and_exit_code_2() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for role in ["serve", "simulate", "demo"] {
        let folder = tempfile::tempdir().unwrap();
        let output = run(folder.path(), &[role, "--listen", &address], &[]).await;
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{role}: {line}");
        let wanted = format!("gradebook: --listen: {address} is in use");
        assert!(line.starts_with(&wanted) && line.lines().count() == 1, "{role}: {line}");
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert!(left.is_empty(), "{role} left a file behind: {left:?}");
    }
}

/// Seeds differ by where they are set; the exam of the first event tells which one was taken.
#[tokio::test]
async fn flags_win_over_variables_and_those_over_the_file_and_that_over_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gradebook.toml");
    std::fs::write(&file, "simulate_seed = 3\nsimulate_exams = 1\nfeed = ['http://h/1']\n")
        .unwrap();
    let file = file.to_str().unwrap();
    let flag = ["--seed", "1"].as_slice();
    let variable = [("GRADEBOOK_SIMULATE_SEED", "2")].as_slice();
    let empty = [("GRADEBOOK_SIMULATE_SEED", "")].as_slice();
    let config = &["--config", file][..];
    for (args, variables, seed) in [
        ([flag, config].concat(), variable, 1),
        (config.to_vec(), variable, 2),
        (config.to_vec(), empty, 3),
        (config.to_vec(), &[], 3),
        (vec![], &[("GRADEBOOK_CONFIG", file)], 3),
        (vec![], &[], 0),
    ] {
        let mut command = Service::command();
        command.args(["simulate", "--listen", "127.0.0.1:0", "--rate", "0"]);
        command.args(&args).envs(variables.iter().copied());
        let feed = Service::spawn(command);
        let mut answer = feed.client().get(feed.url("/")).send().await.unwrap();
        let first = answer.chunk().await.unwrap().unwrap();
        let settings = gradebook::simulate::StreamSettings { seed, ..Default::default() };
        let mut wanted = Vec::new();
        gradebook::simulate::Stream::new(settings).push(&mut wanted, 1, None);
        assert!(first.starts_with(&wanted), "{args:?} {variables:?}");
    }
}

#[tokio::test]
async fn a_variable_that_looks_like_a_setting_and_is_none_is_told_but_is_no_error() {
    let mut command = Service::command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--journal", "memory:"]);
    command.env("GRADEBOOK_PORT", "tcp://10.0.0.1:80").env("GRADEBOOK_LISTNE", "x");
    let service = Service::spawn(command);
    let log = service.log();
    assert!(log.contains("GRADEBOOK_LISTNE is no setting; did you mean `GRADEBOOK_LISTEN`?"));
}

#[tokio::test]
async fn logs_are_json_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("no/such/folder/gradebook.db");
    let args = ["serve", "--log-format=json", "--listen=127.0.0.1:0", "--journal"];
    let args = [args.as_slice(), &[journal.to_str().unwrap()]].concat();
    let output = run(folder.path(), &args, &[]).await;
    assert!(!output.status.success());
    let log = String::from_utf8(output.stderr).unwrap();
    for line in log.lines().filter(|line| line.starts_with('{')) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
}

/// What `Debug` prints ends up in logs.
#[test]
fn secrets_in_settings_are_not_printed() {
    let args = [
        "gradebook",
        "serve",
        "--feed",
        "https://me:hunter2@school.example/scores",
        "--feed-header",
        "X-Api-Key: hunter2",
        "--journal",
        "redis://me:hunter2@localhost/0",
    ];
    let cli = Cli::read(&args.map(OsString::from)).unwrap();
    let printed = format!("{cli:?}");
    assert!(printed.contains("school.example") && !printed.contains("hunter2"), "{printed}");
}

/// `docs/settings.md` has one row for each setting, in the order of the help.
#[test]
fn the_documented_table_is_the_command_lines_own_list() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let (start, end) = ("<!-- settings -->\n", "<!-- end of settings -->\n");
    let (before, rest) = document.split_once(start).unwrap();
    let (table, after) = rest.split_once(end).unwrap();
    let wanted = table_of(&declared_settings(&Cli::command()));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{before}{start}{wanted}{end}{after}")).unwrap();
    } else {
        assert_eq!(table, wanted, "run this test with UPDATE_DOCS=1, and read what has changed");
    }
}

fn table_of(settings: &[Setting]) -> String {
    let mut table = String::from(
        "| Flag | Variable | In the file | Commands | Value | Default | Meaning |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for setting in settings {
        let code = |text: Option<&str>| text.map_or("–".to_owned(), |text| format!("`{text}`"));
        let cells = [
            code(Some(&setting.flag)),
            code(Some(&setting.variable)),
            code(setting.key.as_deref()),
            if setting.commands.is_empty() {
                "all".to_owned()
            } else {
                setting.commands.join(", ")
            },
            code(Some(&setting.value)),
            code(setting.default.as_deref()),
            setting.meaning.clone(),
        ];
        let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        table.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    table
}
