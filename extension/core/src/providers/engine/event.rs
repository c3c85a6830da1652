//! Where a request says what happened: the type and the identity of the occurrence, for one event or for each of a batch.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::context::Context;
use super::form;
use super::identity::{self, names_something};
use super::json::{self, Json};
use super::json_edit;
pub use super::source::Source;
use crate::providers::Item;

/// How a provider says what happened. The first source that has a text wins.
pub struct Event {
    /// Where the type is.
    pub types: &'static [Source],
    /// Where the identity is; where none of them has a text, nothing tells it from the next one and the occurrence is a new one.
    pub keys: &'static [Source],
    /// Where the elements of a batch are.
    pub batch: Batch,
    /// Paths of the body (of a batch's element) that no digest takes: what each attempt renews, such as its number, and secrets.
    pub renewed: &'static [&'static str],
    /// The identity in words, where the sources do not say it all.
    pub identity: &'static str,
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
    /// This function finds them; `None` where the body is read as one occurrence. The keys of [`Event`] name those without one.
    Custom(fn(&Context) -> Option<Vec<Item>>),
}

impl Event {
    /// No type and no identity of its own.
    pub const UNKNOWN: Event = Event { types: &[], keys: &[], batch: Batch::Single, renewed: &[], identity: "" };

    /// The occurrences of an authentic request. `signed` gives the bytes that tell one from the next, with these pieces for the body,
    /// where there are any.
    ///
    /// An authentic body that is not in the expected form is one occurrence: nothing that a provider signed is dropped.
    pub fn items<'a>(&self, context: &Context<'a>, signed: SignedBytes<'_, 'a>) -> Vec<Item> {
        let mut items = self.read(context, signed);
        identity::keep_apart(&mut items, context.body(), self.renewed);
        for item in &mut items {
            item.key = item.key.take().map(identity::bounded);
            item.event_type.take_if(|text| text.is_empty());
        }
        items
    }

    fn read<'a>(&self, context: &Context<'a>, signed: SignedBytes<'_, 'a>) -> Vec<Item> {
        let body = context.body();
        if let Batch::Custom(find) = self.batch
            && let Some(mut items) = find(context)
        {
            for item in items.iter_mut().filter(|item| !item.key.as_deref().is_some_and(names_something)) {
                let element = Element { json: item.span.clone().map_or(body, |span| &body[span]), is_whole: item.span.is_none() };
                let fields = Fields::find(self, context, &[self.keys], element, signed);
                // What a header says is the same for every element.
                let own = self.keys.iter().filter(|source| element.is_whole || source.headers().is_empty());
                item.key = fields.first_that(own, names_something);
            }
            return items;
        }
        match self.batch.elements(body) {
            None => vec![self.item(context, Element { json: body, is_whole: true }, signed)],
            Some(elements) => elements
                .into_iter()
                .map(|element| Item {
                    span: Some(element.span_in(body)),
                    ..self.item(context, Element { json: element.bytes(), is_whole: false }, signed)
                })
                .collect(),
        }
    }

    /// Where the identity is, in words.
    pub fn describe_identity(&self) -> String {
        if !self.identity.is_empty() {
            return self.identity.to_owned();
        }
        let each = match self.batch {
            Batch::Single | Batch::Custom(_) => "",
            Batch::Body | Batch::Path(_) => "of each item: ",
        };
        let is_certain = matches!(self.keys.last(), Some(Source::Digest));
        let none = (!is_certain).then(|| "none".to_owned());
        let sources: Vec<_> = self.keys.iter().map(Source::describe).chain(none).collect();
        format!("{each}{}", sources.join(", else "))
    }

    /// Type and key of one element (or of the whole body).
    fn item<'a>(&self, context: &Context<'a>, element: Element<'a>, signed: SignedBytes<'_, 'a>) -> Item {
        let fields = Fields::find(self, context, &[self.types, self.keys], element, signed);
        let is_there = |_: &str| true;
        Item { event_type: fields.first_that(self.types, is_there), key: fields.first_that(self.keys, names_something), span: None }
    }
}

/// The first value of a form's parameter. Whoever can post a form may be told to use GET, and then it stands in the query.
pub fn form_parameter<'a>(context: &Context<'a>, name: &str) -> Option<Cow<'a, str>> {
    let is_form = !form::is_json(context.body());
    let in_body = is_form.then(|| form::value(context.body(), name)).flatten().filter(|text| !text.is_empty());
    in_body.or_else(|| form::value(context.request.query().as_bytes(), name)).filter(|text| !text.is_empty())
}

/// The bytes that tell one occurrence from the next, made with these pieces for the body; `None` where there are none.
pub type SignedBytes<'f, 'a> = &'f dyn Fn(&[&'a [u8]]) -> Option<Vec<Cow<'a, [u8]>>>;

/// What one occurrence is read from.
#[derive(Clone, Copy)]
struct Element<'a> {
    json: &'a [u8],
    is_whole: bool,
}

struct Fields<'a, 'c> {
    context: &'c Context<'a>,
    element: Element<'a>,
    renewed: &'static [&'static str],
    signed: SignedBytes<'c, 'a>,
    paths: Vec<&'c str>,
    /// What stands at these paths, near either end of a long body; empty where the body is not to be looked at.
    found: Vec<Option<Json<'a>>>,
    /// What stands at them anywhere, once that is needed.
    anywhere: OnceCell<Vec<Option<Json<'a>>>>,
}

impl<'a, 'c> Fields<'a, 'c> {
    /// Looks up what these lists of sources need, in one pass over the element. Of a long one that pass goes on where a source needs it: mostly the first
    /// of several has its text at one of the ends, and the others are not needed.
    fn find(
        event: &Event,
        context: &'c Context<'a>,
        lists: &[&'static [Source]],
        element: Element<'a>,
        signed: SignedBytes<'c, 'a>,
    ) -> Self {
        let mut paths = Vec::new();
        for source in lists.iter().copied().flatten() {
            source.paths(context, &mut paths);
        }
        // A provider that says everything in headers costs no look at the body.
        let needs_body = lists.iter().any(|sources| !sources.first().is_some_and(|first| first.in_headers(context)));
        let found = if !paths.is_empty() && needs_body { json::find_at_the_ends(element.json, &paths) } else { Vec::new() };
        Self { context, element, renewed: event.renewed, signed, paths, found, anywhere: OnceCell::new() }
    }

    fn digest(&self) -> Option<String> {
        let pieces = json_edit::cut(self.element.json, self.renewed);
        if !self.element.is_whole {
            return Some(identity::digest(&pieces));
        }
        (self.signed)(&pieces).map(|parts| identity::digest(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>()))
    }

    /// The first text of these sources that will do.
    fn first_that<'s>(&self, sources: impl IntoIterator<Item = &'s Source>, will_do: fn(&str) -> bool) -> Option<String> {
        sources.into_iter().find_map(|source| self.text(source).filter(|text| will_do(text))).map(Cow::into_owned)
    }

    fn text(&self, source: &Source) -> Option<Cow<'a, str>> {
        let text = match source {
            Source::Header(name) => self.context.first_header(name).map(Cow::Borrowed),
            Source::HeaderOption(option) => {
                self.context.options.text(option).and_then(|name| self.context.first_header(name)).map(Cow::Borrowed)
            }
            Source::Json(path) => self.json(path),
            Source::Form(name) => form_parameter(self.context, name),
            Source::JsonInForm(name, path) => form_parameter(self.context, name)
                .and_then(|json| Some(Cow::Owned(Json::parse(json.as_bytes())?.get(path)?.text()?.into_owned()))),
            Source::JsonOption(option) => self.context.options.text(option).and_then(|path| self.json(path)),
            Source::AnyOf(sources) => sources.iter().find_map(|source| self.text(source).filter(|text| names_something(text))),
            Source::Literal(text) => Some(Cow::Borrowed(*text)),
            Source::Digest => self.digest().map(Cow::Owned),
            Source::DigestWith(sources) => {
                sources.iter().any(|source| self.text(source).is_some()).then(|| self.digest()).flatten().map(Cow::Owned)
            }
            Source::DigestOption(option) => {
                (self.context.options.text(option) == Some("digest")).then(|| self.digest()).flatten().map(Cow::Owned)
            }
            // A digest has one length, so that nothing before it can be taken for a part of it.
            Source::All([sources @ .., Source::Digest]) => {
                let texts = self.texts(sources);
                texts.and_then(|texts| Some(Cow::Owned(format!("{}:{}", texts.join(":"), self.digest()?))))
            }
            Source::All(sources) => self.texts(sources).map(|texts| Cow::Owned(identity::joined(&texts))),
            Source::Dotted(sources) => self.texts(sources).map(|texts| Cow::Owned(texts.join("."))),
        };
        text.filter(|text| !text.is_empty())
    }

    /// What each of these sources says.
    fn texts(&self, sources: &[Source]) -> Option<Vec<Cow<'a, str>>> {
        sources.iter().map(|source| self.text(source)).collect()
    }

    fn json(&self, path: &str) -> Option<Cow<'a, str>> {
        let slot = self.paths.iter().position(|candidate| *candidate == path)?;
        let value = (*self.found.get(slot)?).or_else(|| self.anywhere()[slot]);
        value?.text()
    }

    fn anywhere(&self) -> &[Option<Json<'a>>] {
        self.anywhere.get_or_init(|| {
            let mut found = self.found.clone();
            json::find_between(self.element.json, &self.paths, &mut found);
            found
        })
    }
}

impl Batch {
    /// Its objects: what is none in a batch is no item. `None` for a body that is no batch, or one of other things than objects.
    fn elements<'a>(self, body: &'a [u8]) -> Option<Vec<Json<'a>>> {
        let elements = match self {
            Batch::Single | Batch::Custom(_) => None,
            Batch::Body => Json::parse(body)?.elements(),
            Batch::Path(path) => json::find(body, &[path]).pop()??.elements(),
        }?;
        let is_empty = elements.is_empty();
        let objects: Vec<_> = elements.into_iter().filter(|element| element.is_object()).collect();
        (is_empty || !objects.is_empty()).then_some(objects)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Options;
    use super::*;
    use crate::request::Request;

    const ID: Source = Source::Json("id");

    fn keys(event: &Event, body: &str) -> Vec<Option<String>> {
        let request = Request::parse("{}", body.as_bytes()).unwrap();
        let options = Options::default();
        let context = Context { options: &options, request: &request, now_ms: 0 };
        let items = event.items(&context, &|body| Some(body.iter().map(|piece| Cow::Borrowed(*piece)).collect()));
        items.into_iter().map(|item| item.key).collect()
    }

    #[test]
    fn a_coarse_identity_takes_the_digest_and_a_retry_s_count_does_not_change_it() {
        let event = Event { keys: &[Source::All(&[ID, Source::Digest])], renewed: &["attempt"], ..Event::UNKNOWN };
        let key = |body| keys(&event, body).pop().unwrap();
        let first = key(r#"{"id": 1, "attempt": 1, "n": 5}"#);
        assert!(first.as_deref().unwrap().starts_with("1:sha256:"));
        assert_eq!(first, key(r#"{"id": 1, "attempt": 20, "n": 5}"#));
        assert_ne!(first, key(r#"{"id": 1, "attempt": 1, "n": 6}"#));
        assert_eq!(key(r#"{"attempt": 1}"#), None);
    }

    #[test]
    fn a_digest_names_only_what_holds_an_id_or_a_time() {
        let event = Event { keys: &[Source::DigestWith(&[ID, Source::Json("at")])], ..Event::UNKNOWN };
        assert!(keys(&event, r#"{"at": 7}"#)[0].is_some());
        assert_eq!(keys(&event, r#"{"content": "A new booking"}"#), [None]);
        assert_eq!(keys(&event, "no json"), [None]);
        assert_eq!(event.describe_identity(), "digest where there is body id or at, else none");
    }

    #[test]
    fn only_objects_are_items() {
        let event = Event { keys: &[ID, Source::Digest], batch: Batch::Body, ..Event::UNKNOWN };
        assert_eq!(keys(&event, r#"[0, {"id": 1}, "x", null, [{"id": 3}], {"id": 2}]"#), [Some("1".into()), Some("2".into())]);
        assert_eq!(keys(&event, "[]"), []);
        // What the provider signed is not dropped.
        assert_eq!(keys(&event, "[0, 1]"), [Some(identity::digest(&[b"[0, 1]"]))]);
    }
}
