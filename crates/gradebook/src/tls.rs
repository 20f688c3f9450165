//! The cryptography that TLS connections use: feeds, shared journals and the HTTP server alike.

/// Makes ring the cryptography of the process: it needs nothing but a C compiler to build. Called
/// once, by `main`; a second call does nothing.
pub fn start() {
    rustls::crypto::ring::default_provider().install_default().ok();
}
