"""From a path to the name of an endpoint."""

from __future__ import annotations

from urllib.parse import unquote


def below(mount: str, path: str) -> str | None:
    """What follows ``mount`` in the path, or None where the path is elsewhere."""
    prefix = "/" + mount.strip("/")
    if prefix == "/":
        return path
    if path == prefix or path.startswith(prefix + "/"):
        return path[len(prefix) :]
    return None


def endpoint_name(path: str, sent: str | None = None) -> str:
    """The last part of the path: ``/stripe``, ``/stripe/`` and ``/acme/stripe`` name ``stripe``.

    ``path`` is unescaped; ``sent`` is the whole path as it was sent, where the server tells: in it an escaped slash parts nothing.
    """
    name = _last_part(path)
    if sent is not None and name:
        unescaped = unquote(_last_part(sent))
        # Where something in front has written the path anew, that counts.
        if path.rstrip("/").endswith(unescaped):
            return unescaped
    return name


def _last_part(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
