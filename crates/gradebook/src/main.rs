//! `gradebook`: a live gradebook in one binary.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use gradebook::cli::{Cli, Command, Stop, TokenCommand};
use gradebook::config::BadSetting;
use gradebook::http::access::TokenFile;
use gradebook::{app, commands, metrics, open_files, telemetry, tls};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::read(&args) {
        Ok(cli) => cli,
        Err(Stop::Bad(bad)) => return refuse(&bad),
        Err(Stop::Shown(help)) => help.exit(),
    };
    telemetry::start(&cli.logs);
    metrics::start();
    tls::start();
    open_files::raise_limit();
    for line in Cli::unknown_variables() {
        tracing::warn!("{line}");
    }
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<BadSetting>() {
            Some(bad) => refuse(bad),
            None => {
                tracing::error!("{error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

fn refuse(bad: &BadSetting) -> ExitCode {
    // Nothing can be done about a standard error that is closed.
    writeln!(io::stderr(), "gradebook: {bad}").ok();
    ExitCode::from(BadSetting::EXIT_CODE)
}

/// Runs the command in a runtime of its own, which is not waited for afterwards: whatever has not
/// ended by then has had time enough to do so.
fn run(cli: &Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(run_until_signal(cli));
    runtime.shutdown_background();
    outcome
}

async fn run_until_signal(cli: &Cli) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let shutdown = CancellationToken::new();
    let work = work(&cli.command, shutdown.clone());
    tokio::pin!(work);
    tokio::select! {
        outcome = &mut work => return outcome,
        () = signals.next() => tracing::info!("ending; a second signal ends at once"),
    }
    shutdown.cancel();
    tokio::select! {
        outcome = &mut work => outcome,
        () = signals.next() => bail!("a second signal came before everything had ended"),
        () = tokio::time::sleep(cli.shutdown_timeout) => {
            bail!("not everything had ended after {:?}", cli.shutdown_timeout)
        }
    }
}

async fn work(command: &Command, shutdown: CancellationToken) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => app::serve(args, shutdown).await,
        Command::Ingest(args) => app::ingest(args, shutdown).await,
        Command::Api(args) => app::api(args, shutdown).await,
        Command::Demo(args) => app::demo(args, shutdown).await,
        Command::Simulate(args) => app::simulate(args, shutdown).await,
        Command::Export(args) => {
            let args = args.clone();
            blocking(move || commands::export(&args, &shutdown)).await
        }
        Command::Import(args) => {
            let args = args.clone();
            blocking(move || commands::import(&args, &shutdown)).await
        }
        Command::Check(args) => {
            let args = args.clone();
            blocking(move || commands::check(&args, &shutdown)).await
        }
        Command::Backup(args) => {
            let args = args.clone();
            blocking(move || commands::backup(&args)).await
        }
        Command::Compact(args) => {
            let args = args.clone();
            blocking(move || commands::compact(&args)).await
        }
        Command::Token(args) => token(&args.command),
    }
}

/// Does `work` on a thread where it may block, so that signals are noticed meanwhile.
async fn blocking(
    work: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(work).await?
}

fn token(command: &TokenCommand) -> anyhow::Result<()> {
    let TokenCommand::New(args) = command;
    let token = TokenFile::add(&args.token_file, &args.name, args.scope)?;
    Ok(writeln!(io::stdout(), "{token}")?)
}

/// The signals that ask a process to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
