//! `gradebook`: a live gradebook in one binary.

use std::process::ExitCode;

use clap::Parser;
use gradebook::cli::{Cli, Command};
use gradebook::{app, telemetry};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::start();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(cli: &Cli) -> anyhow::Result<()> {
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let signals = async move {
        tokio::signal::ctrl_c().await.ok();
        stop.cancel();
    };
    let work = async {
        match &cli.command {
            Command::Serve(args) => app::serve(args, shutdown).await,
            Command::Demo(_) => anyhow::bail!("no simulated feed yet"),
        }
    };
    tokio::pin!(work);
    tokio::select! {
        outcome = &mut work => outcome,
        () = signals => work.await,
    }
}
