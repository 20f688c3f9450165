//! Which representation a client wants (RFC 9110 §12).

use axum::http::{HeaderMap, HeaderName, header};

/// A format that something can be represented in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaType {
    /// One JSON object, paged.
    Json,
    /// A page for people.
    Html,
    /// One JSON object a line; the whole list.
    Ndjson,
    /// RFC 4180; the whole list.
    Csv,
    /// Changes as they happen.
    EventStream,
    /// The text format of Prometheus.
    PrometheusText,
    /// A picture.
    Svg,
}

impl MediaType {
    /// The value of `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::EventStream => "text/event-stream",
            Self::PrometheusText => "text/plain; version=0.0.4; charset=utf-8",
            Self::Svg => "image/svg+xml",
        }
    }

    /// The name in `?format=`.
    #[must_use]
    pub fn format(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Html => "html",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::EventStream => "sse",
            Self::PrometheusText => "text",
            Self::Svg => "svg",
        }
    }

    /// The format that `?format=` calls `name`.
    #[must_use]
    pub fn from_format(name: &str) -> Option<Self> {
        FORMATS.into_iter().find(|media_type| media_type.format() == name)
    }

    /// Whether it is the whole list, line by line, rather than a page.
    #[must_use]
    pub fn is_lines(self) -> bool {
        matches!(self, Self::Ndjson | Self::Csv)
    }

    /// The names that a media range may use: type, subtype.
    fn names(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Json => &[("application", "json")],
            Self::Html => &[("text", "html")],
            Self::Ndjson => &[("application", "x-ndjson"), ("application", "jsonl")],
            Self::Csv => &[("text", "csv")],
            Self::EventStream => &[("text", "event-stream")],
            Self::PrometheusText => &[("text", "plain")],
            Self::Svg => &[("image", "svg+xml")],
        }
    }

    /// Whether `name=value` is true of it. All are UTF-8, whether or not their type can say so.
    fn has_parameter(self, name: &str, value: &str) -> bool {
        name.eq_ignore_ascii_case("charset") && value.eq_ignore_ascii_case("utf-8")
            || self == Self::Csv
                && name.eq_ignore_ascii_case("header")
                && value.eq_ignore_ascii_case("present")
    }
}

/// Every format that `?format=` can name.
pub const FORMATS: [MediaType; 5] =
    [MediaType::Json, MediaType::Html, MediaType::Ndjson, MediaType::Csv, MediaType::EventStream];

/// The best of `available` for the `Accept` in `headers`; ties go to the first. `None` when nothing
/// is acceptable.
#[must_use]
pub fn media_type(headers: &HeaderMap, available: &[MediaType]) -> Option<MediaType> {
    let ranges = ranges(headers, header::ACCEPT);
    let mut best = None;
    for &media_type in available {
        let quality = if ranges.is_empty() { QUALITY_MAX } else { quality(&ranges, media_type) };
        if quality > best.map_or(0, |(_, quality)| quality) {
            best = Some((media_type, quality));
        }
    }
    best.map(|(media_type, _)| media_type)
}

/// A content coding (RFC 9110 §8.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Coding {
    /// None.
    #[default]
    Identity,
    /// Zstandard (RFC 8878).
    Zstd,
    /// Brotli (RFC 7932).
    Brotli,
    /// Gzip (RFC 1952).
    Gzip,
}

impl Coding {
    /// The name in `Content-Encoding`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// The best coding for the `Accept-Encoding` in `headers`. Ties go to the one that is cheapest to
/// make. Without the header, or when nothing is acceptable, none: a body that a client can perhaps
/// not read serves it better than an error (RFC 9110 §12.5.3 allows both).
#[must_use]
pub fn coding(headers: &HeaderMap) -> Coding {
    let ranges = ranges(headers, header::ACCEPT_ENCODING);
    let quality = |name: &str| {
        let named = ranges.iter().find(|range| range.name.eq_ignore_ascii_case(name));
        let any = || ranges.iter().find(|range| range.name == "*");
        named.or_else(any).map(|range| range.quality)
    };
    let identity = quality("identity").unwrap_or(1);
    let mut best = (Coding::Identity, identity);
    for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
        let quality = quality(coding.name()).unwrap_or(0);
        if quality > 0 && quality >= best.1 {
            best = (coding, quality);
        }
    }
    best.0
}

/// Whether the client would rather read HTML than JSON: how errors are shown.
#[must_use]
pub fn prefers_html(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ACCEPT)
        && media_type(headers, &[MediaType::Json, MediaType::Html]) == Some(MediaType::Html)
}

/// Qualities are thousandths: RFC 9110 §12.4.2 allows three decimals.
const QUALITY_MAX: u16 = 1_000;

/// One element of an `Accept` or `Accept-Encoding`.
#[derive(Debug)]
struct Range<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    quality: u16,
}

/// The elements of a list header; what is not well-formed is passed over.
fn ranges(headers: &HeaderMap, name: HeaderName) -> Vec<Range<'_>> {
    let values = headers.get_all(name);
    let texts = values.iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).filter_map(range).collect()
}

fn range(text: &str) -> Option<Range<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let mut parameters = Vec::new();
    let mut quality = QUALITY_MAX;
    for part in parts.filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=')?;
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        if name.eq_ignore_ascii_case("q") {
            quality = parse_quality(value)?;
        } else {
            parameters.push((name, value));
        }
    }
    Some(Range { name, parameters, quality })
}

/// `0`, `1`, or either with up to three decimals, in thousandths.
fn parse_quality(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = decimals.bytes().all(|byte| byte.is_ascii_digit());
    if !matches!(whole, "0" | "1") || decimals.len() > 3 || !digits {
        return None;
    }
    let thousandths = format!("{decimals:0<3}").parse::<u16>().ok()?;
    Some(if whole == "1" { QUALITY_MAX } else { thousandths })
}

/// The quality that the most specific range gives `media_type`.
fn quality(ranges: &[Range<'_>], media_type: MediaType) -> u16 {
    let mut best = (0, 0);
    for range in ranges {
        let specificity = specificity(range, media_type);
        if specificity > best.0 {
            best = (specificity, range.quality);
        }
    }
    best.1
}

/// How closely `range` describes `media_type`; 0 when it does not.
fn specificity(range: &Range<'_>, media_type: MediaType) -> usize {
    let Some((kind, subtype)) = range.name.split_once('/') else { return 0 };
    if !range.parameters.iter().all(|(name, value)| media_type.has_parameter(name, value)) {
        return 0;
    }
    let named = media_type.names().iter().any(|(ours, _)| ours.eq_ignore_ascii_case(kind));
    let exact = media_type
        .names()
        .iter()
        .any(|(a, b)| a.eq_ignore_ascii_case(kind) && b.eq_ignore_ascii_case(subtype));
    match (kind, subtype) {
        _ if exact => 3 + range.parameters.len(),
        (_, "*") if named => 2,
        ("*", "*") => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn accept_is_matched_as_rfc_9110_says() {
        use MediaType::{Csv, EventStream, Html, Json, Ndjson};
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, wanted) in [
            ("*/*", Some(Json)),
            ("", Some(Json)),
            (browser, Some(Html)),
            ("application/json", Some(Json)),
            ("application/json; charset=utf-8", Some(Json)),
            ("Application/JSON", Some(Json)),
            ("text/*", Some(Html)),
            ("text/*, text/html;q=0", Some(Csv)),
            ("text/csv;header=present", Some(Csv)),
            ("text/csv;header=absent", None),
            ("text/html;level=1", None),
            ("application/jsonl", Some(Ndjson)),
            ("application/x-ndjson, application/json;q=0.5", Some(Ndjson)),
            ("application/*;q=0.2, text/event-stream;q=0.3", Some(EventStream)),
            ("application/json;q=0", None),
            ("application/json;q=0, */*;q=0.001", Some(Html)),
            ("image/png", None),
            ("application/json;q=2, text/csv", Some(Csv)),
            ("nonsense, text/csv", Some(Csv)),
        ] {
            let chosen = media_type(&headers(header::ACCEPT, accept), &FORMATS);
            assert_eq!(chosen, wanted, "{accept}");
        }
        assert_eq!(media_type(&HeaderMap::new(), &FORMATS), Some(Json));
    }

    #[test]
    fn accept_encoding_is_matched_as_rfc_9110_says() {
        for (accept, wanted) in [
            ("gzip", Coding::Gzip),
            ("gzip, deflate, br, zstd", Coding::Zstd),
            ("gzip, br", Coding::Brotli),
            ("br;q=0.5, gzip", Coding::Gzip),
            ("*", Coding::Zstd),
            ("gzip;q=0", Coding::Identity),
            ("gzip;q=0.5, identity", Coding::Identity),
            ("deflate", Coding::Identity),
            ("identity;q=0", Coding::Identity),
            ("", Coding::Identity),
        ] {
            assert_eq!(coding(&headers(header::ACCEPT_ENCODING, accept)), wanted, "{accept}");
        }
        assert_eq!(coding(&HeaderMap::new()), Coding::Identity);
    }

    #[test]
    fn only_who_asks_for_html_gets_errors_in_html() {
        assert!(prefers_html(&headers(header::ACCEPT, "text/html, */*;q=0.8")));
        assert!(!prefers_html(&headers(header::ACCEPT, "*/*")));
        assert!(!prefers_html(&headers(header::ACCEPT, "text/csv")));
        assert!(!prefers_html(&HeaderMap::new()));
    }
}
