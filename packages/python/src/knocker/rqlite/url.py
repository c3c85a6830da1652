"""The address of a cluster: ``rqlite://a:4001,b:4001,c:4001``, ``rqlites://`` over TLS, ``user:password@`` before the nodes."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from knocker.errors import UsageError

_DEFAULT_PORT = 4001
_SCHEMES = {"rqlite": False, "rqlites": True}
_NODE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_FORM = "write rqlite://a:4001,b:4001,c:4001, rqlites:// for TLS, and user:password@ before the first node"


@dataclass(frozen=True)
class Node:
    """One of them."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class ClusterUrl:
    """Where the nodes are, and how they are spoken to. As text it has no credentials."""

    nodes: tuple[Node, ...]
    tls: bool
    authorization: str | None = field(repr=False)
    """The header that the nodes ask for."""

    def __str__(self) -> str:
        return f"{'rqlites' if self.tls else 'rqlite'}://{','.join(str(node) for node in self.nodes)}"


def is_cluster(path: Any) -> bool:
    """Whether it is no path of a file."""
    return isinstance(path, str) and path.partition("://")[0] in _SCHEMES and "://" in path


def parse(url: str) -> ClusterUrl:
    """Raises UsageError, which does not repeat the credentials, where it is none."""
    scheme, _, rest = url.partition("://")
    credentials, at, nodes = rest.rpartition("@")
    return ClusterUrl(tuple(_node(one) for one in nodes.split(",")), _SCHEMES[scheme], _authorization(credentials) if at else None)


def _node(text: str) -> Node:
    match = _NODE.fullmatch(text)
    port = int(match["port"] or _DEFAULT_PORT) if match else 0
    if match is None or not 0 < port < 65536:
        raise UsageError(f"{text!r} is no node of an rqlite cluster: {_FORM}")
    return Node(match["host"].strip("[]"), port)


def _authorization(credentials: str) -> str:
    user, colon, password = credentials.partition(":")
    if not user or not colon:
        raise UsageError(f"the credentials of an rqlite cluster are a user and a password: {_FORM}")
    return "Basic " + base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
