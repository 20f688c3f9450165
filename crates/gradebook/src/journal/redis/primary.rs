//! Finds the primary that has the gradebook, and refuses servers that would lose it.

use std::path::Path;

use ::redis::TlsCertificates;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::connection::{Connection, Dialer, SYSTEM_AUTHORITIES};
use super::error::RedisError;
use super::reply::Reply as _;
use crate::config::redis::{Account, Address, RedisUrl, Topology};

/// The oldest version of Redis that will do: streams that keep their last id through deletions and
/// scripts that refuse to begin when memory is full.
const VERSION_MIN: (u64, u64) = (7, 0);

/// Finds the primary, again after every failover.
pub struct Primary {
    url: RedisUrl,
    dialer: Dialer,
    sentinels: Dialer,
    key: String,
}

impl Primary {
    /// Finds the primary that `url` means; `key` is any key of the gradebook.
    ///
    /// # Errors
    /// [`RedisError::Refused`] when the file with the authorities cannot be used.
    pub fn new(url: RedisUrl, key: String) -> Result<Self, RedisError> {
        let tls = match &url.options.ca {
            _ if !url.tls => None,
            None => Some(SYSTEM_AUTHORITIES),
            Some(path) => Some(authorities(path)?),
        };
        let timeout = url.options.timeout;
        let dialer = Dialer { account: url.account.clone(), timeout, tls, has_worked: false };
        let password = url.options.sentinel_password.clone();
        let sentinels = Dialer { account: Account { user: None, password }, ..dialer.clone() };
        Ok(Self { url, dialer, sentinels, key })
    }

    /// From now on the URL is taken for right.
    pub fn has_worked(&mut self) {
        self.dialer.has_worked = true;
        self.sentinels.has_worked = true;
    }

    /// A connection to the primary as it is now.
    ///
    /// # Errors
    /// [`RedisError::NotNow`] or [`RedisError::Io`] while none can be reached;
    /// [`RedisError::Refused`] when the settings are wrong.
    pub fn connect(&self) -> Result<Connection, RedisError> {
        let address = match &self.url.topology {
            Topology::Single(address) => address.clone(),
            Topology::Cluster(nodes) => {
                self.ask(nodes, &self.dialer, |node, address| self.ask_cluster(node, address))?
            }
            Topology::Sentinel { sentinels, master } => {
                self.ask(sentinels, &self.sentinels, |sentinel, address| {
                    ask_sentinel(sentinel, address, master)
                })?
            }
        };
        let mut connection = self.dialer.dial(&address)?;
        if self.url.database > 0 {
            connection.call(&["SELECT", &self.url.database.to_string()]).map_err(|error| {
                RedisError::Refused(format!("{address}: database {}: {error}", self.url.database))
            })?;
        }
        self.check_role(&mut connection, &address)?;
        Ok(connection)
    }

    /// Refuses a server that is too old, or that may throw entries away.
    ///
    /// # Errors
    /// [`RedisError::Refused`] says which setting is wrong.
    pub fn check_settings(&self, connection: &mut Connection) -> Result<(), RedisError> {
        let info = self.info(connection, "server")? + &self.info(connection, "memory")?;
        let field = |name: &str| {
            info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
        };
        let version = field("redis_version").unwrap_or_default();
        let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
        let numbers = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if numbers < VERSION_MIN {
            let (major, minor) = VERSION_MIN;
            return Err(RedisError::Refused(format!(
                "Redis is version {version}, and the journal needs {major}.{minor} or newer"
            )));
        }
        // Valkey calls it otherwise.
        let is_cluster = field("redis_mode").or(field("server_mode")) == Some("cluster");
        match (&self.url.topology, is_cluster) {
            (Topology::Cluster(_), true)
            | (Topology::Single(_) | Topology::Sentinel { .. }, false) => {}
            (Topology::Cluster(_), false) => {
                return Err(RedisError::Refused(
                    "Redis is not part of a cluster: use redis:// or redis-sentinel://".to_owned(),
                ));
            }
            (Topology::Single(_) | Topology::Sentinel { .. }, true) => {
                return Err(RedisError::Refused(
                    "Redis is part of a cluster: use redis-cluster://".to_owned(),
                ));
            }
        }
        let policy = field("maxmemory_policy").unwrap_or("noeviction");
        if policy != "noeviction" {
            return Err(RedisError::Refused(format!(
                "Redis has maxmemory-policy {policy} and would throw scores away when its memory is \
                 full: set maxmemory-policy noeviction"
            )));
        }
        let bytes = |name| field(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let (used, most) = (bytes("used_memory"), bytes("maxmemory"));
        if most > 0 && used >= most {
            return Err(RedisError::Refused(format!(
                "Redis uses {used} bytes of its maxmemory of {most} and takes nothing more: raise \
                 maxmemory"
            )));
        }
        Ok(())
    }

    fn info(&self, connection: &mut Connection, section: &str) -> Result<String, RedisError> {
        let reply = connection.call(&["INFO", section]).map_err(|error| match error.code() {
            Some("NOPERM") => RedisError::Refused(format!(
                "the user of the journal's URL may not ask for INFO: {error}"
            )),
            _ => error,
        })?;
        let text = reply.text().map(ToOwned::to_owned);
        text.ok_or_else(|| RedisError::Protocol("INFO without text".to_owned()))
    }

    fn check_role(&self, connection: &mut Connection, address: &Address) -> Result<(), RedisError> {
        let reply = connection.call(&["ROLE"]).map_err(|error| match error.code() {
            Some("NOPERM") => RedisError::Refused(format!(
                "the user of the journal's URL may not ask for ROLE: {error}"
            )),
            _ => error,
        })?;
        match (reply.array().first().and_then(|role| role.text()), &self.url.topology) {
            (Some("master"), _) => Ok(()),
            (Some("slave"), Topology::Single(_)) => Err(RedisError::Refused(format!(
                "{address} is a replica and takes nothing: name its primary, or use \
                 redis-sentinel:// or redis-cluster://"
            ))),
            (Some("slave"), Topology::Cluster(_) | Topology::Sentinel { .. }) => Err(
                RedisError::NotNow(format!("{address} is not the primary any more, or not yet")),
            ),
            (Some("sentinel"), _) => Err(RedisError::Refused(format!(
                "{address} is a sentinel: use redis-sentinel://{address}/MASTER"
            ))),
            _ => Err(RedisError::Protocol(format!("ROLE of {address} is unknown"))),
        }
    }

    /// Asks one after the other until one knows; remembers why the last did not.
    fn ask(
        &self,
        addresses: &[Address],
        dialer: &Dialer,
        question: impl Fn(&mut Connection, &Address) -> Result<Address, RedisError>,
    ) -> Result<Address, RedisError> {
        let mut failure = RedisError::NotNow("no address".to_owned());
        for address in addresses {
            match dialer.dial(address).and_then(|mut known| question(&mut known, address)) {
                Ok(found) => return Ok(found),
                Err(error @ RedisError::Refused(_)) => return Err(error),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn ask_cluster(&self, node: &mut Connection, address: &Address) -> Result<Address, RedisError> {
        let slot = node.call(&["CLUSTER", "KEYSLOT", &self.key]).map_err(|error| match error {
            RedisError::Server(text) if text.contains("cluster support disabled") => {
                RedisError::Refused(format!(
                    "{address} is not part of a cluster: use redis:// or redis-sentinel://"
                ))
            }
            other => other,
        })?;
        let slot = slot.integer().unwrap_or_default();
        let ranges = node.call(&["CLUSTER", "SLOTS"])?;
        for range in ranges.array() {
            let [first, last, primary, ..] = range.array() else { continue };
            let (first, last) = (first.integer().unwrap_or(1), last.integer().unwrap_or(0));
            let [host, port, ..] = primary.array() else { continue };
            if (first..=last).contains(&slot) {
                let host = host.text().filter(|host| !host.is_empty()).unwrap_or(&address.host);
                let port = port.integer().and_then(|port| u16::try_from(port).ok());
                return Ok(Address { host: host.to_owned(), port: port.unwrap_or(address.port) });
            }
        }
        Err(RedisError::NotNow(format!(
            "the cluster at {address} has no primary for the gradebook"
        )))
    }
}

fn ask_sentinel(
    sentinel: &mut Connection,
    address: &Address,
    master: &str,
) -> Result<Address, RedisError> {
    let reply = sentinel.call(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", master]);
    let reply = reply.map_err(|error| match error {
        RedisError::Server(text) if text.contains("unknown command") => {
            RedisError::Refused(format!("{address} is not a sentinel: use redis://{address}"))
        }
        other => other,
    })?;
    match reply.array() {
        [host, port] => {
            let port = port.integer().and_then(|port| u16::try_from(port).ok());
            match (host.text(), port) {
                (Some(host), Some(port)) => Ok(Address { host: host.to_owned(), port }),
                _ => Err(RedisError::Protocol("an address without host or port".to_owned())),
            }
        }
        _ => Err(RedisError::Refused(format!("the sentinel {address} knows no master `{master}`"))),
    }
}

/// The authorities in a file, each looked at: later nobody could say which file was wrong.
fn authorities(path: &Path) -> Result<TlsCertificates, RedisError> {
    let file =
        |error: &dyn std::fmt::Display| RedisError::Refused(format!("{}: {error}", path.display()));
    let pem = std::fs::read(path).map_err(|error| file(&error))?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| file(&error))?;
        roots.add(certificate).map_err(|error| file(&error))?;
    }
    if roots.is_empty() {
        return Err(file(&"no certificate in it"));
    }
    Ok(TlsCertificates { client_tls: None, root_cert: Some(pem) })
}
