"""The host that a request says it was sent to. It becomes part of the URL that some providers sign."""

from __future__ import annotations

import re

# Of RFC 3986: an address in brackets or a name, and a port.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(:[0-9]{1,5})?")


# Longer names exist nowhere: 253 letters, and a port.
_LONGEST = 259


class BadHostError(Exception):
    """The request names no host, or not one, or a trusted proxy a scheme that is none."""


def checked_host(host: str | None) -> str:
    """The host, or BadHostError where a URL with it would be another one than the sender's."""
    if host is None or len(host) > _LONGEST or _HOST.fullmatch(host) is None:
        raise BadHostError
    return host
