//! How many scores have come in lately.

use gradebook_core::Timestamp;
use parking_lot::Mutex;

/// How long an interval of the history is, in milliseconds.
pub const INTERVAL_MS: u64 = 10_000;

/// How many complete intervals the history has: 15 minutes.
pub const INTERVALS: usize = 90;

/// How many intervals make the present rate: the last whole minute.
const PRESENT_INTERVALS: usize = (60_000 / INTERVAL_MS) as usize;

/// Counts of scores by the time they were received, over the last minutes.
///
/// Entries carry that time, so that the history is there again after a restart, and on a replica.
#[derive(Debug)]
pub struct Pulse {
    ring: Mutex<Ring>,
}

#[derive(Debug)]
struct Ring {
    /// The number of the newest interval since the epoch.
    newest: u64,
    /// Scores received, one for each interval; interval `n` stands at `n % counts.len()`.
    counts: [u32; INTERVALS + 1],
}

impl Default for Pulse {
    fn default() -> Self {
        Self { ring: Mutex::new(Ring { newest: 0, counts: [0; INTERVALS + 1] }) }
    }
}

impl Pulse {
    /// Counts scores that were received at these times. What is older than the history is left out.
    pub fn record(&self, received: impl IntoIterator<Item = Timestamp>) {
        let mut ring = self.ring.lock();
        for received in received {
            ring.advance(received.as_ms() / INTERVAL_MS);
            ring.count(received.as_ms() / INTERVAL_MS);
        }
    }

    /// Scores per minute in each of the [`INTERVALS`] that ended before `now`, oldest first.
    #[must_use]
    pub fn per_minute(&self, now: Timestamp) -> Vec<u64> {
        let mut ring = self.ring.lock();
        let present = now.as_ms() / INTERVAL_MS;
        ring.advance(present);
        let intervals = present.saturating_sub(INTERVALS as u64)..present;
        intervals.map(|interval| u64::from(ring.get(interval)) * 60_000 / INTERVAL_MS).collect()
    }

    /// How many scores were received in the last complete minute before `now`.
    #[must_use]
    pub fn last_minute(&self, now: Timestamp) -> u64 {
        let rates = self.per_minute(now);
        let lately = rates.len().saturating_sub(PRESENT_INTERVALS);
        rates[lately..].iter().sum::<u64>() / PRESENT_INTERVALS as u64
    }
}

impl Ring {
    /// Makes `interval` the newest unless it is older; those between are empty.
    fn advance(&mut self, interval: u64) {
        if interval <= self.newest {
            return;
        }
        let length = self.counts.len() as u64;
        if interval - self.newest >= length {
            self.counts.fill(0);
        } else {
            for empty in self.newest + 1..=interval {
                self.counts[(empty % length) as usize] = 0;
            }
        }
        self.newest = interval;
    }

    fn holds(&self, interval: u64) -> bool {
        interval <= self.newest && self.newest - interval < self.counts.len() as u64
    }

    fn count(&mut self, interval: u64) {
        if self.holds(interval) {
            let length = self.counts.len() as u64;
            let count = &mut self.counts[(interval % length) as usize];
            *count = count.saturating_add(1);
        }
    }

    fn get(&self, interval: u64) -> u32 {
        let length = self.counts.len() as u64;
        if self.holds(interval) { self.counts[(interval % length) as usize] } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(interval: u64) -> Timestamp {
        Timestamp::from_ms(interval * INTERVAL_MS + 1)
    }

    #[test]
    fn scores_are_counted_where_they_were_received_and_move_to_the_left() {
        let pulse = Pulse::default();
        pulse.record([at(1_000), at(1_000), at(1_001)]);
        let rates = pulse.per_minute(at(1_002));
        assert_eq!(rates.len(), INTERVALS);
        assert_eq!(rates[INTERVALS - 2..], [12, 6]);
        assert_eq!(pulse.per_minute(at(1_003))[INTERVALS - 3..], [12, 6, 0]);
        assert_eq!(pulse.last_minute(at(1_002)), 3);
    }

    #[test]
    fn what_is_too_old_is_forgotten() {
        let pulse = Pulse::default();
        pulse.record([at(1_000)]);
        assert_eq!(pulse.per_minute(at(1_000 + INTERVALS as u64))[0], 6);
        assert_eq!(pulse.per_minute(at(1_001 + INTERVALS as u64)), vec![0; INTERVALS]);
        pulse.record([at(1_000)]);
        assert_eq!(pulse.per_minute(at(5_000)), vec![0; INTERVALS]);
    }

    #[test]
    fn the_interval_that_has_not_ended_is_not_shown() {
        let pulse = Pulse::default();
        pulse.record([at(1_000)]);
        assert_eq!(pulse.per_minute(at(1_000)), vec![0; INTERVALS]);
    }

    #[test]
    fn a_clock_that_went_back_is_harmless() {
        let pulse = Pulse::default();
        pulse.record([at(1_000), at(999), at(10)]);
        assert_eq!(pulse.per_minute(at(1_001))[INTERVALS - 2..], [6, 6]);
        assert_eq!(pulse.per_minute(at(500)).iter().sum::<u64>(), 0);
    }
}
