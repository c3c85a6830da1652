//! What is signed: a few parts, one after the other.

use std::borrow::Cow;

use super::context::Context;
use super::json::Json;
use super::limits::shown;
use super::refusal::{Checked, Refusal};
use super::timestamp::Joint;
use crate::error::{Error, Result, suggestion};

/// One part of the signed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// These characters.
    Text(&'a str),
    /// The raw body.
    Body,
    /// The timestamp, as it was written in the request.
    Timestamp,
    /// The URL as the sender knows it.
    Url,
    /// The method in capitals.
    Method,
    /// The value of a header.
    Header(&'a str),
}

/// The names that a template may hold in braces.
const NAMES: [&str; 5] = ["body", "timestamp", "url", "method", "header:"];

impl<'a> Part<'a> {
    /// Reads a template such as `{timestamp}.{body}`; `{header:x-id}` is the value of a header.
    pub fn parse(template: &'a str) -> Result<Vec<Part<'a>>> {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some(open) = rest.find('{') {
            if open > 0 {
                parts.push(Part::Text(&rest[..open]));
            }
            let Some(length) = rest[open..].find('}') else {
                return Err(Error::invalid(format!("option template: {template:?} has a brace that is not closed")));
            };
            let name = &rest[open + 1..open + length];
            parts.push(match name {
                "body" => Part::Body,
                "timestamp" => Part::Timestamp,
                "url" => Part::Url,
                "method" => Part::Method,
                _ => match name.strip_prefix("header:") {
                    Some(header) if !header.is_empty() => Part::Header(header),
                    _ => {
                        let near = suggestion(name, NAMES);
                        return Err(Error::invalid(format!("option template: unknown part {{{name}}}{near}")));
                    }
                },
            });
            rest = &rest[open + length + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest));
        }
        Ok(parts)
    }

    /// The template as text, for people.
    pub fn describe(parts: &[Part]) -> String {
        let piece = |part: &Part| match part {
            Part::Text(text) => (*text).to_owned(),
            Part::Body => "{body}".into(),
            Part::Timestamp => "{timestamp}".into(),
            Part::Url => "{url}".into(),
            Part::Method => "{method}".into(),
            Part::Header(name) => format!("{{{name}}}"),
        };
        parts.iter().map(piece).collect()
    }

    /// The bytes of this part, with this URL in place of the likeliest one.
    fn resolve(self, context: &Context<'a>, timestamp: &'a str, url: Option<&Cow<'a, str>>) -> Checked<Cow<'a, [u8]>> {
        Ok(match self {
            Part::Text(text) => text.as_bytes().into(),
            Part::Body => context.body().into(),
            Part::Timestamp => timestamp.as_bytes().into(),
            Part::Url => match url.cloned().map_or_else(|| super::url::signed_url(context), Ok)? {
                Cow::Borrowed(url) => url.as_bytes().into(),
                Cow::Owned(url) => url.into_bytes().into(),
            },
            Part::Method => context.request.method.to_ascii_uppercase().into_bytes().into(),
            Part::Header(name) => context.required_header(name)?.as_bytes().into(),
        })
    }
}

/// The bytes of every part, in order; the body is borrowed.
pub fn resolve<'a>(parts: &[Part<'a>], context: &Context<'a>, timestamp: &'a str) -> Checked<Vec<Cow<'a, [u8]>>> {
    parts.iter().map(|part| part.resolve(context, timestamp, None)).collect()
}

/// The same for each URL that the sender may have signed; once where it signs none.
pub fn resolve_each<'a>(parts: &[Part<'a>], context: &Context<'a>, timestamp: &'a str) -> Checked<Vec<Vec<Cow<'a, [u8]>>>> {
    if !parts.contains(&Part::Url) {
        return Ok(vec![resolve(parts, context, timestamp)?]);
    }
    let with = |url| parts.iter().map(|part| part.resolve(context, timestamp, Some(&url))).collect();
    super::url::signed_urls(context)?.into_iter().map(with).collect()
}

/// Whether only the length of the timestamp says where it ends: another part stands beside it, and nothing between them that no
/// timestamp holds.
pub fn timestamp_joint(parts: &[Part]) -> Joint {
    let separates = |part: Option<&Part>, begins: bool| match part {
        None => true,
        Some(Part::Text(text)) => {
            let beside = if begins { text.bytes().next() } else { text.bytes().last() };
            beside.is_some_and(|byte| !byte.is_ascii_digit())
        }
        Some(_) => false,
    };
    let is_separated =
        |at: usize| separates(at.checked_sub(1).and_then(|before| parts.get(before)), false) && separates(parts.get(at + 1), true);
    let touches = parts.iter().enumerate().any(|(at, part)| *part == Part::Timestamp && !is_separated(at));
    if touches { Joint::Touching } else { Joint::Separated }
}

impl Part<'_> {
    /// Whether it has no form of its own that says where it ends.
    fn is_open(&self) -> bool {
        matches!(self, Part::Url | Part::Method | Part::Header(_))
    }
}

/// Two parts that touch although neither says where it ends: a byte could move from one to the other, and the signature would hold. The method
/// and a header are told from a URL behind them, which begins with `http://` or `https://`.
pub fn open_joint<'p, 'a>(parts: &'p [Part<'a>]) -> Option<&'p [Part<'a>]> {
    parts.windows(2).find(|pair| pair.iter().all(Part::is_open) && pair[1] != Part::Url)
}

/// Refuses a request whose parts may have been cut elsewhere than the sender joined them.
pub fn check_joints(parts: &[Part], context: &Context) -> Checked<()> {
    check_headers(parts, context)?;
    let is_body = |at: &usize| parts[*at] == Part::Body;
    let is_open = |at| is_beside_open(parts[..at].iter().rev()) || is_beside_open(parts[at + 1..].iter());
    if (0..parts.len()).filter(is_body).any(is_open) { check_whole_body(context) } else { Ok(()) }
}

/// Whether nothing but punctuation, which these may hold as well, stands between the body and the next part that does not say where it ends.
fn is_beside_open<'p, 'a: 'p>(mut beside: impl Iterator<Item = &'p Part<'a>>) -> bool {
    match beside.next() {
        Some(Part::Text(text)) if !text.contains(|character: char| character.is_whitespace()) => is_beside_open(beside),
        Some(part) => part.is_open(),
        None => false,
    }
}

/// Refuses a body that may have lost or gained bytes to what it is signed beside: neither a piece of a JSON document nor one with something
/// before or behind it is a JSON document. An empty one is whole where the URL has not taken it in.
pub fn check_whole_body(context: &Context) -> Checked<()> {
    let body = context.body();
    let is_whole = match body.is_empty() {
        true => !context.request.url.contains(['{', '"']),
        false => Json::parse(body).is_some_and(Json::is_document),
    };
    if is_whole {
        return Ok(());
    }
    Err(Refusal::body("the body is not JSON, so that nothing tells where it ends and what is signed beside it begins"))
}

/// Refuses a header whose value could have taken in what stands beside it. One that touches another part of what is signed holds no more than a
/// name or a number does; one that is set apart, by a full stop say, does not hold that full stop where another one is behind it, nor what a JSON
/// body begins with.
fn check_headers(parts: &[Part], context: &Context) -> Checked<()> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=+/".contains(&byte);
    for (at, part) in parts.iter().enumerate() {
        let Part::Header(name) = part else { continue };
        let touches = |beside: Option<&Part>| beside.is_some_and(|part| !matches!(part, Part::Text(_)));
        let touching = touches(parts.get(at + 1)) || touches(at.checked_sub(1).and_then(|before| parts.get(before)));
        let value = context.header(name)?.unwrap_or_default();
        if touching && !value.bytes().all(is_plain) {
            let expected = "letters, digits and -_.=+/, as what is signed behind it must not be taken for a part of it";
            return Err(Refusal::malformed(name, expected));
        }
        let before = parts[..at].split_last_chunk().map(|(_, [open, text])| (text, open));
        let behind = parts[at + 1..].split_first_chunk().map(|([text, open], _)| (text, open));
        for (text, open) in [before, behind].into_iter().flatten() {
            if let Part::Text(text) = text
                && open.is_open()
                && value.contains(text)
            {
                return Err(Refusal::malformed(
                    name,
                    &format!("without {}, which sets it apart from what is signed beside it", shown(text)),
                ));
            }
        }
        if parts[at..].contains(&Part::Body) && value.contains(['{', '[']) {
            return Err(Refusal::malformed(
                name,
                "without a brace or a bracket, as what is signed behind it must not be taken for a part of it",
            ));
        }
    }
    Ok(())
}

/// The parts that tell one occurrence from another: what was signed, with these pieces for the body, without the timestamp, which a retry
/// renews, and without the punctuation.
pub fn occurrence<'a>(parts: &[Part<'a>], context: &Context<'a>, body: &[&'a [u8]]) -> Vec<Cow<'a, [u8]>> {
    let mut telling = Vec::new();
    for part in parts {
        match part {
            Part::Text(_) | Part::Timestamp => {}
            Part::Body => telling.extend(body.iter().map(|piece| Cow::Borrowed(*piece))),
            Part::Url | Part::Method | Part::Header(_) => telling.extend(part.resolve(context, "", None)),
        }
    }
    telling
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_read_and_written() {
        let text = "v0:{timestamp}:{header:x-id}{method}{url}{body}!";
        let parts = Part::parse(text).unwrap();
        assert_eq!(
            parts,
            [
                Part::Text("v0:"),
                Part::Timestamp,
                Part::Text(":"),
                Part::Header("x-id"),
                Part::Method,
                Part::Url,
                Part::Body,
                Part::Text("!")
            ]
        );
        assert_eq!(Part::describe(&parts), "v0:{timestamp}:{x-id}{method}{url}{body}!");
        assert_eq!(Part::parse("").unwrap(), []);
    }

    #[test]
    fn a_timestamp_touches_what_nothing_separates_from_it() {
        for (template, joint) in [
            ("{timestamp}.{body}", Joint::Separated),
            ("v0:{timestamp}:{body}", Joint::Separated),
            ("{timestamp}", Joint::Separated),
            ("{timestamp}{body}", Joint::Touching),
            ("{body}{timestamp}", Joint::Touching),
            ("{header:x-id}{timestamp}.{body}", Joint::Touching),
            ("v0{timestamp}:{body}", Joint::Touching),
            ("{timestamp}0{body}", Joint::Touching),
            ("{url}", Joint::Separated),
        ] {
            assert_eq!(timestamp_joint(&Part::parse(template).unwrap()), joint, "{template}");
        }
    }

    #[test]
    fn two_parts_that_do_not_say_where_they_end_must_not_touch() {
        for (template, touching) in [
            ("{header:x-a}{header:x-b}{body}", Some("{x-a}{x-b}")),
            ("{url}{header:x-a}.{body}", Some("{url}{x-a}")),
            ("{body}{url}{method}", Some("{url}{method}")),
            ("{method}{header:x-a} {body}", Some("{method}{x-a}")),
            ("{method}{url}{body}", None),
            ("{header:x-a}{url}{body}", None),
            ("{header:x-a}{timestamp}{header:x-b}.{body}", None),
            ("{url}.{header:x-a}{body}", None),
        ] {
            let parts = Part::parse(template).unwrap();
            assert_eq!(open_joint(&parts).map(Part::describe).as_deref(), touching, "{template}");
        }
    }

    #[test]
    fn only_white_space_and_a_timestamp_set_the_body_apart() {
        let beside = |template: &str| {
            let parts = Part::parse(template).unwrap();
            let at = parts.iter().position(|part| *part == Part::Body).unwrap();
            is_beside_open(parts[..at].iter().rev()) || is_beside_open(parts[at + 1..].iter())
        };
        for template in ["{url}{body}", "{body}{url}", "{url}.{body}", "{body}:{header:x-a}", "{method}{body}", "{header:x-a}.-{body}"] {
            assert!(beside(template), "{template}");
        }
        for template in
            ["{body}", "{url}\n{body}", "{method} {url} {body}", "{url}{timestamp}{body}", "{header:x-a}.{timestamp}.{body}", "v0:{body}"]
        {
            assert!(!beside(template), "{template}");
        }
    }

    #[test]
    fn an_unknown_part_is_named_with_the_nearest() {
        let error = Part::parse("{timestmp}.{body}").unwrap_err();
        assert_eq!(error.message(), "option template: unknown part {timestmp}; did you mean \"timestamp\"?");
        assert!(Part::parse("{body").is_err());
        assert!(Part::parse("{header:}").is_err());
    }
}
