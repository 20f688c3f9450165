//! Where to listen.

use std::net::SocketAddr;
use std::str::FromStr;

use url::Url;

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

    /// Where clients find the service, such as https://scores.example: links in answers begin with
    /// it; without it they are paths
    #[arg(long, env = "GRADEBOOK_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,

    /// Flags about access.
    #[command(flatten)]
    pub access: AccessArgs,

    /// Flags about event streams.
    #[command(flatten)]
    pub live: LiveArgs,
}

/// The URL of the service as its clients know it: http or https, a host, and no path, since pages,
/// cookies and the types of problems begin at the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The URL as text; ASCII.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !matches!(url.scheme(), "http" | "https") || !plain {
            return Err("a public URL is http or https and a host".to_owned());
        }
        if url.path() != "/" {
            return Err(
                "a public URL has no path: the service must have a host name, or a port, of \
                        its own, since its pages begin at the root"
                    .to_owned(),
            );
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_a_place_and_nothing_else() {
        let parse = |text: &str| text.parse::<PublicUrl>().map(|url| url.as_str().to_owned());
        assert_eq!(parse("https://a.example/"), Ok("https://a.example".to_owned()));
        assert_eq!(parse("http://ü.example:8080"), Ok("http://xn--tda.example:8080".to_owned()));
        for text in ["a.example", "ftp://a.example", "https://a.example/?q", "https://me@a.example"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        for text in ["https://a.example/gradebook", "https://a.example/gradebook/"] {
            assert!(parse(text).is_err_and(|why| why.contains("has no path")), "{text}");
        }
    }
}
