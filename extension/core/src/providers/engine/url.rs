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

/// Whether it begins with a scheme and a host.
pub fn is_absolute(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn without_fragment(url: &str) -> &str {
    url.split('#').next().unwrap_or_default()
}

/// What follows scheme and host; `/` where nothing does.
fn path_and_query(url: &str) -> Cow<'_, str> {
    let rest = if is_absolute(url) {
        let authority = url.find("://").map_or(0, |at| at + 3);
        let end = url[authority..].find(['/', '?']).map_or(url.len(), |at| authority + at);
        &url[end..]
    } else {
        url
    };
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
