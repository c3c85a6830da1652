"""An HTTP sender that does not care for the rules: bytes as a case says them, and the answers to them."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

PATIENCE_S = 60
Json = Any


@dataclass
class Answer:
    """One answer; no status where the connection ended without one."""

    status: int | None
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


class RawConnection:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        # Whose answers have a body, in the order of the requests.
        self._methods: list[bytes] = []

    def send(self, content: bytes) -> None:
        """All of it, or as much as the other side takes."""
        self._methods += re.findall(rb"(?:^|\r\n\r\n.*?)([A-Z]+) \S+ HTTP/1", content[:65536])
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(content)

    def close(self, how: str) -> None:
        if how == "half":
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
            return
        if how == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            assert how == "all", how
        self.socket.close()

    def answer(self) -> Answer:
        """The next answer that is not interim."""
        while True:
            head = self._until(b"\r\n\r\n")
            if head is None:
                return Answer(None)
            first, *lines = head.decode("latin-1").split("\r\n")
            found = re.fullmatch(r"HTTP/1\.[01] (\d{3})(?: .*)?", first)
            assert found, f"no status line: {first!r}"
            status = int(found[1])
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            if status >= 200:
                method = self._methods.pop(0) if self._methods else b""
                return Answer(status, headers, self._body(status, headers, method).decode("latin-1"))

    def _body(self, status: int, headers: dict[str, str], method: bytes) -> bytes:
        if method == b"HEAD" or status in (204, 304):
            return b""
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int((self._until(b"\r\n") or b"0").partition(b";")[0], 16):
                body += self._bytes(size)
                self._until(b"\r\n")
            self._until(b"\r\n")
            return body
        length = headers.get("content-length")
        return self._bytes(int(length)) if length is not None else self._rest()

    def _until(self, mark: bytes) -> bytes | None:
        while mark not in self._received:
            if not self._more():
                return None
        found, _, self._received = self._received.partition(mark)
        return found

    def _bytes(self, count: int) -> bytes:
        while len(self._received) < count:
            assert self._more(), f"the body of an answer ended after {len(self._received)} of {count} bytes"
        found, self._received = self._received[:count], self._received[count:]
        return found

    def _rest(self) -> bytes:
        while self._more():
            pass
        return self._received

    def _more(self) -> bool:
        try:
            received = self.socket.recv(65536)
        except ConnectionError:
            return False
        self._received += received
        return bool(received)


class Sender:
    """Plays the steps of a case."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connections: dict[str, RawConnection] = {}

    def play(self, steps: list[Json]) -> str | None:
        """The status (or ``closed``) of the last answer that was not the one listed first; None where each was."""
        other: str | None = None
        for step in steps:
            name = step.get("on", "")
            if name not in self._connections:
                self._connections[name] = RawConnection(self._port)
            connection = self._connections[name]
            if "answer" in step:
                assert set(step) <= {"answer", "on"}, step
                answer = connection.answer()
                if not self._check(step["answer"], answer):
                    other = str(answer.status or "closed")
            elif "close" in step:
                assert set(step) <= {"close", "on"}, step
                connection.close(step["close"])
            else:
                connection.send(bytes_of(step))
        return other

    def close(self) -> None:
        for connection in self._connections.values():
            connection.socket.close()

    @staticmethod
    def _check(expected: Json, answer: Answer) -> bool:
        assert set(expected) <= {"status", "headers", "body"}, expected
        statuses = expected["status"] if isinstance(expected["status"], list) else [expected["status"]]
        assert answer.status in statuses, f"answered {answer!s:.300}, expected {expected}"
        # Whatever a server says for itself: no inside of the app is in it.
        assert not re.search(r"Traceback|vault\.internal|\.py\b", answer.body), answer
        if answer.status != statuses[0]:
            return False
        for name, value in expected.get("headers", {}).items():
            assert answer.headers.get(name) == value, f"answered {answer!s:.300}, expected {expected}"
        if "body" in expected:
            assert answer.body == expected["body"], f"answered {answer!s:.300}, expected {expected}"
        return True


def bytes_of(step: Json) -> bytes:
    """What a step sends."""
    assert set(step) <= {"send", "send_base64", "times", "on"}, step
    if "send_base64" in step:
        return base64.b64decode(step["send_base64"])
    text = step["send"] if isinstance(step["send"], str) else "\r\n".join(step["send"])
    return text.encode() * int(step.get("times", 1))
