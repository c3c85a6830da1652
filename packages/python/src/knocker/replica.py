"""The replica of the file that Litestream keeps elsewhere, and how a receipt waits until it is there.

Litestream's control socket speaks HTTP: ``POST /sync`` with ``wait`` answers once everything that is committed when it is asked is in the
replica. It is asked once for each group of receipts, on a connection that is kept.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import socket
import time
from typing import Any

from knocker.arguments import positive
from knocker.errors import NotReplicatedError, UsageError

_MOST_ANSWERED_BYTES = 64 * 1024
# Of what Litestream says of a failure, which may be the whole answer of a storage service.
_LONGEST_REASON = 300


class Replica:
    """One file's replica, as its writer asks for it. Of one thread at a time."""

    def __init__(self, path: str, socket_path: str, timeout_s: float) -> None:
        """``path`` is the file that is replicated, as the process names it; ``timeout_s`` how long a group waits."""
        self._socket_path = socket_path
        self._timeout_s = timeout_s
        # Litestream knows the file by the name in its configuration, which may be one with links or the one that they lead to.
        self._names = list(dict.fromkeys([path, os.path.realpath(path)]))
        self._connection: _SocketConnection | None = None
        # When the last question was asked, where it got no answer in time.
        self._silent_since = -math.inf

    def wait(self, queued_at: float) -> None:
        """Returns once the replica has all that is committed, the newest of it queued then. Raises NotReplicatedError where it does not
        say so in time."""
        # Whoever was there when a question was asked that nobody answered has waited for as long: many groups would wait in turn.
        if queued_at <= self._silent_since:
            raise self._silent()
        asked_at = time.monotonic()
        try:
            status, answer = self._sync(asked_at + self._timeout_s)
        except Exception as error:
            # Whatever it is, it is no answer.
            self.close()
            if isinstance(error, TimeoutError):
                self._silent_since = asked_at
                raise self._silent() from error
            raise NotReplicatedError(f"Litestream at {self._socket_path} cannot be asked: {_text(error)}") from error
        # A file that it has not begun with has no transaction there.
        if status == 200 and answer.get("status") in ("synced", "no_change") and _whole(answer.get("replicated_txid")) > 0:
            return
        reason = answer.get("error") or answer.get("status") or "no reason"
        raise NotReplicatedError(f"Litestream did not sync {self._names[0]}: {status}: {str(reason)[:_LONGEST_REASON]}")

    def close(self) -> None:
        """Closes the connection, which is opened again when it is needed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _silent(self) -> NotReplicatedError:
        return NotReplicatedError(f"Litestream at {self._socket_path} did not sync in {self._timeout_s:g} s")

    def _sync(self, deadline: float) -> tuple[int, dict[str, Any]]:
        for name in list(self._names):
            status, answer = self._posted({"path": name, "wait": True, "timeout": math.ceil(self._timeout_s)}, deadline)
            if status != 404:
                # It is the first to be asked for from here on.
                self._names.sort(key=lambda other: other != name)
                break
        return status, answer

    def _posted(self, question: dict[str, Any], deadline: float) -> tuple[int, dict[str, Any]]:
        was_open = self._connection is not None
        try:
            return self._answered(question, deadline)
        except (ConnectionError, http.client.HTTPException):
            # Litestream may have ended, and begun anew, since the connection was last used.
            self.close()
            if not was_open:
                raise
            return self._answered(question, deadline)

    def _answered(self, question: dict[str, Any], deadline: float) -> tuple[int, dict[str, Any]]:
        connection = self._connection
        if connection is None:
            connection = self._connection = _SocketConnection(self._socket_path)
        connection.give_up_at(deadline)
        connection.request("POST", "/sync", json.dumps(question), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read(_MOST_ANSWERED_BYTES) or b"null")
        return response.status, answer if isinstance(answer, dict) else {}


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path
        self._deadline = 0.0

    def give_up_at(self, deadline: float) -> None:
        """The next answer comes before this moment of the monotonic clock, or not at all."""
        self._deadline = deadline
        if isinstance(self.sock, _BoundedSocket):
            self.sock.bound(deadline)

    def connect(self) -> None:
        self.sock = _BoundedSocket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.bound(self._deadline)
        self.sock.connect(self._path)


class _BoundedSocket(socket.socket):
    """A socket whose timeout is for an answer as a whole: one that comes byte by byte starts none anew, and none is endless."""

    def bound(self, deadline: float) -> None:
        self._deadline = deadline
        self._left_bytes = _MOST_ANSWERED_BYTES
        self._restrict()

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        self._restrict()
        read = super().recv_into(buffer, nbytes, flags)
        self._left_bytes -= read
        if self._left_bytes < 0:
            raise ValueError("its answer is none of Litestream's")
        return read

    def _restrict(self) -> None:
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self.settimeout(left_s)


def check(replicated: Any, timeout_s: Any) -> str | None:
    """The path of the socket. Raises UsageError where none can be meant, as where an environment variable is empty."""
    positive("replicated_timeout_s", timeout_s)
    if replicated is None:
        return None
    if not isinstance(replicated, (str, bytes, os.PathLike)) or not os.fsdecode(replicated).strip():
        raise UsageError(
            f"replicated must be the path of Litestream's control socket, not {replicated!r}; None does not wait for a replica"
        )
    if not hasattr(socket, "AF_UNIX"):
        raise UsageError("replicated: this system has no Unix sockets that Python could use, so no receipt can wait for Litestream")
    # Connections are opened later, wherever the process has gone by then.
    return os.path.abspath(os.fsdecode(replicated))


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__


def _whole(value: Any) -> int:
    return value if type(value) is int else 0
