//! Where a shared journal is: the URLs of Redis.
//!
//! ```text
//! redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE][?OPTIONS]
//! redis-cluster://[[USER]:PASSWORD@]HOST[:PORT],HOST[:PORT],…[?OPTIONS]
//! redis-sentinel://[[USER]:PASSWORD@]HOST[:PORT],HOST[:PORT],…/MASTER[?OPTIONS]
//! ```
//!
//! With an `s` after `redis` (`rediss://`, `rediss-cluster://`, `rediss-sentinel://`) everything is
//! encrypted. User, password, master and option values may be percent-encoded.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;

/// Ports when the URL names none: of Redis, and of Sentinel.
const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// The most hosts of one URL.
const HOSTS_MAX: usize = 16;

/// The longest name of a gradebook, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The name of the gradebook when the URL has none.
const NAME: &str = "main";

/// How long Redis may take to connect and for every piece of an answer.
const TIMEOUT: Duration = Duration::from_millis(3_000);

/// For how long a leader leads without renewing.
const LEASE: Duration = Duration::from_millis(3_000);

/// The most replicas that can be waited for.
const REPLICAS_MAX: u64 = 16;

/// Everything that the URL of a shared journal says.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    /// How to find the primary.
    pub topology: Topology,
    /// Whether everything is encrypted.
    pub tls: bool,
    /// Whom to be.
    pub account: Account,
    /// The number of the database; always 0 in a cluster.
    pub database: u64,
    /// The options.
    pub options: RedisOptions,
}

/// How to find the primary that has the gradebook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// It is there.
    Single(Address),
    /// Any of these nodes of a cluster knows it.
    Cluster(Vec<Address>),
    /// Any of these sentinels knows it, under this name.
    Sentinel {
        /// The sentinels.
        sentinels: Vec<Address>,
        /// The name by which they know the primary and its replicas.
        master: String,
    },
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A user and a password. Never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The ACL user; `None` is the default user.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
}

/// What stands after the `?`.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisOptions {
    /// `name`: which gradebook, 1 to [`NAME_BYTES_MAX`] of letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// `replicas`: how many replicas must have a batch before it is acknowledged.
    pub replicas: u64,
    /// `timeout_ms`: how long Redis may take for every piece of an answer.
    pub timeout: Duration,
    /// `lease_ms`: for how long a leading `ingest` leads without renewing.
    pub lease: Duration,
    /// `create`: whether a journal is made when there is none.
    pub create: bool,
    /// `ca`: a PEM file with the authorities that are trusted instead of the system's.
    pub ca: Option<PathBuf>,
    /// `sentinel_password`: the password of the sentinels themselves.
    pub sentinel_password: Option<String>,
}

/// What is wrong with the URL of a shared journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    /// Another scheme.
    #[error("scheme `{0}` is not one of redis, rediss, redis-cluster, redis-sentinel")]
    Scheme(String),
    /// No host, or an empty one in a list.
    #[error("a host is missing")]
    HostMissing,
    /// Several hosts where one primary is meant.
    #[error("several hosts need redis-cluster:// or redis-sentinel://")]
    SeveralHosts,
    /// Too many.
    #[error("at most {HOSTS_MAX} hosts")]
    TooManyHosts,
    /// Not a host name.
    #[error("`{0}` is not a host")]
    Host(String),
    /// Not a port.
    #[error("`{0}` is not a port: 1 to 65535")]
    Port(String),
    /// A path that is no number.
    #[error("database `{0}` is not a number; the gradebook's name goes into ?name=")]
    Database(String),
    /// A path where none belongs.
    #[error("a cluster has no databases: leave out `/{0}`")]
    ClusterPath(String),
    /// No master.
    #[error("the name of the master is missing: redis-sentinel://HOST,HOST/MASTER")]
    MasterMissing,
    /// Bad percent-encoding.
    #[error("the {0} is not percent-encoded UTF-8")]
    Encoding(&'static str),
    /// An option that there is not.
    #[error(
        "option `{0}` is not one of name, replicas, timeout_ms, lease_ms, create, ca, db, \
         sentinel_password"
    )]
    Option(String),
    /// An option with a bad value.
    #[error("option `{option}`: {wanted}")]
    Value {
        /// Which.
        option: &'static str,
        /// What it must be.
        wanted: String,
    },
    /// An option twice.
    #[error("option `{0}` stands twice")]
    Twice(String),
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            name: NAME.to_owned(),
            replicas: 0,
            timeout: TIMEOUT,
            lease: LEASE,
            create: true,
            ca: None,
            sentinel_password: None,
        }
    }
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, RedisUrlError> {
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| RedisUrlError::Scheme(String::new()))?;
        let (tls, kind) = match scheme {
            "redis" | "rediss" => (scheme == "rediss", ""),
            "redis-cluster" | "redis-sentinel" => (false, &scheme["redis-".len()..]),
            "rediss-cluster" | "rediss-sentinel" => (true, &scheme["rediss-".len()..]),
            other => return Err(RedisUrlError::Scheme(other.to_owned())),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (account, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let default_port = if kind == "sentinel" { SENTINEL_PORT } else { REDIS_PORT };
        let mut hosts = addresses(hosts, default_port)?;
        let (options, option_database) = options(query)?;
        let mut database = option_database.unwrap_or(0);
        let topology = match kind {
            "cluster" if !path.is_empty() => {
                return Err(RedisUrlError::ClusterPath(path.to_owned()));
            }
            "cluster" => Topology::Cluster(hosts),
            "sentinel" if path.is_empty() => return Err(RedisUrlError::MasterMissing),
            "sentinel" => Topology::Sentinel { sentinels: hosts, master: decoded(path, "master")? },
            _ if hosts.len() > 1 => return Err(RedisUrlError::SeveralHosts),
            _ => {
                if !path.is_empty() {
                    database =
                        path.parse().map_err(|_| RedisUrlError::Database(path.to_owned()))?;
                }
                Topology::Single(hosts.remove(0))
            }
        };
        Ok(Self { topology, tls, account: self::account(account)?, database, options })
    }
}

/// Without user and password: for people and logs.
impl fmt::Display for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |hosts: &[Address]| hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let s = if self.tls { "s" } else { "" };
        match &self.topology {
            Topology::Single(address) => write!(formatter, "redis{s}://{address}")?,
            Topology::Cluster(nodes) => write!(formatter, "redis{s}-cluster://{}", list(nodes))?,
            Topology::Sentinel { sentinels, master } => {
                write!(formatter, "redis{s}-sentinel://{}/{master}", list(sentinels))?;
            }
        }
        write!(formatter, "?name={}", self.options.name)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RedisUrl({self})")
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Account(..)")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

fn account(text: &str) -> Result<Account, RedisUrlError> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let part = |text: &str, what| match text {
        "" => Ok(None),
        text => decoded(text, what).map(Some),
    };
    Ok(Account { user: part(user, "user")?, password: part(password, "password")? })
}

fn addresses(text: &str, default_port: u16) -> Result<Vec<Address>, RedisUrlError> {
    let addresses: Vec<Address> =
        text.split(',').map(|text| address(text, default_port)).collect::<Result<_, _>>()?;
    if addresses.len() > HOSTS_MAX {
        return Err(RedisUrlError::TooManyHosts);
    }
    Ok(addresses)
}

fn address(text: &str, default_port: u16) -> Result<Address, RedisUrlError> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) =
            rest.split_once(']').ok_or_else(|| RedisUrlError::Host(text.to_owned()))?;
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(RedisUrlError::Host(text.to_owned()));
        }
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(RedisUrlError::Host(text.to_owned())),
        }
    } else {
        text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
    };
    if host.is_empty() {
        return Err(RedisUrlError::HostMissing);
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if !host.bytes().all(is_name) {
        return Err(RedisUrlError::Host(host.to_owned()));
    }
    let port = match port {
        None => default_port,
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| RedisUrlError::Port(port.to_owned()))?,
    };
    Ok(Address { host: host.to_owned(), port })
}

fn options(query: &str) -> Result<(RedisOptions, Option<u64>), RedisUrlError> {
    let mut options = RedisOptions::default();
    let mut database = None;
    let mut seen: Vec<&str> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if seen.contains(&name) {
            return Err(RedisUrlError::Twice(name.to_owned()));
        }
        seen.push(name);
        let value = decoded(value, "option")?;
        match name {
            "name" => options.name = gradebook_name(value)?,
            "replicas" => options.replicas = number("replicas", &value, 0, REPLICAS_MAX)?,
            "timeout_ms" => options.timeout = milliseconds("timeout_ms", &value)?,
            "lease_ms" => options.lease = milliseconds("lease_ms", &value)?,
            "create" => {
                options.create = match value.as_str() {
                    "yes" => true,
                    "no" => false,
                    _ => return Err(wrong("create", "yes or no")),
                }
            }
            "ca" if value.is_empty() => return Err(wrong("ca", "the path of a PEM file")),
            "ca" => options.ca = Some(PathBuf::from(value)),
            "db" => database = Some(number("db", &value, 0, u64::from(u16::MAX))?),
            "sentinel_password" => options.sentinel_password = Some(value),
            other => return Err(RedisUrlError::Option(other.to_owned())),
        }
    }
    Ok((options, database))
}

fn gradebook_name(name: String) -> Result<String, RedisUrlError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed) {
        Ok(name)
    } else {
        Err(wrong("name", "1 to 64 letters, digits, `.`, `_` or `-`"))
    }
}

fn milliseconds(option: &'static str, value: &str) -> Result<Duration, RedisUrlError> {
    number(option, value, 100, 60_000).map(Duration::from_millis)
}

fn number(option: &'static str, value: &str, min: u64, max: u64) -> Result<u64, RedisUrlError> {
    let number = value.parse().ok().filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| wrong(option, &format!("a number from {min} to {max}")))
}

fn wrong(option: &'static str, wanted: &str) -> RedisUrlError {
    RedisUrlError::Value { option, wanted: wanted.to_owned() }
}

fn decoded(text: &str, what: &'static str) -> Result<String, RedisUrlError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| RedisUrlError::Encoding(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RedisUrl, RedisUrlError> {
        text.parse()
    }

    #[test]
    fn every_topology_is_read_and_shown_without_its_password() {
        for (text, shown) in [
            ("redis://h", "redis://h:6379?name=main"),
            ("rediss://u:s3cret@h:1/2?name=a.b_c-1", "rediss://h:1?name=a.b_c-1"),
            ("redis://:s3cret@[::1]:7", "redis://[::1]:7?name=main"),
            ("redis-cluster://a:1,b", "redis-cluster://a:1,b:6379?name=main"),
            ("rediss-cluster://a?replicas=1", "rediss-cluster://a:6379?name=main"),
            ("redis-sentinel://a,b:2/m", "redis-sentinel://a:26379,b:2/m?name=main"),
        ] {
            let url = parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("RedisUrl({shown})"));
        }
    }

    #[test]
    fn parts_are_decoded() {
        let url = parse("redis://an%40n:p%3Aw%2Fd@h:7/3?timeout_ms=250&create=no").unwrap();
        assert_eq!(url.account.user.as_deref(), Some("an@n"));
        assert_eq!(url.account.password.as_deref(), Some("p:w/d"));
        assert_eq!((url.database, url.options.create), (3, false));
        assert_eq!(url.options.timeout, Duration::from_millis(250));
    }

    #[test]
    fn whatever_is_wrong_is_named() {
        for (text, named) in [
            ("redis+tls://h", "scheme `redis+tls`"),
            ("redis://", "a host is missing"),
            ("redis-cluster://a,,b", "a host is missing"),
            ("redis://a,b", "several hosts need"),
            ("redis://h:port", "`port` is not a port"),
            ("redis://h:0", "`0` is not a port"),
            ("redis://h:70000", "`70000` is not a port"),
            ("redis://h/book", "database `book` is not a number"),
            ("redis://h o", "`h o` is not a host"),
            ("redis://[::zz]:1", "is not a host"),
            ("redis-cluster://h/1", "leave out `/1`"),
            ("redis-sentinel://h", "name of the master is missing"),
            ("redis://:%ff@h", "the password is not percent-encoded UTF-8"),
            ("redis://h?nmae=x", "option `nmae` is not one of"),
            ("redis://h?name={x}", "option `name`: 1 to 64 letters"),
            ("redis://h?name=", "option `name`: 1 to 64 letters"),
            ("redis://h?replicas=99", "option `replicas`: a number from 0 to 16"),
            ("redis://h?timeout_ms=5", "option `timeout_ms`: a number from 100 to 60000"),
            ("redis://h?create=maybe", "option `create`: yes or no"),
            ("redis://h?name=a&name=b", "option `name` stands twice"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
