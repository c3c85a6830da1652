//! Times and ages as people write and read them. Everything is UTC.

use jiff::Timestamp;
use knocker_core::store::system_now;

/// Parses a time: RFC 3339, a date (its midnight in UTC), `now`, or an age such as `2h` or `1d12h`. Returns Unix milliseconds.
pub fn parse(text: &str) -> Result<i64, String> {
    parse_at(text, system_now())
}

fn parse_at(text: &str, now: i64) -> Result<i64, String> {
    if text == "now" {
        return Ok(now);
    }
    if let Ok(seconds) = parse_age(text) {
        return Ok(now - seconds * 1000);
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp.as_millisecond());
    }
    // A date alone; with a clock time but no zone it would be a guess.
    if text.len() == 10
        && let Ok(midnight) = format!("{text}T00:00:00Z").parse::<Timestamp>()
    {
        return Ok(midnight.as_millisecond());
    }
    Err("give RFC 3339 such as 2026-01-31T12:00:00Z, a date, or an age such as 15m, 2h, 7d".into())
}

/// Parses an age into seconds: numbers with a unit of `s`, `m`, `h`, `d` or `w`.
pub fn parse_age(text: &str) -> Result<i64, String> {
    let wrong = || "give an age such as 90s, 15m, 2h, 7d or 1d12h".to_owned();
    let mut total: i64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit = match rest.as_bytes().get(digits) {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 3600,
            Some(b'd') => 86_400,
            Some(b'w') => 7 * 86_400,
            _ => return Err(wrong()),
        };
        total = number.checked_mul(unit).and_then(|seconds| total.checked_add(seconds)).ok_or_else(wrong)?;
        // A hundred years: longer ones are slips of the finger.
        if total > 100 * 366 * 86_400 {
            return Err(wrong());
        }
        rest = &rest[digits + 1..];
    }
    if text.is_empty() { Err(wrong()) } else { Ok(total) }
}

/// `2026-01-31 12:00:05`, for columns whose title says UTC.
pub fn show(at: i64) -> String {
    match Timestamp::from_millisecond(at) {
        Ok(timestamp) => timestamp.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => at.to_string(),
    }
}

/// `12:00:05.250`, for lines that are read while they come.
pub fn clock(at: i64) -> String {
    match Timestamp::from_millisecond(at) {
        Ok(timestamp) => timestamp.strftime("%H:%M:%S%.3f").to_string(),
        Err(_) => at.to_string(),
    }
}

/// `2026-01-31 12:00:05 UTC (3 minutes ago)`.
pub fn show_with_age(at: i64, now: i64) -> String {
    format!("{} UTC ({})", show(at), relative(at, now))
}

/// `3 minutes ago`, or `in 20 seconds`.
pub fn relative(at: i64, now: i64) -> String {
    let distance = duration((at - now).abs());
    if at > now { format!("in {distance}") } else { format!("{distance} ago") }
}

/// A duration of milliseconds in its largest unit.
pub fn duration(ms: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second")];
    match UNITS.iter().find(|(unit, _)| ms >= *unit) {
        Some((unit, name)) => crate::printable::count(ms / unit, name),
        None => format!("{ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z

    #[test]
    fn times_are_rfc_3339_dates_or_ages() {
        assert_eq!(parse_at("2026-01-01T00:00:00Z", 0), Ok(NOW));
        assert_eq!(parse_at("2026-01-01T02:00:00.5+02:00", 0), Ok(NOW + 500));
        assert_eq!(parse_at("2026-01-01", 0), Ok(NOW));
        assert_eq!(parse_at("2h", NOW), Ok(NOW - 7_200_000));
        assert_eq!(parse_at("1d12h", NOW), Ok(NOW - 129_600_000));
        assert_eq!(parse_at("now", NOW), Ok(NOW));
    }

    #[test]
    fn a_time_without_zone_and_nonsense_are_refused() {
        for text in ["", "2026-01-01T00:00:00", "yesterday", "2", "2y", "-2h", "2h ", "99999999999999999999d", "200000d", "2026-13-01"] {
            assert!(parse_at(text, NOW).is_err(), "{text:?}");
        }
    }

    #[test]
    fn ages_are_sums_of_units() {
        assert_eq!(parse_age("1w2d3h4m5s"), Ok(604_800 + 172_800 + 10_800 + 240 + 5));
        assert_eq!(parse_age("0s"), Ok(0));
        assert!(parse_age("30").is_err());
    }

    #[test]
    fn times_are_shown_in_utc_with_their_distance() {
        assert_eq!(show_with_age(NOW, NOW + 180_000), "2026-01-01 00:00:00 UTC (3 minutes ago)");
        assert_eq!(relative(NOW + 1000, NOW), "in 1 second");
        assert_eq!(duration(999), "999 ms");
        assert_eq!(clock(NOW + 5250), "00:00:05.250");
    }
}
