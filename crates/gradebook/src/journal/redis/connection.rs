//! One connection to one Redis server: TCP or TLS, with an account and timeouts.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::error::RedisError;
use super::resp::{Replies, Reply, Requests};
use crate::config::redis::{Account, Address};

/// Plain or encrypted.
enum Socket {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(socket) => socket.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(socket) => socket.flush(),
        }
    }
}

/// A connection. Requests are gathered, sent together, and answered in order.
pub struct Connection {
    socket: Socket,
    requests: Requests,
    replies: Replies,
}

/// How to connect, whichever server it is.
#[derive(Clone)]
pub struct Dialer {
    /// Who to be; `None` for a server without accounts.
    pub account: Account,
    /// How long to wait for a connection, and for every piece of an answer.
    pub timeout: Duration,
    /// Encrypted, when there is a configuration for it.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

impl Dialer {
    /// Connects to `address` and signs in.
    ///
    /// # Errors
    /// [`RedisError::Refused`] when the account is wrong; otherwise the connection cannot be made.
    pub fn dial(&self, address: &Address) -> Result<Connection, RedisError> {
        let socket = self.tcp(address).map_err(|error| at(address, &error))?;
        let socket = match &self.tls {
            None => Socket::Plain(socket),
            Some(config) => Socket::Tls(Box::new(handshake(Arc::clone(config), address, socket)?)),
        };
        let mut connection =
            Connection { socket, requests: Requests::default(), replies: Replies::default() };
        self.sign_in(&mut connection, address)?;
        Ok(connection)
    }

    fn tcp(&self, address: &Address) -> io::Result<TcpStream> {
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for candidate in (address.host.as_str(), address.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&candidate, self.timeout) {
                Ok(socket) => {
                    socket.set_nodelay(true)?;
                    socket.set_read_timeout(Some(self.timeout))?;
                    socket.set_write_timeout(Some(self.timeout))?;
                    return Ok(socket);
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn sign_in(&self, connection: &mut Connection, address: &Address) -> Result<(), RedisError> {
        let Account { user, password } = &self.account;
        let answer = match (user, password) {
            (None, None) => connection.call(&["PING"]),
            (None, Some(password)) => connection.call(&["AUTH", password]),
            (Some(user), password) => {
                connection.call(&["AUTH", user, password.as_deref().unwrap_or_default()])
            }
        };
        match answer {
            Ok(_) => Ok(()),
            Err(error @ RedisError::Server(_)) => match error.code() {
                Some("NOAUTH") => Err(RedisError::Refused(format!(
                    "{address} asks for a password, and the journal's URL has none"
                ))),
                Some("WRONGPASS") => Err(RedisError::Refused(format!(
                    "{address} does not accept the user or the password of the journal's URL"
                ))),
                Some("NOPERM") if password.is_none() => Ok(()), // not even PING: it may do the rest
                Some("ERR") if password.is_some() => Err(RedisError::Refused(format!(
                    "{address} does not take the password of the journal's URL: {error}"
                ))),
                _ => Err(error),
            },
            Err(RedisError::Protocol(what)) => {
                Err(RedisError::Refused(format!("{address} is not a Redis server: it says {what}")))
            }
            Err(error) => Err(error),
        }
    }
}

impl Connection {
    /// Sends one small request and waits for its reply.
    ///
    /// # Errors
    /// See [`RedisError`].
    pub fn call(&mut self, parts: &[&str]) -> Result<Reply, RedisError> {
        self.requests.request(parts);
        self.send()?;
        self.reply()
    }

    /// Where requests are gathered until [`Self::send`].
    pub fn requests(&mut self) -> &mut Requests {
        &mut self.requests
    }

    /// Sends what was gathered.
    ///
    /// # Errors
    /// [`RedisError::Io`].
    pub fn send(&mut self) -> Result<(), RedisError> {
        self.requests.send(&mut self.socket).map_err(RedisError::Io)
    }

    /// The next reply.
    ///
    /// # Errors
    /// See [`RedisError`].
    pub fn reply(&mut self) -> Result<Reply, RedisError> {
        self.replies.reply(&mut self.socket)
    }

    /// The head of an array; `None` for nil.
    ///
    /// # Errors
    /// See [`RedisError`].
    pub fn array(&mut self) -> Result<Option<usize>, RedisError> {
        self.replies.array(&mut self.socket)
    }

    /// A string, lent until the next call.
    ///
    /// # Errors
    /// See [`RedisError`].
    pub fn bulk(&mut self) -> Result<&[u8], RedisError> {
        self.replies.bulk(&mut self.socket)
    }
}

fn at(address: &Address, error: &io::Error) -> RedisError {
    RedisError::Io(io::Error::new(error.kind(), format!("no connection to {address}: {error}")))
}

fn handshake(
    config: Arc<rustls::ClientConfig>,
    address: &Address,
    mut socket: TcpStream,
) -> Result<StreamOwned<ClientConnection, TcpStream>, RedisError> {
    let name = ServerName::try_from(address.host.clone()).map_err(|_| {
        RedisError::Refused(format!("`{}` is not a name that a certificate can have", address.host))
    })?;
    let mut tls = ClientConnection::new(config, name)
        .map_err(|error| RedisError::Refused(format!("no TLS with {address}: {error}")))?;
    while tls.is_handshaking() {
        tls.complete_io(&mut socket).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => {
                RedisError::Refused(format!("no TLS with {address}: {error}"))
            }
            _ => at(address, &error),
        })?;
    }
    Ok(StreamOwned::new(tls, socket))
}
