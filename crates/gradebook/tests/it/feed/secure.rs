//! Feeds over TLS, with HTTP/1.1 and HTTP/2.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{QUICK, kept, kept_score, logged};
use crate::support::{ScriptedFeed, Service};

/// A feed over TLS that answers every request with the same.
struct SecureFeed {
    url: String,
    /// The HTTP version of each request.
    requests: mpsc::UnboundedReceiver<Version>,
    /// The certificate, for those who should trust it.
    certificate: PathBuf,
    folder: TempDir,
    _server: JoinSet<()>,
}

impl SecureFeed {
    /// Negotiates one of `protocols`, and answers with `head` and `body`.
    async fn start(protocols: &[&str], answer: fn() -> Response<String>) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let certificate = folder.path().join("certificate.pem");
        std::fs::write(&certificate, cert.pem()).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        rustls::crypto::ring::default_provider().install_default().ok();
        let config = ServerConfig::builder().with_no_client_auth();
        let mut config = config.with_single_cert(vec![cert.der().clone()], key).unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, requests) = mpsc::unbounded_channel();
        let mut server = JoinSet::new();
        server.spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), sender, answer));
        let url = format!("https://localhost:{port}/scores");
        Self { url, requests, certificate, folder, _server: server }
    }

    /// A service on this feed, which trusts the certificates in the file `roots`.
    fn serve(&self, roots: &str) -> Service {
        let journal = self.folder.path().join("gradebook.db");
        let mut command = Service::command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--feed", &self.url]).args(QUICK);
        command.arg("--journal").arg(journal);
        command.env("SSL_CERT_FILE", roots).env_remove("SSL_CERT_DIR");
        Service::spawn(command)
    }

    fn certificate(&self) -> &str {
        self.certificate.to_str().unwrap()
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    requests: mpsc::UnboundedSender<Version>,
    answer: fn() -> Response<String>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, requests) = (acceptor.clone(), requests.clone());
        connections.spawn(async move {
            // A client that does not trust us goes away in the middle.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(|request: Request<Incoming>| {
                requests.send(request.version()).ok();
                std::future::ready(Ok::<_, Infallible>(answer()))
            });
            let server = auto::Builder::new(TokioExecutor::new());
            server.serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

fn one_score() -> Response<String> {
    let body = "event: score\ndata: {\"exam\":3,\"studentId\":\"foo\",\"score\":0.5}\n\n";
    let response = Response::builder().header("content-type", "text/event-stream");
    response.body(body.to_owned()).unwrap()
}

#[tokio::test]
async fn a_feed_may_speak_http_1_or_2_over_tls() {
    for (protocols, version) in
        [(&["http/1.1"][..], Version::HTTP_11), (&["h2", "http/1.1"], Version::HTTP_2)]
    {
        let mut feed = SecureFeed::start(protocols, one_score).await;
        let _service = feed.serve(feed.certificate());
        assert_eq!(feed.requests.recv().await, Some(version));
        assert_eq!(kept(&feed.folder, 1).await[0], kept_score("foo", 3, 0.5));
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let mut feed = SecureFeed::start(&["h2"], one_score).await;
    let other = SecureFeed::start(&["h2"], one_score).await;
    let service = feed.serve(other.certificate());
    logged(&service, "invalid peer certificate").await;
    assert!(feed.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_redirect_from_https_to_http_is_not_followed() {
    let plain = || {
        let response = Response::builder().status(307).header("location", "http://127.0.0.1:9/");
        response.body(String::new()).unwrap()
    };
    let feed = SecureFeed::start(&["http/1.1"], plain).await;
    let service = feed.serve(feed.certificate());
    logged(&service, "redirects from https to http, which is not followed").await;
}

/// As in a container without certificates.
#[tokio::test]
async fn a_plain_feed_needs_no_root_certificates() {
    let feed = ScriptedFeed::start().await;
    let mut command = Service::command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--journal", "memory:"]).args(QUICK);
    command.args(["--feed", &feed.url()]);
    command.env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", "/dev/null");
    let service = Service::spawn(command);
    feed.accept_stream().await;
    logged(&service, "connected to the feed").await;
    let secure = SecureFeed::start(&["h2"], one_score).await;
    let service = secure.serve("/dev/null");
    logged(&service, "cannot make a client").await;
}
