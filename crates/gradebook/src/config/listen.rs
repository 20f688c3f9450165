//! Where to listen.

use std::net::SocketAddr;

use super::{AccessArgs, LiveArgs};

/// Flags about the HTTP server.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "HTTP")]
pub struct ListenArgs {
    /// Address and port to serve on; port 0 takes a free one
    #[arg(
        long,
        env = "GRADEBOOK_LISTEN",
        default_value = "127.0.0.1:5000",
        value_name = "ADDRESS:PORT"
    )]
    pub listen: SocketAddr,

    /// Serve `/healthz`, `/readyz` and `/metrics` on this address, without tokens and TLS, and
    /// `/metrics` nowhere else
    #[arg(long, env = "GRADEBOOK_ADMIN_LISTEN", value_name = "ADDRESS:PORT")]
    pub admin_listen: Option<SocketAddr>,

    /// Flags about access.
    #[command(flatten)]
    pub access: AccessArgs,

    /// Flags about event streams.
    #[command(flatten)]
    pub live: LiveArgs,
}
