//! Access tokens: kept as hashes in a file that `gradebook token new` writes.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Tokens in one file, at most: every presented token is compared with all of them.
pub const TOKENS_MAX: usize = 1_000;

/// Random bytes in a new token.
const TOKEN_BYTES: usize = 32;

/// What stands in front of a token, so that people and scanners recognise one.
const TOKEN_PREFIX: &str = "gradebook_";

/// What a token allows. `admin` includes `read`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Every resource that only shows.
    Read,
    /// Also erasing, and looking at what was refused.
    Admin,
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Read => "read",
            Self::Admin => "admin",
        })
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "read" => Ok(Self::Read),
            "admin" => Ok(Self::Admin),
            _ => Err("a scope is read or admin".to_owned()),
        }
    }
}

/// The SHA-256 of a token: what is kept of it, and by what it is known.
pub type TokenId = [u8; 32];

/// A token as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// For people: who holds it.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
    /// The hash of it.
    pub id: TokenId,
}

/// All tokens that are accepted.
#[derive(Clone, Debug, Default)]
pub struct TokenFile {
    tokens: Vec<Token>,
}

/// Why a token file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// It cannot be read or written.
    #[error("{path} cannot be used")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not the file that `gradebook token new` writes.
    #[error("{path} is not a token file")]
    Format {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: toml::de::Error,
    },
    /// A hash is not 64 hexadecimal digits.
    #[error("{path}: the sha256 of token `{name}` is not 64 hexadecimal digits")]
    Hash {
        /// Which file.
        path: PathBuf,
        /// Which token.
        name: String,
    },
    /// More than [`TOKENS_MAX`], or none.
    #[error("{path} holds {count} tokens: at least 1 and at most {TOKENS_MAX} are read")]
    Count {
        /// Which file.
        path: PathBuf,
        /// How many there are.
        count: usize,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lines {
    #[serde(default)]
    token: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    scope: Scope,
    sha256: String,
}

impl TokenFile {
    /// Reads `path`.
    ///
    /// # Errors
    /// See [`TokenFileError`].
    pub fn load(path: &Path) -> Result<Self, TokenFileError> {
        let text = fs::read_to_string(path)
            .map_err(|source| TokenFileError::Io { path: path.to_owned(), source })?;
        let lines: Lines = toml::from_str(&text)
            .map_err(|source| TokenFileError::Format { path: path.to_owned(), source })?;
        let count = lines.token.len();
        if count == 0 || count > TOKENS_MAX {
            return Err(TokenFileError::Count { path: path.to_owned(), count });
        }
        let tokens =
            lines.token.into_iter().map(|Line { name, scope, sha256 }| {
                match hash_from_hex(&sha256) {
                    Some(id) => Ok(Token { name, scope, id }),
                    None => Err(TokenFileError::Hash { path: path.to_owned(), name }),
                }
            });
        Ok(Self { tokens: tokens.collect::<Result<_, _>>()? })
    }

    /// The token that `presented` is, if it is one. Takes the same time whichever it is, or none
    /// (every hash is compared, in constant time).
    #[must_use]
    pub fn find(&self, presented: &str) -> Option<&Token> {
        let id: TokenId = Sha256::digest(presented.as_bytes()).into();
        self.with_id(&id)
    }

    /// The token with this hash.
    #[must_use]
    pub fn with_id(&self, id: &TokenId) -> Option<&Token> {
        self.tokens.iter().fold(None, |found, token| {
            if bool::from(token.id.ct_eq(id)) { Some(token) } else { found }
        })
    }

    /// Makes a random token, appends its hash to `path` (made if need be, readable by its owner
    /// only), and returns the token itself: the only time that it is seen.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(path: &Path, name: &str, scope: Scope) -> Result<String, TokenFileError> {
        let random: [u8; TOKEN_BYTES] = rand::random();
        let token = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
        let hash = Sha256::digest(token.as_bytes());
        let hex = hash.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("invariant: a string takes all");
            hex
        });
        let name = toml::Value::String(name.to_owned());
        let lines =
            format!("[[token]]\nname = {name}\nscope = \"{scope}\"\nsha256 = \"{hex}\"\n\n");
        let mut options = fs::OpenOptions::new();
        options
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| file.write_all(lines.as_bytes()))
            .map_err(|source| TokenFileError::Io { path: path.to_owned(), source })?;
        Ok(token)
    }
}

fn hash_from_hex(hex: &str) -> Option<TokenId> {
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut id = [0; 32];
    for (byte, digits) in id.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.toml");
        (folder, path)
    }

    #[test]
    fn a_new_token_is_found_and_no_other() {
        let (_folder, path) = file();
        let reader = TokenFile::add(&path, "wall \"display\"", Scope::Read).unwrap();
        let admin = TokenFile::add(&path, "head", Scope::Admin).unwrap();
        let file = TokenFile::load(&path).unwrap();
        assert_eq!(file.find(&reader).map(|token| token.scope), Some(Scope::Read));
        assert_eq!(file.find(&reader).map(|token| token.name.as_str()), Some("wall \"display\""));
        assert_eq!(file.find(&admin).map(|token| token.scope), Some(Scope::Admin));
        assert_eq!(file.find(&admin[1..]), None);
        assert_eq!(file.find(""), None);
    }

    #[test]
    fn the_file_holds_no_token_and_is_its_owners() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, path) = file();
        let token = TokenFile::add(&path, "x", Scope::Read).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(token.trim_start_matches(TOKEN_PREFIX)));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let (_folder, path) = file();
        let wrong = [
            ("", "holds 0 tokens"),
            ("[[token]]\nname = \"a\"\n", "is not a token file"),
            ("[[token]]\nname=\"a\"\nscope=\"read\"\nsha256=\"12\"\n", "token `a` is not 64"),
        ];
        for (text, says) in wrong {
            fs::write(&path, text).unwrap();
            let error = TokenFile::load(&path).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
