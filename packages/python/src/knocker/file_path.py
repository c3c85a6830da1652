"""The path of a database file, as a name or as a ``file:`` URI of SQLite."""

from __future__ import annotations

import os
from urllib.parse import parse_qs, quote, unquote

from knocker.errors import UsageError

FilePath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
"""A name of a file, or a ``file:`` URI."""


def absolute(path: FilePath) -> str:
    """The same file wherever the process goes. Raises UsageError where it is a database in memory."""
    given = os.fsdecode(path)
    name = file_name(given)
    query = given.partition("#")[0].partition("?")[2] if given.startswith("file:") else ""
    if name in ("", ":memory:") or parse_qs(query).get("mode") == ["memory"]:
        raise UsageError("Knocker needs a file: a database in memory belongs to one connection and is gone with it")
    if not given.startswith("file:"):
        return os.path.abspath(given)
    if os.path.isabs(name):
        return given
    return f"file:{quote(os.path.abspath(name))}{'?' if query else ''}{query}"


def file_name(path: str) -> str:
    """What the operating system knows the file as."""
    if not path.startswith("file:"):
        return path
    name = path.removeprefix("file:").partition("#")[0].partition("?")[0]
    if name.startswith("//"):
        # An authority, empty or localhost.
        name = "/" + name[2:].partition("/")[2]
    return unquote(name)


def existing(path: str) -> str:
    """The same file for SQLite, which does not make it where it is not there."""
    if not path.startswith("file:"):
        # Drive letters and backslashes are no part of a URI.
        return f"file:{quote(os.fsencode(path))}?mode=rw" if os.name == "posix" else path
    name, hash_mark, fragment = path.partition("#")
    name, _, query = name.partition("?")
    asked = [part for part in query.split("&") if part not in ("", "mode=rwc")]
    if not any(part.startswith("mode=") for part in asked):
        asked.append("mode=rw")
    return f"{name}?{'&'.join(asked)}{hash_mark}{fragment}"
