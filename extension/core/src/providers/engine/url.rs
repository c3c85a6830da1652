//! The URL as the sender knows it, for schemes that sign it.

use std::borrow::Cow;

use super::context::Context;
use super::refusal::{Checked, Refusal};
use crate::providers::Reason;

/// The absolute URL that the sender requested: the request's own, or the option `public_url` where a proxy changed it.
///
/// `public_url` may be the origin alone (`https://example.com`), to which the request's path and query are added; a base that ends with `/`,
/// to which they are added as well; or the whole URL, to which only the request's query is added, unless it has one itself.
pub fn signed_url<'a>(context: &Context<'a>) -> Checked<Cow<'a, str>> {
    let requested = without_fragment(&context.request.url);
    let Some(public) = context.options.text("public_url").map(without_fragment) else {
        if is_absolute(requested) {
            return Ok(Cow::Borrowed(requested));
        }
        let detail = "the request's URL is not absolute and this provider signs it: set the option public_url";
        return Err(Refusal::new(Reason::BadSignature, detail));
    };
    let path = path_and_query(requested);
    let has_path = path_and_query(public).len() > 1;
    if public.ends_with('/') || !has_path {
        return Ok(Cow::Owned(format!("{}{path}", public.trim_end_matches('/'))));
    }
    match path.split_once('?') {
        Some((_, query)) if !public.contains('?') => Ok(Cow::Owned(format!("{public}?{query}"))),
        _ => Ok(Cow::Borrowed(public)),
    }
}

/// Every URL that the sender may have signed for this request, the likeliest first. Senders sign the address that they were given, byte for
/// byte, while the request shows what became of it:
/// - a bare origin is signed without the slash that HTTP asks for;
/// - `public_url` that is the whole address is signed as it stands, also where its last slash makes it look like a base.
pub fn signed_urls<'a>(context: &Context<'a>) -> Checked<Vec<Cow<'a, str>>> {
    let first = signed_url(context)?;
    let mut urls = vec![first.clone()];
    if let Some(public) = context.options.text("public_url").map(without_fragment) {
        let (own, requested) = (path_and_query(public), path_and_query(without_fragment(&context.request.url)));
        let (own_path, own_query) = own.split_once('?').map_or((own.as_ref(), None), |(path, query)| (path, Some(query)));
        let (path, query) = requested.split_once('?').map_or((requested.as_ref(), None), |(path, query)| (path, Some(query)));
        if own_path.ends_with(path) && (query.is_none() || query == own_query) {
            urls.push(Cow::Borrowed(public));
        }
    }
    if let Some((origin, rest)) = split_origin(&first) {
        match rest.strip_prefix('/') {
            Some(rest) if rest.is_empty() || rest.starts_with('?') => urls.push(Cow::Owned(format!("{origin}{rest}"))),
            None => urls.push(Cow::Owned(format!("{origin}/{rest}"))),
            Some(_) => {}
        }
    }
    let mut known = Vec::with_capacity(urls.len());
    for url in urls {
        if !known.contains(&url) {
            known.push(url);
        }
    }
    Ok(known)
}

/// Scheme and host, and what follows them.
fn split_origin(url: &str) -> Option<(&str, &str)> {
    if !is_absolute(url) {
        return None;
    }
    let authority = url.find("://")? + 3;
    let end = url[authority..].find(['/', '?']).map_or(url.len(), |at| authority + at);
    Some(url.split_at(end))
}

/// Whether it begins with a scheme and a host.
pub fn is_absolute(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"))
}

fn without_fragment(url: &str) -> &str {
    url.split('#').next().unwrap_or_default()
}

/// What follows scheme and host; `/` where nothing does.
fn path_and_query(url: &str) -> Cow<'_, str> {
    let rest = split_origin(url).map_or(url, |(_, rest)| rest);
    match rest.as_bytes().first() {
        Some(b'/') => Cow::Borrowed(rest),
        _ => Cow::Owned(format!("/{rest}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::find;
    use crate::request::{Headers, Request};

    fn url(requested: &str, public: Option<&str>) -> Option<String> {
        let options = public.map_or_else(|| "{}".into(), |public| format!(r#"{{"public_url": "{public}"}}"#));
        let options = find("hmac").unwrap().options(&options).unwrap();
        let request = Request { method: "POST".into(), url: requested.into(), headers: Headers::new(), body: b"", truncated: false };
        signed_url(&Context { options: &options, request: &request, now_ms: 0 }).ok().map(Cow::into_owned)
    }

    #[test]
    fn the_request_url_is_used_as_it_is() {
        assert_eq!(url("https://a.example/x?b=%20#f", None).as_deref(), Some("https://a.example/x?b=%20"));
        assert_eq!(url("/x", None), None);
    }

    #[test]
    fn what_was_signed_may_lack_the_slash_of_the_request() {
        let urls = |requested: &str, public: Option<&str>| -> Vec<String> {
            let options = public.map_or_else(|| "{}".into(), |public| format!(r#"{{"public_url": "{public}"}}"#));
            let options = find("hmac").unwrap().options(&options).unwrap();
            let request = Request { method: "POST".into(), url: requested.into(), headers: Headers::new(), body: b"", truncated: false };
            let context = Context { options: &options, request: &request, now_ms: 0 };
            signed_urls(&context).unwrap().into_iter().map(Cow::into_owned).collect()
        };
        assert_eq!(urls("https://a.example/", None), ["https://a.example/", "https://a.example"]);
        assert_eq!(urls("https://a.example", None), ["https://a.example", "https://a.example/"]);
        assert_eq!(urls("https://a.example/?b=1", None), ["https://a.example/?b=1", "https://a.example?b=1"]);
        assert_eq!(urls("https://a.example/x", None), ["https://a.example/x"]);
        assert_eq!(urls("/", Some("https://A.example")), ["https://A.example/", "https://A.example"]);
        assert_eq!(urls("/x", Some("https://a.example")), ["https://a.example/x"]);
        assert_eq!(urls("/in/", Some("https://a.example/in/")), ["https://a.example/in/in/", "https://a.example/in/"]);
        assert_eq!(urls("/in/", Some("https://a.example/app/in/")), ["https://a.example/app/in/in/", "https://a.example/app/in/"]);
        assert_eq!(urls("/x", Some("https://a.example/in/")), ["https://a.example/in/x"]);
        assert_eq!(urls("/in/?b=1", Some("https://a.example/in/")), ["https://a.example/in/in/?b=1"]);
    }

    #[test]
    fn public_url_is_an_origin_a_base_or_the_whole() {
        let requested = "http://10.0.0.1:8080/hooks/a?b=1";
        assert_eq!(url(requested, Some("https://a.example")).as_deref(), Some("https://a.example/hooks/a?b=1"));
        assert_eq!(url(requested, Some("https://a.example/")).as_deref(), Some("https://a.example/hooks/a?b=1"));
        assert_eq!(url(requested, Some("https://a.example/app/")).as_deref(), Some("https://a.example/app/hooks/a?b=1"));
        assert_eq!(url(requested, Some("https://a.example/in")).as_deref(), Some("https://a.example/in?b=1"));
        assert_eq!(url(requested, Some("https://a.example/in?c=2")).as_deref(), Some("https://a.example/in?c=2"));
        assert_eq!(url("/hooks/a", Some("https://a.example")).as_deref(), Some("https://a.example/hooks/a"));
    }
}
