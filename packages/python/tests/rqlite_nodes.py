"""The nodes of rqlite that ``extension/conformance/rqlite/cluster.py`` has started, and a way to one on which answers get lost."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

URL = os.environ.get("KNOCKER_RQLITE_URL", "")
CONTROL = os.environ.get("KNOCKER_RQLITE_CONTROL", "")
NOT_RUN = "NOT TESTED HERE: a cluster of rqlite, because `make test-rqlite` has not started one"


def nodes() -> list[str]:
    """Host and port of each."""
    return URL.removeprefix("rqlite://").split(",")


def ask(path: str, post: bool = False) -> dict[str, Any]:
    """What the control of the cluster answers."""
    request = urllib.request.Request(f"{CONTROL}{path}", method="POST" if post else "GET")
    with urllib.request.urlopen(request, timeout=300) as response:
        answer: dict[str, Any] = json.loads(response.read())
    return answer


def do(action: str) -> dict[str, Any]:
    """Has something done to the cluster."""
    return ask(f"/{action}", post=True)


def files_with(text: str) -> list[str]:
    """The files of the nodes that hold it."""
    found: list[str] = ask(f"/grep?text={quote(text)}")["found"]
    return found


def column(node: str, sql: str) -> list[Any]:
    """The first column of a query as that very node has it, whoever leads."""
    found: list[Any] = ask(f"/column?{urlencode({'node': node, 'sql': sql})}")["values"]
    return found


class Losing(socketserver.ThreadingTCPServer):
    """A way to a node on which the answer to some requests is lost, once the node has done them."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, node: str, word: bytes, times: int) -> None:
        """So many of the next requests that hold the ``word`` lose their answer."""
        self.node = node
        self.word = word
        self.times = times
        self.lost = 0
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Way)

    def loses(self, request: bytes) -> bool:
        """Whether this one is it."""
        with self.lock:
            if self.lost == self.times or self.word not in request:
                return False
            self.lost += 1
            return True


class _Way(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, Losing)
        host, _, port = server.node.partition(":")
        with socket.create_connection((host, int(port))) as node:
            while request := _message(self.request):
                node.sendall(request)
                answer = _message(node)
                if server.loses(request):
                    return
                self.request.sendall(answer)


def _message(stream: socket.socket) -> bytes:
    """One whole message of HTTP, or nothing at the end."""
    read = b""
    while b"\r\n\r\n" not in read:
        part = stream.recv(65536)
        if not part:
            return b""
        read += part
    head, _, body = read.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    if lengths:
        while len(body) < lengths[0]:
            body += stream.recv(65536)
    else:
        # In chunks, of which the last is empty.
        while not body.endswith(b"0\r\n\r\n"):
            body += stream.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def losing(word: str, times: int = 1, others: bool = True) -> Iterator[tuple[str, Losing]]:
    """The address of a cluster whose first node loses an answer, and the way to it; without the ``others`` it is the only one."""
    server = Losing(nodes()[0], word.encode(), times)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"rqlite://{','.join([f'127.0.0.1:{server.server_address[1]}', *(nodes()[1:] if others else [])])}", server
    finally:
        server.shutdown()
        server.server_close()
