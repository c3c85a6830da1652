"""The nodes of a cluster, asked in turn until one of them has answered."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from knocker.connection import Value
from knocker.errors import ClusterUnavailableError
from knocker.rqlite.answers import Answer, Meaning, Rows, read
from knocker.rqlite.url import ClusterUrl, Node

# After each node has been asked in vain: an election takes a second or two.
_PAUSE_S = 0.05
# A node that hangs leaves time for another one, also for who is patient.
_LONGEST_TRY_S = 5.0
_KEPT_CONNECTIONS = 8
# What rqlite takes for a BLOB, though it is a text.
_LIKE_A_BLOB = re.compile(r"\s*[xX]'(?:[0-9A-Fa-f]{2})*'\s*")


@dataclass(frozen=True)
class Statement:
    """One, with what is bound to it."""

    sql: str
    parameters: Sequence[Value] = ()


@dataclass(frozen=True)
class Reply:
    """The answer to statements, and whether an earlier try may have done them as well."""

    answer: Answer
    is_repeated: bool

    def rows(self) -> tuple[Rows, ...]:
        """Those of each statement. Raises the error of the one that was refused."""
        if self.answer.error is not None:
            raise self.answer.error
        return self.answer.results


class Cluster:
    """Thread-safe."""

    def __init__(self, url: ClusterUrl, patience_s: float) -> None:
        """``patience_s`` is how long a call tries."""
        self.url = url
        self.patience_s = patience_s
        self._tls = ssl.create_default_context() if url.tls else None
        self._lock = threading.Lock()
        self._idle: dict[Node, list[http.client.HTTPConnection]] = {node: [] for node in url.nodes}
        # The one that has answered last is asked first.
        self._first = 0

    def write(self, statements: Sequence[Statement], patience_s: float | None = None) -> Reply:
        """Runs them on every node, in one transaction. Raises ClusterUnavailableError where no node says in time what became of it."""
        return self._asked("/db/request?level=strong&transaction", statements, patience_s)

    def read(self, statements: Sequence[Statement]) -> tuple[Rows, ...]:
        """What most of the nodes have. Nothing is written."""
        return self._asked("/db/query?level=linearizable", statements, None).rows()

    def close(self) -> None:
        """Closes the connections, which are opened again when they are needed."""
        with self._lock:
            idle = [connection for connections in self._idle.values() for connection in connections]
            self._idle = {node: [] for node in self.url.nodes}
        for connection in idle:
            connection.close()

    def _asked(self, path: str, statements: Sequence[Statement], patience_s: float | None) -> Reply:
        patience_s = self.patience_s if patience_s is None else patience_s
        deadline = time.monotonic() + patience_s
        body = json.dumps([_sent(statement) for statement in statements]).encode()
        nodes = self.url.nodes
        is_repeated, tries, reason = False, 0, "there was no time to ask"
        while (left_s := deadline - time.monotonic()) > 0:
            number = self._first
            timeout_s = min(left_s, patience_s / 2, _LONGEST_TRY_S)
            answer = self._answered(
                nodes[number], f"{path}&blob_array&timeout={max(1, int(timeout_s * 1000))}ms", body, len(statements), timeout_s
            )
            if answer.is_final:
                return Reply(answer, is_repeated)
            reason = f"{nodes[number]}: {answer.reason}"
            is_repeated = is_repeated or answer.meaning is Meaning.UNKNOWN
            self._leave(number)
            tries += 1
            if tries % len(nodes) == 0:
                time.sleep(min(_PAUSE_S, max(0.0, deadline - time.monotonic())))
        raise ClusterUnavailableError(f"{self.url} has not answered in {patience_s:g} s; {reason}")

    def _leave(self, number: int) -> None:
        """The next one is asked from now on, unless another thread has gone on already."""
        with self._lock:
            if self._first == number:
                self._first = (number + 1) % len(self.url.nodes)

    def _answered(self, node: Node, path: str, body: bytes, statements: int, timeout_s: float) -> Answer:
        with self._lock:
            kept = self._idle[node].pop() if self._idle[node] else None
        connection = kept or self._connection(node)
        headers = {"Content-Type": "application/json"}
        if self.url.authorization is not None:
            headers["Authorization"] = self.url.authorization
        is_sent = False
        try:
            connection.timeout = timeout_s
            if connection.sock is None:
                connection.connect()
            connection.sock.settimeout(timeout_s)
            is_sent = True
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            answer = read(statements, response.status, response.read())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            meaning = Meaning.UNKNOWN if is_sent else Meaning.ELSEWHERE
            return Answer(meaning, reason=f"{type(error).__name__}: {error}")
        self._keep(node, connection)
        return answer

    def _connection(self, node: Node) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(node.host, node.port, context=self._tls)
        return http.client.HTTPConnection(node.host, node.port)

    def _keep(self, node: Node, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle[node]) < _KEPT_CONNECTIONS:
                self._idle[node].append(connection)
                return
        connection.close()


def looks_like_a_blob(value: Value) -> bool:
    """Whether rqlite would take the text for a BLOB."""
    return isinstance(value, str) and _LIKE_A_BLOB.fullmatch(value) is not None


def function(name: str, arguments: Sequence[Value]) -> Statement:
    """A call of one of Knocker's functions."""
    marks = ", ".join("CAST(? AS TEXT)" if looks_like_a_blob(value) else "?" for value in arguments)
    sent = [value.encode() if isinstance(value, str) and looks_like_a_blob(value) else value for value in arguments]
    return Statement(f"SELECT {name}({marks})", sent)


def _sent(statement: Statement) -> list[Value]:
    return [
        statement.sql,
        *(f"x'{value.hex()}'" if isinstance(value, (bytes, bytearray, memoryview)) else value for value in statement.parameters),
    ]
