//! Where a text about an occurrence stands in a request: what pages name types and identities with.

use super::context::Context;
use super::identity::names_something;

/// Where one text is found.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// In a header.
    Header(&'static str),
    /// At a dotted path of the JSON body, or of a batch's element.
    Json(&'static str),
    /// In this parameter of a form, in the body or else in the query.
    Form(&'static str),
    /// At the path of the JSON that this parameter of a form holds.
    JsonInForm(&'static str, &'static str),
    /// In the header that this option names.
    HeaderOption(&'static str),
    /// At the path that this option names.
    JsonOption(&'static str),
    /// The first of these that says something.
    AnyOf(&'static [Source]),
    /// Several texts joined by `:`, all of which must be there.
    All(&'static [Source]),
    /// The same, joined by `.`.
    Dotted(&'static [Source]),
    /// This text, where the other source has one: tells families of occurrences apart.
    Literal(&'static str),
    /// The digest of what is signed (of a batch's element), beside a part that cannot tell two occurrences of one second apart.
    Digest,
    /// That digest, where one of these has a text: an id or a time, without which equal bytes say that something happened again.
    DigestWith(&'static [Source]),
    /// That digest, where this option says `digest`.
    DigestOption(&'static str),
}

impl Source {
    /// The paths of the body that it reads.
    pub(super) fn paths<'c>(&self, context: &Context<'c>, paths: &mut Vec<&'c str>) {
        match self {
            Source::Json(path) => paths.push(path),
            Source::JsonOption(option) => paths.extend(context.options.text(option)),
            Source::AnyOf(sources) | Source::All(sources) | Source::Dotted(sources) | Source::DigestWith(sources) => {
                sources.iter().for_each(|source| source.paths(context, paths));
            }
            Source::Header(_)
            | Source::Form(_)
            | Source::JsonInForm(..)
            | Source::HeaderOption(_)
            | Source::Literal(_)
            | Source::Digest
            | Source::DigestOption(_) => {}
        }
    }

    /// Whether its text stands in a header, so that the body need not be read.
    pub(super) fn in_headers(&self, context: &Context) -> bool {
        match self {
            Source::Header(name) => context.first_header(name).is_some_and(names_something),
            Source::HeaderOption(option) => {
                context.options.text(option).is_some_and(|name| context.first_header(name).is_some_and(names_something))
            }
            Source::All(sources) | Source::Dotted(sources) => sources.iter().all(|source| source.in_headers(context)),
            Source::AnyOf(sources) | Source::DigestWith(sources) => sources.iter().any(|source| source.in_headers(context)),
            Source::Literal(_) | Source::Digest => true,
            Source::Json(_) | Source::Form(_) | Source::JsonInForm(..) | Source::JsonOption(_) | Source::DigestOption(_) => false,
        }
    }

    /// The headers that it reads by name.
    pub fn headers(&self) -> Vec<&'static str> {
        match self {
            Source::Header(name) => vec![name],
            Source::AnyOf(sources) | Source::All(sources) | Source::Dotted(sources) | Source::DigestWith(sources) => {
                sources.iter().flat_map(Source::headers).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The words of the catalogue.
    pub fn describe(&self) -> String {
        // `body a + b` is easier to read than `body a + body b`.
        let each = |sources: &[Source]| -> Vec<String> {
            let mut in_body = false;
            let told = sources.iter().filter(|source| !matches!(source, Source::Literal(_)));
            let shortened = told.map(|source| match source {
                Source::Json(path) if std::mem::replace(&mut in_body, true) => (*path).to_owned(),
                source => {
                    in_body = matches!(source, Source::Json(_));
                    source.describe()
                }
            });
            shortened.collect()
        };
        match self {
            Source::Header(name) => format!("header {name}"),
            Source::Json(path) => format!("body {path}"),
            Source::Form(name) => format!("form {name}"),
            Source::JsonInForm(name, path) => format!("form {name}.{path}"),
            Source::HeaderOption(option) | Source::JsonOption(option) => format!("option {option}"),
            Source::AnyOf(sources) => each(sources).join(" or "),
            Source::All(sources) | Source::Dotted(sources) => each(sources).join(" + "),
            Source::Literal(text) => (*text).to_owned(),
            Source::Digest => "digest".into(),
            Source::DigestWith(sources) => format!("digest where there is {}", each(sources).join(" or ")),
            Source::DigestOption(option) => format!("digest where option {option} is `digest`"),
        }
    }
}
