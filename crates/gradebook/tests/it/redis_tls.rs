//! Redis with TLS: who is trusted, and what a URL with the wrong scheme is told.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};

use crate::redis_refusals::refused;
use crate::redis_roles::{STUDENTS, api, at, feed, ingest, leads};
use crate::support::RedisServer;

/// An authority, whose certificate is in a file of its own.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        let file = folder.join(name);
        std::fs::write(&file, issuer.pem()).unwrap();
        Self { issuer, file }
    }

    /// Writes a certificate for `host` and its key to `folder`.
    fn certify(&self, folder: &Path, host: &str) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(folder.join("redis.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.join("redis.key"), key.serialize_pem()).unwrap();
    }
}

#[tokio::test]
async fn with_the_right_authority_everything_works_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ca.pem");
    authority.certify(folder.path(), "127.0.0.1");
    let (redis, port) = RedisServer::start_with_tls(folder.path(), &["--requirepass", "s3cret"]);
    let ca = authority.file.to_str().unwrap();
    let journal = format!("rediss://:s3cret@127.0.0.1:{port}?ca={ca}");
    let (_feed, url) = feed(2, 0).await;
    let worker = ingest(&url, &journal).await;
    leads(&worker).await;
    let replica = api(&journal).await;
    at(&replica, 2 * STUDENTS).await;
    let clients = redis.cli(&["-a", "s3cret", "--no-auth-warning", "CLIENT", "LIST"]);
    let at_port = format!("laddr=127.0.0.1:{port} ");
    assert!(clients.lines().filter(|client| client.contains(&at_port)).count() >= 2, "{clients}");
}

#[tokio::test]
async fn sentinels_have_tls_and_a_password_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ca.pem");
    authority.certify(folder.path(), "127.0.0.1");
    let (_redis, port) = RedisServer::start_with_tls(folder.path(), &["--requirepass", "s3cret"]);
    let file = folder.path().join("sentinel.conf");
    let text = format!(
        "tls-replication yes\nrequirepass watchers\nsentinel monitor book 127.0.0.1 {port} 1\n\
         sentinel auth-pass book s3cret\n"
    );
    std::fs::write(&file, text).unwrap();
    let settings = [file.to_str().unwrap(), "--sentinel"];
    let (_sentinel, port) = RedisServer::start_with_tls(folder.path(), &settings);
    let ca = authority.file.to_str().unwrap();
    let with = |password: &str| {
        format!(
            "rediss-sentinel://:s3cret@127.0.0.1:{port}/book?ca={ca}&sentinel_password={password}"
        )
    };
    refused(&with("s3cret"), "does not accept the user or the password").await;
    let journal = with("watchers");
    let (_feed, url) = feed(1, 0).await;
    let _worker = ingest(&url, &journal).await;
    at(&api(&journal).await, STUDENTS).await;
}

#[tokio::test]
async fn who_cannot_be_trusted_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let [authority, other] =
        ["ca.pem", "other.pem"].map(|name| Authority::new(folder.path(), name));
    authority.certify(folder.path(), "redis.example");
    let (_redis, port) = RedisServer::start_with_tls(folder.path(), &[]);
    let with = |file: &Path| format!("rediss://127.0.0.1:{port}?ca={}", file.display());
    refused(&with(&authority.file), "certificate not valid for name").await;
    authority.certify(folder.path(), "127.0.0.1");
    let (_redis, port) = RedisServer::start_with_tls(folder.path(), &[]);
    let with = |file: &Path| format!("rediss://127.0.0.1:{port}?ca={}", file.display());
    let unknown = format!("no TLS with 127.0.0.1:{port}: invalid peer certificate: UnknownIssuer");
    refused(&with(&other.file), &unknown).await;
    refused(&format!("rediss://127.0.0.1:{port}"), &unknown).await;
    let missing = folder.path().join("missing.pem");
    refused(&with(&missing), "missing.pem: No such file").await;
    std::fs::write(&missing, "nothing").unwrap();
    refused(&with(&missing), "missing.pem: no certificate in it").await;
}

#[tokio::test]
async fn the_wrong_scheme_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ca.pem");
    authority.certify(folder.path(), "127.0.0.1");
    let (redis, port) = RedisServer::start_with_tls(folder.path(), &["--requirepass", "s3cret"]);
    refused(&format!("redis://:s3cret@127.0.0.1:{port}"), "speaks TLS, and the journal's URL")
        .await;
    // This takes a while: Redis waits for the end of what it takes for a line.
    let plain = format!("rediss://:s3cret@127.0.0.1:{}", redis.port());
    refused(&plain, "does not speak TLS, and the journal's URL does: use redis://").await;
}
