//! What the simulated feed says, and how fast.

use std::net::SocketAddr;

use crate::simulate::{End, Faults, ServerSettings, StreamSettings};

/// Flags about the simulated scores, of `simulate` and `demo`.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Simulation")]
pub struct SimulationArgs {
    /// Events a second; 0 is as fast as the socket takes them
    #[arg(
        long,
        env = "GRADEBOOK_SIMULATE_RATE",
        default_value_t = 20,
        value_name = "EVENTS_PER_SECOND"
    )]
    pub rate: u64,

    /// How many students take each exam
    #[arg(
        long,
        env = "GRADEBOOK_SIMULATE_STUDENTS",
        default_value_t = 20,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000),
        value_name = "NUMBER"
    )]
    pub students: u64,

    /// End after so many exams; without it there is no end
    #[arg(long, env = "GRADEBOOK_SIMULATE_EXAMS", value_name = "NUMBER")]
    pub exams: Option<u64>,

    /// Same seed, same stream
    #[arg(long, env = "GRADEBOOK_SIMULATE_SEED", default_value_t = 0, value_name = "NUMBER")]
    pub seed: u64,

    /// Send the number of each event as its id, and resume after `Last-Event-ID`
    #[arg(long, env = "GRADEBOOK_SIMULATE_IDS")]
    pub ids: bool,

    /// What goes wrong: `all`, `none`, or a list of drops, malformed, out-of-range, duplicates,
    /// corrections, comments, other-events, line-ends, split-data, stalls, unquoted
    #[arg(
        long,
        env = "GRADEBOOK_SIMULATE_FAULTS",
        default_value = "none",
        value_name = "FAULT,…|all|none"
    )]
    pub faults: Faults,

    /// After the last event: keep the connection open, close it, or close it and answer 204 to
    /// whoever comes back
    #[arg(
        long,
        env = "GRADEBOOK_SIMULATE_END",
        default_value = "hold",
        value_name = "hold|close|204"
    )]
    pub end: End,
}

impl SimulationArgs {
    /// The settings of the simulated feed.
    #[must_use]
    pub fn settings(&self) -> ServerSettings {
        let stream = StreamSettings {
            seed: self.seed,
            students: self.students,
            exams: self.exams,
            ids: self.ids,
            faults: self.faults.clone(),
        };
        ServerSettings { stream, rate: self.rate, end: self.end }
    }
}

/// Flags of `simulate`.
#[derive(Clone, Debug, clap::Args)]
pub struct SimulateArgs {
    /// Address and port to serve the simulated feed on; port 0 takes a free one
    #[arg(
        long,
        env = "GRADEBOOK_SIMULATE_LISTEN",
        default_value = "127.0.0.1:5001",
        value_name = "ADDRESS:PORT"
    )]
    pub listen: SocketAddr,

    /// Flags about the simulated scores.
    #[command(flatten)]
    pub simulation: SimulationArgs,
}
