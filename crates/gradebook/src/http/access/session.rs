//! Sessions for browsers: a signed cookie, so that any replica can tell who it is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gradebook_core::{PseudonymKey, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::TokenId;

/// How long a session lasts, in milliseconds: one school day and a bit.
const SESSION_MS: u64 = 12 * 60 * 60 * 1_000;

/// Token id, expiry, and the signature over both.
const COOKIE_BYTES: usize = 32 + 8 + 32;

/// Makes and checks session cookies. A session stands for a token, and ends with it.
///
/// Nothing is kept: the cookie says which token it stands for and until when, signed with a key
/// that comes from the journal, and so is the same on every replica and after a restart.
#[derive(Clone, Debug)]
pub struct Sessions {
    key: PseudonymKey,
}

impl Sessions {
    /// How long a session lasts, in seconds.
    pub const LASTS_SECONDS: u64 = SESSION_MS / 1_000;

    /// The name of the cookie.
    pub const COOKIE: &'static str = "gradebook_session";

    /// Signs with a key of the journal's.
    #[must_use]
    pub fn new(key: PseudonymKey) -> Self {
        Self { key }
    }

    /// The value of a cookie that stands for `token` from `now` on.
    #[must_use]
    pub fn issue(&self, token: &TokenId, now: Timestamp) -> String {
        let expiry = (now.as_ms() + SESSION_MS).to_be_bytes();
        let signature = self.mac(token, expiry).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([token.as_slice(), &expiry, &signature].concat())
    }

    /// The token that `cookie` stands for, unless it is forged or has run out.
    #[must_use]
    pub fn check(&self, cookie: &str, now: Timestamp) -> Option<TokenId> {
        let bytes = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let bytes: [u8; COOKIE_BYTES] = bytes.try_into().ok()?;
        let token: TokenId = bytes[..32].try_into().ok()?;
        let expiry: [u8; 8] = bytes[32..40].try_into().ok()?;
        self.mac(&token, expiry).verify_slice(&bytes[40..]).ok()?;
        (now.as_ms() < u64::from_be_bytes(expiry)).then_some(token)
    }

    fn mac(&self, token: &TokenId, expiry: [u8; 8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key.0)
            .expect("invariant: HMAC takes keys of any length (RFC 2104 §2)");
        mac.update(b"session");
        mac.update(token);
        mac.update(&expiry);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lasts_until_it_runs_out_and_cannot_be_forged() {
        let sessions = Sessions::new(PseudonymKey([7; 16]));
        let now = Timestamp::from_ms(1_000_000);
        let cookie = sessions.issue(&[1; 32], now);
        let at = |ms| Timestamp::from_ms(1_000_000 + ms);
        assert_eq!(sessions.check(&cookie, at(SESSION_MS - 1)), Some([1; 32]));
        assert_eq!(sessions.check(&cookie, at(SESSION_MS)), None);
        assert_eq!(Sessions::new(PseudonymKey([8; 16])).check(&cookie, now), None);
        for index in 0..cookie.len() {
            let mut forged = cookie.clone().into_bytes();
            forged[index] = if forged[index] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(sessions.check(&forged, now), None, "{index}");
        }
        assert_eq!(sessions.check("", now), None);
    }
}
