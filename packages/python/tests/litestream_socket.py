"""What Litestream's control socket is to a receipt: a small HTTP server on a Unix socket that takes ``POST /sync``."""

from __future__ import annotations

import json
import socket
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

SYNCED = (200, {"status": "synced", "txid": 7, "replicated_txid": 7})


class Litestream:
    """Answers each question with ``answer`` as soon as ``may_answer`` is set, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: tuple[int, Any] = SYNCED
        self.names: list[str] | None = None
        """The files that it replicates; all of them where it is None."""
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.asked: list[dict[str, Any]] = []
        self.being_asked = threading.Semaphore(0)
        self.connections: list[Any] = []

    def reply(self, question: dict[str, Any]) -> tuple[int, Any]:
        self.asked.append(question)
        self.being_asked.release()
        self.may_answer.wait()
        if self.names is not None and question["path"] not in self.names:
            return 404, {"error": f"database not found: {question['path']}"}
        return self.answer


@contextmanager
def litestream(path: Path, litestream: Litestream | None = None) -> Iterator[Litestream]:
    """One that listens at that path until the block ends: then it is gone, and its connections with it."""
    served = litestream or Litestream()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            served.connections.append(self.connection)

        def do_POST(self) -> None:
            assert self.path == "/sync"
            status, answer = served.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = json.dumps(answer).encode() if not isinstance(answer, bytes) else answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """The one who asked has gone."""

    with Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield served
        finally:
            served.may_answer.set()
            server.shutdown()
            thread.join()
            for connection in served.connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            path.unlink()


@contextmanager
def endless(path: Path, first: bytes, again: bytes, pause_s: float) -> Iterator[None]:
    """One whose answer begins, and never ends: ``again`` comes once in ``pause_s`` until the one who asked has gone."""
    ended = threading.Event()

    def answer() -> None:
        with suppress(OSError):
            while not ended.is_set():
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.sendall(first)
                    while not ended.wait(pause_s):
                        connection.sendall(again)

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def short_folder() -> Iterator[Path]:
    """The path of a socket holds about a hundred bytes, which those of pytest's folders may be longer than."""
    with tempfile.TemporaryDirectory(prefix="knocker-") as folder:
        yield Path(folder)
