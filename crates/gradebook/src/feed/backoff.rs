//! How long to wait before the next connection. Pure: time and randomness are arguments.

use std::time::Duration;

use crate::config::RECONNECT_DELAY_MAX;

/// The longest wait between two connections.
pub const WAIT_MAX: Duration = RECONNECT_DELAY_MAX;

/// The bounds of what a feed's `retry:` may ask for. A feed that says `retry: 0` must not make us
/// hammer it (launchdarkly/rust-eventsource-client#135).
pub const RETRY_MIN: Duration = Duration::from_millis(500);
/// See [`RETRY_MIN`].
pub const RETRY_MAX: Duration = WAIT_MAX;

/// The longest wait that a feed is granted by [`Backoff::and_asked`]. One that asks for more, by
/// mistake or not, is looked at all the same, so that an outage does not outlive its cause.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(5 * 60);

/// A connection that lasted this long was a success. A shorter one counts as a failure, so that a
/// feed that accepts and drops every connection is not hammered either.
pub const LASTING_CONNECTION: Duration = Duration::from_secs(10);

/// Exponential backoff with full jitter.
///
/// The wait before attempt `n` (from 1) after a lasting connection is a random part of
/// `base * 2^(n-1)`, and of [`WAIT_MAX`] at most.
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Duration,
    failures: u32,
}

impl Backoff {
    /// Starts with waits of at most `base`.
    #[must_use]
    pub fn new(base: Duration) -> Self {
        Self { base, failures: 0 }
    }

    /// The feed asks for another `base`; it gets what is nearest within the bounds.
    pub fn asked(&mut self, base: Duration) {
        self.base = base.clamp(RETRY_MIN, RETRY_MAX);
    }

    /// The wait after a connection that lasted for `lasted`: zero when there was none. `random` is
    /// from 0 to 1.
    #[must_use]
    pub fn wait(&mut self, lasted: Duration, random: f64) -> Duration {
        if lasted >= LASTING_CONNECTION {
            self.failures = 0;
        }
        let longest = 2u32
            .checked_pow(self.failures)
            .and_then(|factor| self.base.checked_mul(factor))
            .map_or(WAIT_MAX, |longest| longest.min(WAIT_MAX));
        self.failures = self.failures.saturating_add(1);
        longest.mul_f64(random.clamp(0.0, 1.0))
    }

    /// A `wait` when the feed's answer asks for another attempt no sooner than after `asked`: that
    /// and the wait, so that not all who were asked come back at once.
    #[must_use]
    pub fn and_asked(wait: Duration, asked: Duration) -> Duration {
        asked.min(RETRY_AFTER_MAX) + wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Duration = Duration::ZERO;
    const ALL: f64 = 1.0;

    fn waits(backoff: &mut Backoff, count: usize) -> Vec<u64> {
        let wait = |_| u64::try_from(backoff.wait(NONE, ALL).as_millis()).unwrap();
        (0..count).map(wait).collect()
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        assert_eq!(waits(&mut backoff, 7), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        for _ in 0..100 {
            assert_eq!(backoff.wait(NONE, ALL), WAIT_MAX);
        }
    }

    #[test]
    fn a_wait_is_any_part_of_the_longest() {
        for (random, ms) in [(0.0, 0), (0.25, 250), (1.0, 1_000), (2.0, 1_000), (-1.0, 0)] {
            let wait = Backoff::new(Duration::from_secs(1)).wait(NONE, random);
            assert_eq!(wait, Duration::from_millis(ms), "{random}");
        }
    }

    #[test]
    fn only_a_lasting_connection_starts_anew() {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        assert_eq!(waits(&mut backoff, 3), [1_000, 2_000, 4_000]);
        let short = LASTING_CONNECTION - Duration::from_millis(1);
        assert_eq!(backoff.wait(short, ALL), Duration::from_secs(8));
        assert_eq!(backoff.wait(LASTING_CONNECTION, ALL), Duration::from_secs(1));
        assert_eq!(waits(&mut backoff, 2), [2_000, 4_000]);
    }

    #[test]
    fn a_feed_that_asks_to_be_left_alone_is_within_bounds() {
        let (wait, minute) = (Duration::from_millis(250), Duration::from_secs(60));
        assert_eq!(Backoff::and_asked(wait, NONE), wait);
        assert_eq!(Backoff::and_asked(wait, minute), wait + minute);
        assert_eq!(Backoff::and_asked(wait, Duration::MAX), wait + RETRY_AFTER_MAX);
    }

    #[test]
    fn what_the_feed_asks_for_replaces_the_base_within_bounds() {
        for (asked, base) in [
            (0, RETRY_MIN),
            (499, RETRY_MIN),
            (3_000, Duration::from_secs(3)),
            (u64::from(u32::MAX), RETRY_MAX),
        ] {
            let mut backoff = Backoff::new(Duration::from_secs(1));
            backoff.asked(Duration::from_millis(asked));
            assert_eq!(backoff.wait(LASTING_CONNECTION, ALL), base, "{asked}");
            assert_eq!(backoff.wait(NONE, ALL), (base * 2).min(WAIT_MAX));
        }
    }
}
