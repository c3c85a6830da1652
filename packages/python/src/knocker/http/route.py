"""From a path to the name of an endpoint."""

from __future__ import annotations


def below(mount: str, path: str) -> str | None:
    """What follows ``mount`` in the path, or None where the path is elsewhere."""
    prefix = "/" + mount.strip("/")
    if prefix == "/":
        return path
    if path == prefix or path.startswith(prefix + "/"):
        return path[len(prefix) :]
    return None


def endpoint_name(path: str) -> str:
    """``/stripe`` and ``/stripe/`` name ``stripe``; a path of several parts names none."""
    return path.strip("/")
