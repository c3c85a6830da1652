//! Where a request says what happened: the type and the identity of the occurrence, for one event or for each of a batch.

use std::borrow::Cow;
use std::ops::Range;

use super::context::Context;
use super::digest::sha256_hex;
use super::json::{self, Json};
use crate::providers::Item;

/// The longest key that is kept as it is, in bytes.
const MAX_KEY: usize = 255;

/// Where one text is found.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// In a header.
    Header(&'static str),
    /// At a dotted path of the JSON body, or of a batch's element.
    Json(&'static str),
    /// In the header that this option names.
    HeaderOption(&'static str),
    /// At the path that this option names.
    JsonOption(&'static str),
    /// Several texts joined by `:`, all of which must be there.
    All(&'static [Source]),
    /// The same, joined by `.`.
    Dotted(&'static [Source]),
    /// This text, where the other source has one: tells families of occurrences apart.
    Literal(&'static str),
}

/// How a provider says what happened. The first source that has a text wins.
pub struct Event {
    /// Where the type is.
    pub types: &'static [Source],
    /// Where the identity is; without one the signed bytes are hashed.
    pub keys: &'static [Source],
    /// Where the elements of a batch are.
    pub batch: Batch,
    /// What an occurrence without an identity is named by.
    pub unnamed: Unnamed,
    /// The identity in words, where the sources do not say it all.
    pub identity: &'static str,
}

/// What an occurrence without an identity is named by.
#[derive(Debug, Clone, Copy)]
pub enum Unnamed {
    /// The signed bytes: the same ones are a retry.
    SignedBytes,
    /// Nothing: the same bytes say again and again that something happened.
    Nothing,
}

/// Whether one request may hold several occurrences.
#[derive(Debug, Clone, Copy)]
pub enum Batch {
    /// It is one.
    Single,
    /// The body is an array of them.
    Body,
    /// This path of the body is an array of them.
    Path(&'static str),
    /// This function finds them; `None` where the body is read as one occurrence. Items without a key get one.
    Custom(fn(&Context) -> Option<Vec<Item>>),
}

impl Event {
    /// No type and no identity of its own.
    pub const UNKNOWN: Event = Event { types: &[], keys: &[], batch: Batch::Single, unnamed: Unnamed::SignedBytes, identity: "" };

    /// The occurrences of an authentic request. `occurrence` gives the bytes to name one by that has no identity, where it has any.
    ///
    /// An authentic body that is not in the expected form is one occurrence: nothing that a provider signed is dropped.
    pub fn items<'a>(&self, context: &Context<'a>, occurrence: impl Fn() -> Option<Vec<Cow<'a, [u8]>>>) -> Vec<Item> {
        let name = |span: Option<&Range<usize>>| match (self.unnamed, span) {
            (Unnamed::Nothing, _) => None,
            (Unnamed::SignedBytes, Some(span)) => Some(named(&[&context.body()[span.clone()]])),
            (Unnamed::SignedBytes, None) => occurrence().map(|parts| named(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>())),
        };
        let mut items = self.read(context);
        for item in &mut items {
            let key = item.key.take().filter(|key| !key.is_empty());
            item.key = key.map(bounded_key).or_else(|| name(item.span.as_ref()));
            item.event_type.take_if(|text| text.is_empty());
        }
        items
    }

    fn read(&self, context: &Context) -> Vec<Item> {
        if let Batch::Custom(find) = self.batch
            && let Some(items) = find(context)
        {
            return items;
        }
        match self.batch.elements(context.body()) {
            None => vec![Item { span: None, ..self.item(context, context.body()) }],
            Some(elements) => elements
                .into_iter()
                .map(|element| Item { span: Some(element.span_in(context.body())), ..self.item(context, element.bytes()) })
                .collect(),
        }
    }

    /// Where the identity is, in words.
    pub fn describe_identity(&self) -> String {
        if !self.identity.is_empty() {
            return self.identity.to_owned();
        }
        let last = match self.unnamed {
            Unnamed::SignedBytes => "SHA-256 of the signed bytes",
            Unnamed::Nothing => "none",
        };
        let sources: Vec<_> = self.keys.iter().map(Source::describe).chain([last.into()]).collect();
        let each = match self.batch {
            Batch::Single | Batch::Custom(_) => "",
            Batch::Body | Batch::Path(_) => "of each item: ",
        };
        format!("{each}{}", sources.join(", else "))
    }

    /// Type and key of one element (or of the whole body).
    fn item<'a>(&self, context: &Context<'a>, json: &'a [u8]) -> Item {
        let mut paths = Vec::new();
        for source in self.types.iter().chain(self.keys) {
            source.paths(context, &mut paths);
        }
        // A provider that says everything in headers costs no look at the body.
        let needs_body = |sources: &[Source]| !matches!(sources.first(), Some(first) if first.in_headers(context));
        let found =
            if !paths.is_empty() && (needs_body(self.types) || needs_body(self.keys)) { json::find(json, &paths) } else { Vec::new() };
        let fields = Fields { context, paths, found };
        Item { event_type: fields.first(self.types), key: fields.first(self.keys), span: None }
    }
}

/// A key of bounded length.
pub fn bounded_key(key: String) -> String {
    if key.len() > MAX_KEY { named(&[key.as_bytes()]) } else { key }
}

/// The key that stands for these bytes.
fn named(parts: &[&[u8]]) -> String {
    format!("sha256:{}", sha256_hex(parts))
}

struct Fields<'a, 'c> {
    context: &'c Context<'a>,
    paths: Vec<&'c str>,
    found: Vec<Option<Json<'a>>>,
}

impl<'a> Fields<'a, '_> {
    fn first(&self, sources: &[Source]) -> Option<String> {
        sources.iter().find_map(|source| self.text(source)).map(Cow::into_owned)
    }

    fn text(&self, source: &Source) -> Option<Cow<'a, str>> {
        let text = match source {
            Source::Header(name) => self.context.first_header(name).map(Cow::Borrowed),
            Source::HeaderOption(option) => {
                self.context.options.text(option).and_then(|name| self.context.first_header(name)).map(Cow::Borrowed)
            }
            Source::Json(path) => self.json(path),
            Source::JsonOption(option) => self.context.options.text(option).and_then(|path| self.json(path)),
            Source::Literal(text) => Some(Cow::Borrowed(*text)),
            Source::All(sources) => self.joined(sources, ":"),
            Source::Dotted(sources) => self.joined(sources, "."),
        };
        text.filter(|text| !text.is_empty())
    }

    fn joined(&self, sources: &[Source], separator: &str) -> Option<Cow<'a, str>> {
        let texts: Option<Vec<_>> = sources.iter().map(|source| self.text(source)).collect();
        texts.map(|texts| Cow::Owned(texts.join(separator)))
    }

    fn json(&self, path: &str) -> Option<Cow<'a, str>> {
        let slot = self.paths.iter().position(|candidate| *candidate == path)?;
        self.found.get(slot).copied().flatten()?.text()
    }
}

impl Source {
    fn paths<'c>(&self, context: &Context<'c>, paths: &mut Vec<&'c str>) {
        match self {
            Source::Json(path) => paths.push(path),
            Source::JsonOption(option) => paths.extend(context.options.text(option)),
            Source::All(sources) | Source::Dotted(sources) => sources.iter().for_each(|source| source.paths(context, paths)),
            Source::Header(_) | Source::HeaderOption(_) | Source::Literal(_) => {}
        }
    }

    fn in_headers(&self, context: &Context) -> bool {
        match self {
            Source::Header(name) => context.first_header(name).is_some_and(|value| !value.is_empty()),
            Source::HeaderOption(option) => {
                context.options.text(option).is_some_and(|name| context.first_header(name).is_some_and(|v| !v.is_empty()))
            }
            Source::All(sources) | Source::Dotted(sources) => sources.iter().all(|source| source.in_headers(context)),
            Source::Literal(_) => true,
            Source::Json(_) | Source::JsonOption(_) => false,
        }
    }

    /// The words of the catalogue.
    pub fn describe(&self) -> String {
        match self {
            Source::Header(name) => format!("header {name}"),
            Source::Json(path) => format!("body {path}"),
            Source::HeaderOption(option) | Source::JsonOption(option) => format!("option {option}"),
            Source::All(sources) | Source::Dotted(sources) => {
                let parts: Vec<_> = sources.iter().filter(|source| !matches!(source, Source::Literal(_))).map(Source::describe).collect();
                parts.join(" + ")
            }
            Source::Literal(text) => (*text).to_owned(),
        }
    }
}

impl Batch {
    fn elements<'a>(self, body: &'a [u8]) -> Option<Vec<Json<'a>>> {
        match self {
            Batch::Single | Batch::Custom(_) => None,
            Batch::Body => Json::parse(body)?.elements(),
            Batch::Path(path) => json::find(body, &[path]).pop()??.elements(),
        }
    }
}
