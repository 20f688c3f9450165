//! Durations with units.

use std::time::Duration;

/// Reads `250ms`, `1s`, `1m 30s`, within bounds.
pub(crate) fn duration(text: &str, min: Duration, max: Duration) -> Result<Duration, String> {
    let accepted = || {
        let (min, max) = (humantime::format_duration(min), humantime::format_duration(max));
        format!("give a duration from {min} to {max}, such as 250ms, 1s or 1m 30s")
    };
    let duration = humantime::parse_duration(text).map_err(|_| accepted())?;
    if (min..=max).contains(&duration) { Ok(duration) } else { Err(accepted()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_named_in_the_error() {
        let read = |text| duration(text, Duration::from_millis(10), Duration::from_secs(90));
        assert_eq!(read("10ms"), Ok(Duration::from_millis(10)));
        assert_eq!(read("1m 30s"), Ok(Duration::from_secs(90)));
        for text in ["9ms", "91s", "10", "soon", ""] {
            let error = read(text).unwrap_err();
            assert!(error.contains("from 10ms to 1m 30s"), "{text}: {error}");
        }
    }
}
