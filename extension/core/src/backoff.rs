//! How long to wait after a failed attempt.

use serde::{Deserialize, Serialize};

/// Exponential backoff: `base_s` × `factor`ⁿ⁻¹ after attempt n, at most `cap_s`, and then ±10 % of jitter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct Backoff {
    /// Delay after the first attempt, in seconds.
    pub base_s: f64,
    /// What each further attempt multiplies it by.
    pub factor: f64,
    /// The longest delay, in seconds.
    pub cap_s: f64,
}

impl Default for Backoff {
    /// With ten attempts about a day in all.
    fn default() -> Self {
        Self { base_s: 5.0, factor: 4.0, cap_s: 21_600.0 }
    }
}

impl Backoff {
    /// Milliseconds to wait after `attempt` (1 is the first).
    ///
    /// The jitter of ±10 % keeps events that failed together from coming back together. It is a function of event and attempt, so that
    /// the same call gives the same row on every replica.
    pub fn delay_ms(&self, event_id: i64, attempt: i64) -> i64 {
        let exponent = (attempt - 1).clamp(0, 1000) as i32;
        // Without a base there is nothing to multiply, also where the factor's power is infinite.
        let seconds = if self.base_s == 0.0 { 0.0 } else { (self.base_s * self.factor.powi(exponent)).min(self.cap_s) };
        let jitter = 0.9 + 0.2 * unit_interval(event_id as u64, attempt as u64);
        (seconds * jitter * 1000.0) as i64
    }
}

/// A number in [0, 1) that is spread evenly over neighbouring inputs (the finaliser of SplitMix64).
fn unit_interval(event_id: u64, attempt: u64) -> f64 {
    let mut z = event_id.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(attempt.wrapping_mul(0xD1B5_4A32_D192_ED03));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_base_there_is_no_delay() {
        let backoff = Backoff { base_s: 0.0, factor: 100.0, cap_s: 60.0 };
        assert_eq!([1, 10, 1000].map(|attempt| backoff.delay_ms(1, attempt)), [0, 0, 0]);
    }

    #[test]
    fn delays_grow_by_the_factor_up_to_the_cap() {
        let backoff = Backoff::default();
        for (attempt, seconds) in [(1, 5.0), (2, 20.0), (3, 80.0), (4, 320.0), (7, 20_480.0), (8, 21_600.0), (999, 21_600.0)] {
            for event_id in 1..200 {
                let delay = backoff.delay_ms(event_id, attempt) as f64 / 1000.0;
                assert!((seconds * 0.9..=seconds * 1.1).contains(&delay), "attempt {attempt}: {delay} s");
            }
        }
    }

    #[test]
    fn jitter_differs_between_events_and_repeats_for_the_same_one() {
        let backoff = Backoff::default();
        let delays: std::collections::BTreeSet<_> = (1..100).map(|event_id| backoff.delay_ms(event_id, 3)).collect();
        assert!(delays.len() > 90);
        assert_eq!(backoff.delay_ms(7, 2), backoff.delay_ms(7, 2));
    }

    #[test]
    fn ten_attempts_take_about_a_day() {
        let total: i64 = (1..10).map(|attempt| Backoff::default().delay_ms(1, attempt)).sum();
        let hours = total as f64 / 3_600_000.0;
        assert!((18.0..30.0).contains(&hours), "{hours} h");
    }
}
