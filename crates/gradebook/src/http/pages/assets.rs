//! The stylesheet, the module and the icon: in the binary, under names that change with them.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use sha2::{Digest, Sha256};

use crate::http::problem::Problem;

/// How many hexadecimal digits of its digest are in the name of an asset.
const DIGITS: usize = 16;

/// A year, which is as long as caches keep anything (RFC 9111 §5.2.2.1), and no asking again.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";

/// A file that pages refer to.
#[derive(Debug)]
pub struct Asset {
    /// Its path, with its digest in the name: what stands there never changes.
    pub path: String,
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
    /// A strong entity tag, quotes included.
    pub etag: String,
}

/// All assets.
#[derive(Debug)]
pub struct Assets {
    /// The stylesheet of all pages.
    pub stylesheet: Asset,
    /// The module that keeps a page up to date.
    pub module: Asset,
    /// The icon of the site.
    pub icon: Asset,
}

/// The assets of this version.
pub static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    stylesheet: Asset::new(
        "gradebook",
        "css",
        "text/css; charset=utf-8",
        include_bytes!("../../../assets/gradebook.css"),
    ),
    module: Asset::new(
        "live",
        "js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../../assets/live.js"),
    ),
    icon: Asset::new("icon", "svg", "image/svg+xml", include_bytes!("../../../assets/icon.svg")),
});

impl Asset {
    fn new(name: &str, extension: &str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        let digest: String =
            Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let digest = &digest[..DIGITS];
        let path = format!("/assets/{name}-{digest}.{extension}");
        Self { path, media_type, bytes, etag: format!("\"{digest}\"") }
    }
}

impl Assets {
    /// The asset with this file name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Asset> {
        [&self.stylesheet, &self.module, &self.icon]
            .into_iter()
            .find(|asset| asset.path.strip_prefix("/assets/") == Some(name))
    }
}

/// `/assets/{name}`. What is on these paths never changes, so browsers need not ask again; it is
/// about nobody, so no token is needed.
pub async fn serve(method: Method, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.find(&name) else { return Problem::not_found().into_response() };
    if method != Method::GET && method != Method::HEAD {
        let allow = HeaderValue::from_static("GET, HEAD");
        return Problem::method_not_allowed(allow).into_response();
    }
    let etag = HeaderValue::from_str(&asset.etag).expect("invariant: hexadecimal digits");
    let shared = [
        (header::ETAG, etag),
        (header::CACHE_CONTROL, HeaderValue::from_static(FOR_GOOD)),
        (header::VARY, HeaderValue::from_static("Accept-Encoding")),
    ];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.contains(&asset.etag) || known.trim() == "*") {
        return (StatusCode::NOT_MODIFIED, shared).into_response();
    }
    let media_type = [(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type))];
    (shared, media_type, asset.bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_found_under_its_whole_name_only() {
        let name = ASSETS.module.path.trim_start_matches("/assets/");
        assert!(ASSETS.find(name).is_some());
        for other in ["live.js", "", "live-0000000000000000.js", "/assets/live.js"] {
            assert!(ASSETS.find(other).is_none());
        }
    }
}
