//! The commands that do one thing with a journal and end: export, import, check, backup.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use gradebook_core::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::check::{self, Unsound};
use crate::config::redis::RedisUrl;
use crate::config::{BadSetting, JournalUrl};
use crate::export::{self, ExportError};
use crate::import::{Format, Import, Place, Source, SourceError};
use crate::journal::redis::{self, RedisJournal};
use crate::journal::{Journal, OpenError, SqliteJournal};
use crate::progress::{Elsewhere, Progress};

/// Lines that were rejected by an import are told one by one, up to so many.
const REJECTIONS_TOLD_MAX: u64 = 100;

/// How much of the beginning and of the end of a file tells it from others, in bytes.
const FINGERPRINT_BYTES: u64 = 64 * 1024;

/// How often a journal is checked when entries are removed from it meanwhile.
const CHECKS_MAX: usize = 5;

/// Which journal.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Journal")]
pub struct JournalArgs {
    /// Where scores are kept: a file or redis://…
    #[arg(
        long,
        env = "GRADEBOOK_JOURNAL",
        default_value = "gradebook.db",
        value_name = "PATH|URL"
    )]
    pub journal: JournalUrl,
}

/// Flags of `export`.
#[derive(Clone, Debug, clap::Args)]
pub struct ExportArgs {
    /// Where to write; `-` is standard output
    #[arg(default_value = "-", value_name = "FILE")]
    pub target: PathBuf,
    /// In which form; without it, what the name of the file ends in, else ndjson
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<export::Format>,
    /// Which journal.
    #[command(flatten)]
    pub journal: JournalArgs,
}

/// Flags of `import`.
#[derive(Clone, Debug, clap::Args)]
pub struct ImportArgs {
    /// What to read: scores as exported, or a recorded event stream; `-` is standard input
    #[arg(value_name = "FILE")]
    pub source: PathBuf,
    /// In which form; without it, what the name of the file ends in: .ndjson, .jsonl, .csv, .sse
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// End at the first line that is no score
    #[arg(long)]
    pub strict: bool,
    /// Which journal.
    #[command(flatten)]
    pub journal: JournalArgs,
}

/// Flags of `check`.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// Which journal.
    #[command(flatten)]
    pub journal: JournalArgs,
}

/// Flags of `backup`.
#[derive(Clone, Debug, clap::Args)]
pub struct BackupArgs {
    /// The new file
    #[arg(value_name = "FILE")]
    pub target: PathBuf,
    /// Which journal.
    #[command(flatten)]
    pub journal: JournalArgs,
}

/// Flags of `compact`.
#[derive(Clone, Debug, clap::Args)]
pub struct CompactArgs {
    /// Where scores are kept: redis://… and its relatives
    #[arg(long, env = "GRADEBOOK_JOURNAL", value_name = "URL", help_heading = "Journal")]
    pub journal: JournalUrl,
    /// How many of the last positions stay entries of the stream; what is older is packed
    #[arg(
        long,
        default_value_t = redis::Packing::default().keep,
        value_parser = clap::value_parser!(u64).range(1..),
        value_name = "POSITIONS"
    )]
    pub keep: u64,
}

/// Takes out of a shared journal, which may be in use, what was delivered again, and packs what is
/// old.
///
/// # Errors
/// When the journal is not shared, or cannot be read.
pub fn compact(args: &CompactArgs) -> anyhow::Result<()> {
    let JournalUrl::Redis(url) = &args.journal else {
        return Err(BadSetting {
            setting: "--journal".to_owned(),
            value: None,
            why: "is not in Redis: only a shared journal needs compaction".to_owned(),
        }
        .into());
    };
    let mut progress = None;
    let packing = redis::Packing { keep: args.keep, ..redis::Packing::default() };
    let compacted = redis::compact(url.as_ref().clone(), packing, |position, end| {
        progress
            .get_or_insert_with(|| Progress::start("compacting", end.get(), Elsewhere::Quiet))
            .at(position.get());
    })?;
    if let Some(progress) = progress {
        progress.finish();
    }
    let redis::Compacted { entries, removed, packed, packed_until } = compacted;
    writeln!(
        io::stdout(),
        "{removed} of {entries} entries made no difference and are gone; {packed} more are packed, \
         and everything up to position {packed_until}"
    )?;
    Ok(())
}

/// Writes every score of a journal, which may be in use, to a file or to standard output.
///
/// # Errors
/// When the journal cannot be read or the target cannot be written.
pub fn export(args: &ExportArgs, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let mut journal = open_for_reading(&args.journal.journal)?;
    let of_name = args.target.extension().filter(|extension| *extension == "csv");
    let format =
        args.format.unwrap_or(of_name.map_or(export::Format::Ndjson, |_| export::Format::Csv));
    if args.target == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        return match export::export(journal.as_mut(), format, &mut out, shutdown) {
            // Whoever reads has seen enough: `gradebook export | head`.
            Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            outcome => Ok(outcome.map(drop)?),
        };
    }
    // Never half a file under the name that was asked for.
    let mut part = args.target.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let bad = |error: io::Error| bad_setting("export", &args.target, &cannot("written", &error));
    let mut out = BufWriter::new(File::create(&part).map_err(bad)?);
    let exported = export::export(journal.as_mut(), format, &mut out, shutdown);
    let written = exported.and_then(|count| {
        out.flush()?;
        out.get_ref().sync_all()?;
        fs::rename(&part, &args.target)?;
        Ok(count)
    });
    if written.is_err() {
        // The error that counts is the first one.
        fs::remove_file(&part).ok();
    }
    let count = written.with_context(|| format!("export to {}", args.target.display()))?;
    say(&format!("{count} scores exported"))
}

/// Puts the scores of a file into a journal, which nobody else may be using.
///
/// # Errors
/// When the file cannot be read, the journal cannot be written, or a line was no score.
pub fn import(args: &ImportArgs, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let extension = args.source.extension().and_then(|extension| extension.to_str());
    let Some(format) = args.format.or(extension.and_then(Format::of_extension)) else {
        let why = "has a name that does not tell its format: add --format ndjson, csv or events";
        return Err(bad_setting("import", &args.source, why).into());
    };
    let (input, file) = open_source(&args.source)?;
    let mut source = Source::new(input, format).map_err(|error| match error {
        SourceError::Read(error) => bad_setting("import", &args.source, &cannot("read", &error)),
        SourceError::NoColumn(_) => bad_setting("import", &args.source, &error.to_string()),
    })?;
    let mut journal = open_for_writing(&args.journal.journal)?;
    let (checkpoint, bytes) = match &file {
        Some(file) => {
            let checkpoint = Arc::from(format!("import:{}", file.fingerprint));
            go_on(&mut source, file, journal.checkpoint(&checkpoint)?)?;
            (Some(checkpoint), file.bytes)
        }
        None => (None, 0),
    };
    let mut told = 0;
    let mut reject = |line: u64, why: &str| {
        told += 1;
        if told <= REJECTIONS_TOLD_MAX {
            // A standard error that is closed must not end the import.
            writeln!(io::stderr(), "line {line}: {why}").ok();
        }
    };
    let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default();
    let now = Timestamp::from_ms(now);
    let mut import = Import { checkpoint, strict: args.strict, now, bytes, reject: &mut reject };
    let imported = import
        .run(&mut source, journal.as_mut(), shutdown)
        .with_context(|| format!("import of {}", args.source.display()))?;
    if imported.moved > 0 {
        say(&format!("{} scores got the time of the one before, which was later", imported.moved))?;
    }
    say(&format!("{} scores imported", imported.kept))?;
    match imported.rejected {
        0 => Ok(()),
        rejected => bail!("{rejected} lines were no scores and were left out"),
    }
}

/// Reads a journal, which may be in use, from end to end.
///
/// # Errors
/// When anything is wrong with it.
pub fn check(args: &CheckArgs, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let sound = match &args.journal.journal {
        JournalUrl::Sqlite(path) => {
            let mut journal = opened(SqliteJournal::open_for_reading(path))?;
            let faults = journal.faults()?;
            for fault in &faults {
                writeln!(io::stderr(), "{fault}")?;
            }
            if !faults.is_empty() {
                bail!("the journal {} is damaged", path.display());
            }
            let removed = journal.removed()?;
            check::check(&mut journal, Some(removed), shutdown)?
        }
        JournalUrl::Redis(url) => check_redis(url.as_ref().clone(), shutdown)?,
        JournalUrl::Memory => {
            check::check(open_for_reading(&args.journal.journal)?.as_mut(), None, shutdown)?
        }
    };
    let check::Sound { last, scores, erasures, erased } = sound;
    say(&format!(
        "the journal is sound up to position {last}: {scores} scores, {erasures} erasures, \
         {erased} positions erased"
    ))
}

/// Checks a shared journal, again when entries are removed from it meanwhile.
fn check_redis(url: RedisUrl, shutdown: &CancellationToken) -> anyhow::Result<check::Sound> {
    let mut journal = RedisJournal::open(url, name())?;
    for _ in 1..CHECKS_MAX {
        let removed = journal.removed()?;
        match check::check(&mut journal, removed, shutdown) {
            Err(Unsound::Gaps { .. }) if journal.removed()? != removed => {}
            outcome => return Ok(outcome?),
        }
    }
    let removed = journal.removed()?;
    Ok(check::check(&mut journal, removed, shutdown)?)
}

/// Copies a SQLite journal, which may be in use, to a new file.
///
/// # Errors
/// When the journal cannot be read or the target cannot be written.
pub fn backup(args: &BackupArgs) -> anyhow::Result<()> {
    let JournalUrl::Sqlite(path) = &args.journal.journal else {
        let why = "is no file: back up a Redis journal by Redis's own means, or export it";
        return Err(bad_journal(args.journal.journal.clone(), why).into());
    };
    let journal = opened(SqliteJournal::open_for_reading(path))?;
    let mut progress: Option<Progress> = None;
    journal.back_up(&args.target, &mut |done, total| {
        let start = || Progress::start("copying pages", total, Elsewhere::Quiet);
        progress.get_or_insert_with(start).at(done);
    })?;
    progress.map(Progress::finish);
    say(&format!("backed up to {}", args.target.display()))
}

/// A file to import, and what tells it from others.
struct SourceFile {
    path: PathBuf,
    bytes: u64,
    fingerprint: String,
}

fn open_source(path: &Path) -> Result<(Box<dyn BufRead>, Option<SourceFile>), BadSetting> {
    if path == Path::new("-") {
        return Ok((Box::new(BufReader::new(io::stdin())), None));
    }
    let bad = |error: io::Error| bad_setting("import", path, &cannot("read", &error));
    let mut file = File::open(path).map_err(bad)?;
    let found = file.metadata().map_err(bad)?;
    if !found.is_file() {
        // A pipe can be read once only.
        return Ok((Box::new(BufReader::new(file)), None));
    }
    let fingerprint = fingerprint(&mut file, found.len()).map_err(bad)?;
    let file_known = SourceFile { path: path.to_owned(), bytes: found.len(), fingerprint };
    Ok((Box::new(BufReader::new(file)), Some(file_known)))
}

/// Tells a file from others by its length, its beginning and its end; its name may change. Leaves
/// `file` at its beginning.
fn fingerprint(file: &mut File, bytes: u64) -> io::Result<String> {
    let mut part = Vec::new();
    let mut hash = Sha256::new();
    hash.update(bytes.to_be_bytes());
    for start in [0, bytes.saturating_sub(FINGERPRINT_BYTES)] {
        file.seek(SeekFrom::Start(start))?;
        part.clear();
        io::Read::take(&mut *file, FINGERPRINT_BYTES).read_to_end(&mut part)?;
        hash.update(&part);
    }
    file.rewind()?;
    Ok(hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Moves `source` to where an earlier import of the same file has come.
fn go_on(
    source: &mut Source,
    file: &SourceFile,
    checkpoint: Option<Arc<str>>,
) -> anyhow::Result<()> {
    let Some(place) = checkpoint.and_then(|place| place.parse::<Place>().ok()) else {
        return Ok(());
    };
    if place.offset >= file.bytes {
        say("this file has been imported before: nothing is left of it")?;
    } else {
        say(&format!("going on after line {}", place.lines))?;
    }
    let mut input = File::open(&file.path)?;
    input.seek(SeekFrom::Start(place.offset))?;
    source.go_on(Box::new(BufReader::new(input)), place);
    Ok(())
}

fn open_for_reading(url: &JournalUrl) -> anyhow::Result<Box<dyn Journal>> {
    match url {
        JournalUrl::Sqlite(path) => Ok(Box::new(opened(SqliteJournal::open_for_reading(path))?)),
        JournalUrl::Memory => Err(bad_journal(url.clone(), "is gone when its process ends").into()),
        JournalUrl::Redis(url) => Ok(Box::new(RedisJournal::open(url.as_ref().clone(), name())?)),
    }
}

fn open_for_writing(url: &JournalUrl) -> anyhow::Result<Box<dyn Journal>> {
    match url {
        JournalUrl::Sqlite(path) => Ok(Box::new(opened(SqliteJournal::open(path))?)),
        JournalUrl::Memory => Err(bad_journal(url.clone(), "is gone when its process ends").into()),
        JournalUrl::Redis(url) => Ok(Box::new(RedisJournal::open(url.as_ref().clone(), name())?)),
    }
}

/// What this process is called in Redis: a name that no other writer has, ever.
fn name() -> String {
    format!("{}-{:016x}", std::process::id(), rand::random::<u64>())
}

fn opened(journal: Result<SqliteJournal, OpenError>) -> anyhow::Result<SqliteJournal> {
    journal.map_err(|error| {
        if error.reason.is_setting() {
            bad_setting("--journal", &error.path, &error.reason.to_string()).into()
        } else {
            error.into()
        }
    })
}

fn bad_journal(journal: JournalUrl, why: &str) -> BadSetting {
    let value = match journal {
        JournalUrl::Memory => "memory:".to_owned(),
        JournalUrl::Sqlite(path) => path.display().to_string(),
        JournalUrl::Redis(url) => url.to_string(),
    };
    BadSetting { setting: "--journal".to_owned(), value: Some(value), why: why.to_owned() }
}

fn bad_setting(setting: &str, path: &Path, why: &str) -> BadSetting {
    let value = Some(path.display().to_string());
    BadSetting { setting: setting.to_owned(), value, why: why.to_owned() }
}

fn cannot(done: &str, error: &io::Error) -> String {
    format!("cannot be {done}: {error}")
}

/// A line for a person: to standard error, since standard output may be the export itself.
fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(io::stderr(), "{line}")?)
}
