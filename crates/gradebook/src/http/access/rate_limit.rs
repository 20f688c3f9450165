//! So many requests in so much time, per token or else per address. Off by default.

use std::collections::HashMap;
use std::hash::Hash;
use std::str::FromStr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Callers that are told apart, at most. When there are more, those whose window is over are
/// forgotten; if that frees nothing, newcomers share one count.
pub const CALLERS_MAX: usize = 100_000;

/// A quota: so many requests in each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests in a window; at least 1.
    pub requests: u32,
    /// The length of a window; at least a second.
    pub window: Duration,
}

impl FromStr for Quota {
    type Err = String;

    /// `600/60s`: 600 requests in 60 seconds.
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(requests, window)| {
            let requests: u32 = requests.parse().ok()?;
            let seconds: u32 = window.strip_suffix('s').unwrap_or(window).parse().ok()?;
            let window = Duration::from_secs(u64::from(seconds));
            (requests > 0 && seconds > 0).then_some(Self { requests, window })
        });
        parsed.ok_or_else(|| "a quota is REQUESTS/SECONDS, such as 600/60s".to_owned())
    }
}

/// What is left to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Requests left in this window.
    pub requests: u32,
    /// Whole seconds until the next window, rounded up.
    pub seconds: u64,
    /// Whether this request was within the quota.
    pub allowed: bool,
}

/// Counts requests of callers in fixed windows.
#[derive(Debug)]
pub struct RateLimit<Caller> {
    quota: Quota,
    windows: Mutex<HashMap<Option<Caller>, Window>>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    began: Instant,
    used: u32,
}

impl<Caller: Eq + Hash> RateLimit<Caller> {
    /// Everybody has `quota`.
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        Self { quota, windows: Mutex::new(HashMap::new()) }
    }

    /// The quota of everybody.
    #[must_use]
    pub fn quota(&self) -> Quota {
        self.quota
    }

    /// Counts one request of `caller` at `now`, and says what is left after it.
    pub fn count(&self, caller: Caller, now: Instant) -> Left {
        self.change(caller, now, |used| used.saturating_add(1))
    }

    /// Takes back one request: an answer that costs nothing (304) is not counted.
    pub fn give_back(&self, caller: Caller, now: Instant) -> Left {
        self.change(caller, now, |used| used.saturating_sub(1))
    }

    fn change(&self, caller: Caller, now: Instant, change: impl Fn(u32) -> u32) -> Left {
        let Quota { requests, window: length } = self.quota;
        let over = |window: &Window| now.saturating_duration_since(window.began) >= length;
        let mut windows = self.windows.lock();
        let mut caller = Some(caller);
        if windows.len() >= CALLERS_MAX && !windows.contains_key(&caller) {
            windows.retain(|_, window| !over(window));
            if windows.len() >= CALLERS_MAX {
                metrics::counter!("gradebook_rate_limit_callers_shared_total").increment(1);
                caller = None;
            }
        }
        let window = windows.entry(caller).or_insert(Window { began: now, used: 0 });
        if over(window) {
            *window = Window { began: now, used: 0 };
        }
        window.used = change(window.used);
        let rest = length.saturating_sub(now.saturating_duration_since(window.began));
        Left {
            requests: requests.saturating_sub(window.used),
            seconds: rest.as_secs() + u64::from(rest.subsec_nanos() > 0),
            allowed: window.used <= requests,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_used_up_and_comes_back() {
        let limit = RateLimit::new("2/60s".parse().unwrap());
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(limit.count("a", at(0)), Left { requests: 1, seconds: 60, allowed: true });
        assert_eq!(limit.count("a", at(10)), Left { requests: 0, seconds: 50, allowed: true });
        assert_eq!(limit.count("a", at(20)), Left { requests: 0, seconds: 40, allowed: false });
        assert_eq!(limit.count("b", at(20)), Left { requests: 1, seconds: 60, allowed: true });
        assert_eq!(limit.count("a", at(60)), Left { requests: 1, seconds: 60, allowed: true });
        limit.give_back("a", at(61));
        assert_eq!(limit.count("a", at(62)), Left { requests: 1, seconds: 58, allowed: true });
    }

    #[test]
    fn callers_beyond_the_bound_share_one_count() {
        let limit = RateLimit::new("1/60s".parse().unwrap());
        let start = Instant::now();
        (0..CALLERS_MAX).for_each(|caller| assert!(limit.count(caller, start).allowed));
        assert!(limit.count(CALLERS_MAX, start).allowed);
        assert!(!limit.count(CALLERS_MAX + 1, start).allowed);
        assert!(limit.windows.lock().len() <= CALLERS_MAX + 1);
    }

    #[test]
    fn other_texts_are_no_quota() {
        for text in ["", "600", "0/60s", "600/0s", "-1/60s", "a/b"] {
            assert!(text.parse::<Quota>().is_err(), "{text}");
        }
    }
}
