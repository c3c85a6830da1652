//! Signed timestamps: how they are written, and how far from now they may be.

use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::context::Context;
use super::refusal::{Checked, Refusal};
use crate::providers::Reason;

/// How a timestamp is written.
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    /// Unix seconds.
    Seconds,
    /// Unix milliseconds.
    Milliseconds,
    /// ISO 8601 (RFC 3339) text such as `2026-01-01T00:00:00Z`.
    Iso8601,
}

/// Where it stands.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// In the signature header, beside the signatures.
    SignatureHeader,
    /// In a header of its own.
    Header(&'a str),
}

/// What happens to a timestamp that lies in the future.
#[derive(Debug, Clone, Copy)]
pub enum Future {
    /// It passes, as in the provider's own libraries: only age counts.
    Passes,
    /// It may differ by the tolerance, as in the past.
    Tolerated,
}

/// The timestamp of a scheme. The tolerance is the option `tolerance_s`.
#[derive(Debug, Clone, Copy)]
pub struct Timestamp<'a> {
    /// Where it stands.
    pub place: Place<'a>,
    /// How it is written.
    pub unit: Unit,
    /// What happens to one in the future.
    pub future: Future,
}

impl Unit {
    /// The unit that the option `timestamp_unit` names.
    pub fn from_option(name: &str) -> Self {
        match name {
            "ms" => Unit::Milliseconds,
            "iso8601" => Unit::Iso8601,
            _ => Unit::Seconds,
        }
    }

    /// Unix milliseconds, or `None` where the text is no such timestamp.
    pub fn parse(self, text: &str) -> Option<i64> {
        let digits = || (!text.is_empty() && text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text);
        match self {
            Unit::Seconds => digits()?.parse::<i64>().ok()?.checked_mul(1000),
            Unit::Milliseconds => digits()?.parse().ok(),
            Unit::Iso8601 => parse_iso8601(text),
        }
    }

    /// The text of a moment in Unix milliseconds.
    pub fn format(self, ms: i64) -> String {
        match self {
            Unit::Seconds => ms.div_euclid(1000).to_string(),
            Unit::Milliseconds => ms.to_string(),
            Unit::Iso8601 => format_iso8601(ms),
        }
    }
}

/// How a timestamp stands in what is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// Something that cannot be part of it stands on either side.
    Separated,
    /// It touches the body, a header or the URL, so that only its own length says where it ends.
    Touching,
}

impl Unit {
    /// How many digits our times have.
    fn width(self) -> Option<usize> {
        match self {
            Unit::Seconds => Some(10),
            Unit::Milliseconds => Some(13),
            // No such text begins or ends with another one.
            Unit::Iso8601 => None,
        }
    }

    /// Unix milliseconds, or `None` where the text is no such timestamp. One that touches what it is signed with must have the length of our
    /// times: else a digit of it could be moved over, and signed bytes would be two requests.
    pub fn parse_at(self, joint: Joint, text: &str) -> Option<i64> {
        self.parse(text).filter(|_| joint == Joint::Separated || self.width().is_none_or(|width| text.len() == width))
    }

    /// The text of a moment in Unix milliseconds, in the length that the joint asks for: early times get zeros before them.
    pub fn format_at(self, joint: Joint, ms: i64) -> String {
        let text = self.format(ms);
        match self.width() {
            Some(width) if joint == Joint::Touching => format!("{text:0>width$}"),
            _ => text,
        }
    }
}

impl Timestamp<'_> {
    /// Refuses `text`, from this header, where it is no timestamp or too far from now. Its form counts also where its age does not: a
    /// timestamp that may be any text could hold the beginning of the body.
    pub fn check(&self, context: &Context, text: &str, joint: Joint, header: &str) -> Checked<()> {
        let ms = self.unit.parse_at(joint, text).ok_or_else(|| Refusal::malformed(header, "a timestamp in the provider's form"))?;
        self.future.check(context, self.unit, ms)
    }
}

fn tolerance_s(context: &Context) -> i64 {
    context.options.number("tolerance_s").unwrap_or(0)
}

impl Future {
    /// Refuses a moment that is too far from now. Second-grained timestamps are compared in whole seconds, as senders' libraries do.
    pub fn check(self, context: &Context, unit: Unit, ms: i64) -> Checked<()> {
        let tolerance_s = tolerance_s(context);
        if tolerance_s == 0 {
            return Ok(());
        }
        let age_ms = match unit {
            Unit::Seconds => context.now_s().saturating_mul(1000).saturating_sub(ms),
            Unit::Milliseconds | Unit::Iso8601 => context.now_ms.saturating_sub(ms),
        };
        let tolerance_ms = tolerance_s.saturating_mul(1000);
        let refuse = |direction: &str, distance_ms: i64| {
            let seconds = distance_ms / 1000;
            let detail = format!("{FAR}{seconds} s {direction}, {tolerance_s} s are allowed");
            Err(Refusal::new(Reason::TimestampOutOfTolerance, detail))
        };
        match self {
            _ if age_ms > tolerance_ms => refuse(OLD, age_ms),
            Future::Tolerated if age_ms.saturating_neg() > tolerance_ms => refuse(AHEAD, age_ms.saturating_neg()),
            _ => Ok(()),
        }
    }
}

const FAR: &str = "the signed timestamp is ";
const OLD: &str = "old";
const AHEAD: &str = "in the future";

/// The seconds from a signed timestamp to the clock that judged it, as the detail of its refusal says them: more than 0 where it was old, less
/// where it lay in the future.
pub fn signed_distance_s(detail: &str) -> Option<i64> {
    let (seconds, rest) = detail.strip_prefix(FAR)?.split_once(" s ")?;
    let seconds: i64 = seconds.parse().ok()?;
    if rest.starts_with(AHEAD) { Some(-seconds) } else { rest.starts_with(OLD).then_some(seconds) }
}

/// `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH[:]MM)`, and none of the shorter forms that ISO 8601 has besides: one of these may begin another, and no
/// byte is to move between a time and what it is signed with.
fn parse_iso8601(text: &str) -> Option<i64> {
    let (clock, rest) = text.split_at_checked(19)?;
    let has_form = clock.bytes().zip(*b"0000-00-00T00:00:00").all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't' | b' '),
        _ => byte == form,
    });
    let (fraction, offset) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
        None => ("0", rest),
    };
    let (sign, digits) = match offset.as_bytes() {
        b"Z" | b"z" => (1, "0000".into()),
        [b'+', ..] => (1, offset[1..].to_owned()),
        [b'-', ..] => (-1, offset[1..].to_owned()),
        _ => return None,
    };
    let digits = if digits.as_bytes().get(2) == Some(&b':') { digits.replacen(':', "", 1) } else { digits };
    if !has_form || fraction.is_empty() || digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let two = |text: &str, at: usize| text[at..at + 2].parse::<i8>().ok();
    // A leap second counts as the one before it.
    let (hour, minute, second) = (two(clock, 11)?, two(clock, 14)?, two(clock, 17)?);
    let second = if second == 60 { 59 } else { second };
    let time = DateTime::new(clock[..4].parse().ok()?, two(clock, 5)?, two(clock, 8)?, hour, minute, second, 0).ok()?;
    let offset = Offset::from_seconds(sign * 60 * (60 * i32::from(two(&digits, 0)?) + i32::from(two(&digits, 2)?))).ok()?;
    let milliseconds: i64 = format!("{:0<3}", &fraction[..fraction.len().min(3)]).parse().ok()?;
    Some(offset.to_timestamp(time).ok()?.as_millisecond() + milliseconds)
}

fn format_iso8601(ms: i64) -> String {
    let time = Offset::UTC.to_datetime(jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX));
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", time.year(), time.month(), time.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_8601_goes_there_and_back() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-01-01T00:00:00Z", 1_767_225_600_000),
            ("2024-02-29T23:59:59Z", 1_709_251_199_000),
            ("1969-12-31T23:59:59Z", -1000),
            ("2000-12-31T00:00:00Z", 978_220_800_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000),
        ] {
            assert_eq!(Unit::Iso8601.parse(text), Some(ms), "{text}");
            assert_eq!(Unit::Iso8601.format(ms), text);
        }
        assert_eq!(Unit::Iso8601.parse("2026-01-01T01:30:00.25+01:30"), Some(1_767_225_600_250));
        assert_eq!(Unit::Iso8601.parse("2025-12-31T23:00:00-0100"), Some(1_767_225_600_000));
        for text in [
            "",
            "2026-01-01",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+0130:",
            "2026-01-01T00:00:00+:0130",
            "2026-01-01T00:00:00+013:0",
            "2026-01-01T00:00:00+01:3",
            "2026-01-01T00:00:00+01:300",
            "2026-01-01T00:00:00Z0",
        ] {
            assert_eq!(Unit::Iso8601.parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_that_touches_what_it_is_signed_with_has_one_length() {
        assert_eq!(Unit::Seconds.parse_at(Joint::Touching, "1767225600"), Some(1_767_225_600_000));
        assert_eq!(Unit::Milliseconds.parse_at(Joint::Touching, "1767225600000"), Some(1_767_225_600_000));
        for text in ["176722560", "17672256001", "1767225600{", "1767225600000"] {
            assert_eq!(Unit::Seconds.parse_at(Joint::Touching, text), None, "{text}");
        }
        assert_eq!(Unit::Milliseconds.parse_at(Joint::Touching, "176722560000"), None);
        assert_eq!(Unit::Seconds.parse_at(Joint::Separated, "17672256001"), Some(17_672_256_001_000));
        assert_eq!(Unit::Seconds.format_at(Joint::Touching, 17_000), "0000000017");
        assert_eq!(Unit::Seconds.format_at(Joint::Separated, 17_000), "17");
    }

    #[test]
    fn the_distance_is_read_from_what_a_refusal_says() {
        let request = crate::request::Request::parse("{}", b"").unwrap();
        let options = crate::providers::find("slack").unwrap().options("").unwrap();
        let context = Context { options: &options, request: &request, now_ms: 1_767_225_600_000 };
        for distance in [301, 7200, -301] {
            let refusal = Future::Tolerated.check(&context, Unit::Seconds, context.now_ms - distance * 1000).unwrap_err();
            assert_eq!(signed_distance_s(&refusal.detail), Some(distance), "{}", refusal.detail);
        }
        assert_eq!(signed_distance_s("no secret produces this signature"), None);
    }

    #[test]
    fn no_iso_8601_text_begins_or_ends_with_another() {
        let texts = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.25Z", "2026-01-01T00:00:00.2+01:30", "2026-01-01T00:00:00-0130"];
        for text in texts {
            assert!(Unit::Iso8601.parse(text).is_some());
            for at in 1..text.len() {
                assert_eq!(Unit::Iso8601.parse(&text[..at]), None);
                assert_eq!(Unit::Iso8601.parse(&text[at..]), None);
            }
            for more in ["0", ":", "Z", "{", "+", "2026"] {
                assert_eq!(Unit::Iso8601.parse(&format!("{text}{more}")), None);
                assert_eq!(Unit::Iso8601.parse(&format!("{more}{text}")), None);
            }
        }
    }

    #[test]
    fn unix_times_are_digits_alone() {
        assert_eq!(Unit::Seconds.parse("17"), Some(17_000));
        assert_eq!(Unit::Milliseconds.parse("17"), Some(17));
        for text in ["", "-1", "+1", " 1", "1.0", "1e3", "9999999999999999999", "１"] {
            assert_eq!(Unit::Seconds.parse(text), None, "{text}");
        }
    }
}
