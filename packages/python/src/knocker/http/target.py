"""The target of a request line, path and query, byte for byte as it was sent: some providers sign it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

# What RFC 3986 lets stand in a path as it is: a sender escapes none of it, so neither must who puts the path together again.
_AS_IT_IS = "/:@!$&'()*+,;="


def quoted(path: bytes) -> str:
    """A path that was unescaped, escaped again as senders do."""
    return quote(path, safe=_AS_IT_IS)


def origin_form(target: str) -> str:
    """Path and query of a target. Proxies may send the absolute form, with a scheme and a host before them."""
    if target.startswith("/") or not target.lower().startswith(("http://", "https://")):
        return target
    rest = target.partition("//")[2]
    begins = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    return rest[begins:] if rest[begins : begins + 1] == "/" else "/" + rest[begins:]


def target_of(environ: Mapping[str, Any]) -> str:
    """Path and query as they were sent where the server tells (gunicorn, uWSGI, werkzeug do), else put together again."""
    raw: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    if raw.startswith("/") or raw.lower().startswith(("http://", "https://")):
        return origin_form(raw)
    path = quoted((environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1")) or "/"
    query = environ.get("QUERY_STRING", "")
    return f"{path}?{query}" if query else path
