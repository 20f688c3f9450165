//! One connection to one Redis server: the `redis` crate's, with an account, timeouts, and errors
//! that say what a person has to change.

use std::time::Duration;
use std::{io, slice};

use ::redis::io::tcp::TcpSettings;
use ::redis::{
    Client, Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo as _, RedisConnectionInfo,
    TlsCertificates, Value, cmd,
};

use super::error::{RedisError, tls_error};
use crate::config::redis::{Account, Address};

/// A connection. Requests are sent together, and answered in order.
pub struct Connection {
    redis: ::redis::Connection,
}

/// How to connect, whichever server it is.
#[derive(Clone)]
pub struct Dialer {
    /// Who to be; `None` for a server without accounts.
    pub account: Account,
    /// How long to wait for a connection, and for every piece of an answer.
    pub timeout: Duration,
    /// Encrypted, when there are authorities for it.
    pub tls: Option<TlsCertificates>,
    /// Whether the URL has worked before: then it is not the URL when a server hangs up, and nobody
    /// is kept waiting while it is found out.
    pub has_worked: bool,
}

/// The authorities of the system.
pub const SYSTEM_AUTHORITIES: TlsCertificates =
    TlsCertificates { client_tls: None, root_cert: None };

impl Dialer {
    /// Connects to `address` and signs in.
    ///
    /// # Errors
    /// [`RedisError::Refused`] when the account is wrong, or what answers is not Redis or is
    /// encrypted otherwise than asked for; else the connection cannot be made.
    pub fn dial(&self, address: &Address) -> Result<Connection, RedisError> {
        let connected = connect(address, self.tls.as_ref(), self.timeout);
        let mut connection = connected.map_err(|error| unreachable(address, error))?;
        match self.sign_in(&mut connection) {
            Ok(()) => Ok(connection),
            Err(error) => Err(self.explained(address, error)),
        }
    }

    /// The first exchange, which with TLS brings the handshake with it. The account is given by
    /// hand because the crate says of every failure that it was the password.
    fn sign_in(&self, connection: &mut Connection) -> Result<(), ::redis::RedisError> {
        let Account { user, password } = &self.account;
        let mut request = match (user, password) {
            (None, None) => cmd("PING"),
            (Some(_), _) | (_, Some(_)) => cmd("AUTH"),
        };
        request.arg(user).arg(password);
        if user.is_some() && password.is_none() {
            request.arg("");
        }
        connection.write(&[request])?;
        match connection.read() {
            // Not even PING is allowed: it may do the rest.
            Err(error) if error.code() == Some("NOPERM") && password.is_none() => Ok(()),
            other => other.map(drop),
        }
    }

    /// Why the first exchange with `address` went wrong.
    fn explained(&self, address: &Address, error: ::redis::RedisError) -> RedisError {
        let says = |text: &str| error.detail().is_some_and(|detail| detail.contains(text));
        match error.code() {
            Some("NOAUTH") => {
                return RedisError::Refused(format!(
                    "{address} asks for a password, and the journal's URL has none"
                ));
            }
            Some("WRONGPASS") => {
                return RedisError::Refused(format!(
                    "{address} does not accept the user or the password of the journal's URL"
                ));
            }
            Some("ERR") if says("max number of clients") => {
                return RedisError::NotNow(format!("{address} takes no more connections"));
            }
            Some("ERR") if self.account.password.is_some() => {
                return RedisError::Refused(format!(
                    "{address} does not take the password of the journal's URL: {}",
                    RedisError::from(error)
                ));
            }
            Some(_) => return error.into(),
            None => {}
        }
        if let Some(why) = self.wrong_encryption(address, &error) {
            RedisError::Refused(why)
        } else if let Some(error) = tls_error(&error) {
            RedisError::Refused(format!("no TLS with {address}: {error}"))
        } else if error.kind() == ErrorKind::Parse {
            RedisError::Refused(format!(
                "{address} is not a Redis server: what it says is not the protocol of Redis"
            ))
        } else {
            unreachable(address, error)
        }
    }

    /// Whether the server would have answered with TLS when it was asked without, or the other way
    /// round. Neither side says so: one hangs up, the other waits for the end of a line.
    fn wrong_encryption(&self, address: &Address, error: &::redis::RedisError) -> Option<String> {
        match &self.tls {
            _ if self.has_worked => None,
            // Who speaks TLS keeps nobody waiting.
            None if error.is_timeout() => None,
            None => self.answers(address, Some(&SYSTEM_AUTHORITIES)).then(|| {
                format!("{address} speaks TLS, and the journal's URL does not: use rediss://")
            }),
            Some(_) => self.answers(address, None).then(|| {
                format!("{address} does not speak TLS, and the journal's URL does: use redis://")
            }),
        }
    }

    /// Whether anything that makes sense comes back, be it a refusal.
    fn answers(&self, address: &Address, tls: Option<&TlsCertificates>) -> bool {
        let answer = connect(address, tls, self.timeout).and_then(|mut connection| {
            connection.write(&[cmd("PING")])?;
            connection.read()
        });
        match answer {
            Ok(_) => true,
            Err(error) => {
                let has_shaken_hands =
                    |error: &rustls::Error| !matches!(error, rustls::Error::InvalidMessage(_));
                error.code().is_some() || tls_error(&error).is_some_and(has_shaken_hands)
            }
        }
    }
}

impl Connection {
    /// Sends one small request and waits for its reply.
    ///
    /// # Errors
    /// See [`RedisError`].
    pub fn call(&mut self, parts: &[&str]) -> Result<Value, RedisError> {
        let mut request = Cmd::new();
        for part in parts {
            request.arg(part);
        }
        self.request(&request)
    }

    /// Sends one request and waits for its reply.
    ///
    /// # Errors
    /// See [`RedisError`].
    pub fn request(&mut self, request: &Cmd) -> Result<Value, RedisError> {
        self.write(slice::from_ref(request))?;
        Ok(self.read()?)
    }

    /// Sends requests together and waits for all of their replies.
    ///
    /// # Errors
    /// [`RedisError::Server`] when the server refuses one of them, whatever became of the others.
    pub fn requests<const COUNT: usize>(
        &mut self,
        requests: &[Cmd; COUNT],
    ) -> Result<[Value; COUNT], RedisError> {
        self.send(requests)?;
        self.replies()
    }

    /// Sends requests, whose replies are to be read in this order.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send(&mut self, requests: &[Cmd]) -> Result<(), RedisError> {
        Ok(self.write(requests)?)
    }

    /// Waits for the next replies to what was sent.
    ///
    /// # Errors
    /// [`RedisError::Server`] when the server refuses one of them, whatever became of the others.
    pub fn replies<const COUNT: usize>(&mut self) -> Result<[Value; COUNT], RedisError> {
        let mut replies = [const { Value::Nil }; COUNT];
        let mut refused = None;
        for reply in &mut replies {
            match self.read() {
                Ok(value) => *reply = value,
                // The others are read all the same: they must not be taken for replies to what is
                // asked next.
                Err(error) if error.code().is_some() => refused = refused.or(Some(error)),
                Err(error) => return Err(error.into()),
            }
        }
        refused.map_or(Ok(replies), |error| Err(error.into()))
    }

    fn write(&mut self, requests: &[Cmd]) -> Result<(), ::redis::RedisError> {
        let mut bytes = Vec::new();
        for request in requests {
            request.write_packed_command(&mut bytes);
        }
        self.redis.send_packed_command(&bytes)
    }

    fn read(&mut self) -> Result<Value, ::redis::RedisError> {
        match self.redis.recv_response()? {
            Value::ServerError(error) => Err(error.into()),
            // Errors within an array are for whoever reads the array.
            reply => Ok(reply),
        }
    }
}

/// A connection over which nothing has been said yet: also no handshake.
fn connect(
    address: &Address,
    tls: Option<&TlsCertificates>,
    timeout: Duration,
) -> Result<Connection, ::redis::RedisError> {
    let Address { host, port } = address.clone();
    let to = match tls {
        None => ConnectionAddr::Tcp(host, port),
        Some(_) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
    };
    let info = to
        .into_connection_info()?
        .set_tcp_settings(TcpSettings::default().set_nodelay(true))
        .set_redis_settings(RedisConnectionInfo::default().set_skip_set_lib_name());
    let client = match tls {
        None => Client::open(info)?,
        Some(authorities) => Client::build_with_tls(info, authorities.clone())?,
    };
    let redis = client.get_connection_with_timeout(timeout)?;
    redis.set_read_timeout(Some(timeout))?;
    redis.set_write_timeout(Some(timeout))?;
    Ok(Connection { redis })
}

/// No connection, for a reason that may pass; what cannot pass is refused.
fn unreachable(address: &Address, error: ::redis::RedisError) -> RedisError {
    match RedisError::from(error) {
        RedisError::Io(error) => {
            let why = format!("no connection to {address}: {error}");
            RedisError::Io(io::Error::new(error.kind(), why))
        }
        RedisError::Refused(why) => RedisError::Refused(format!("{address}: {why}")),
        other => other,
    }
}
