"""Real servers in processes of their own, and requests to them over real HTTP."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import knocker

PATIENCE_S = 600
SOURCE = str(Path(knocker.__file__).resolve().parents[1])


def free_port() -> int:
    """A port that was free a moment ago. Not of those that the system gives to clients: one of them might get it before the server does."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[str]
    port: int

    def send(self, path: str, request: knocker.WebhookRequest) -> tuple[int, Mapping[str, str], bytes]:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            headers: Any = request.headers
            connection.putrequest(request.method, path)
            for name, value in headers:
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders()
            connection.send(request.body)
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def begin(self, path: str, request: knocker.WebhookRequest, body: bytes) -> socket.socket:
        """Sends the head and the beginning of the body, and leaves the connection open."""
        headers: Any = request.headers
        head = "".join(f"{name}: {value}\r\n" for name, value in [*headers, ("Content-Length", str(len(request.body)))])
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n".encode() + body)
        return connection

    def send_chunked(self, path: str, request: knocker.WebhookRequest) -> int:
        """One request whose length is not announced; returns the status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            headers: Any = request.headers
            connection.request(request.method, path, iter([request.body]), dict(headers), encode_chunked=True)
            return connection.getresponse().status
        finally:
            connection.close()

    def kill(self) -> None:
        """SIGKILL to the server and all of its children."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)


@contextmanager
def serving(command: Sequence[str], port: int, ready: str, folder: Path, **environment: str) -> Iterator[Server]:
    """Runs a server until the block ends; ``ready`` is what it prints when it accepts connections."""
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": SOURCE, "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        pass_fds=[int(number) for number in environment.get("KNOCKER_TEST_PIPES", "").split(",") if number],
    ) as process:
        assert process.stdout is not None
        output: list[str] = []
        for line in process.stdout:
            output.append(line)
            if ready in line:
                break
        else:
            raise AssertionError(f"{' '.join(command)} ended:\n{''.join(output)}")
        # Nobody reads on, and a full pipe would stop the server.
        reader = threading.Thread(target=lambda: output.extend(process.stdout or ()))
        reader.start()
        try:
            yield Server(process, port)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            reader.join(PATIENCE_S)


@contextmanager
def uvicorn(app: str, folder: Path, **environment: str) -> Iterator[Server]:
    """uvicorn serving ``module:app``."""
    port = free_port()
    with serving(["-m", "uvicorn", app, "--port", str(port), "--no-access-log"], port, "running on", folder, **environment) as server:
        yield server


@contextmanager
def gunicorn(app: str, folder: Path, *options: str, **environment: str) -> Iterator[Server]:
    """gunicorn with threads serving ``module:app``."""
    port = free_port()
    command = ["-m", "gunicorn", app, "--bind", f"127.0.0.1:{port}", "--threads", "8", "--no-control-socket", *options]
    with serving(command, port, "Booting worker", folder, **environment) as server:
        yield server


@contextmanager
def django(folder: Path, **environment: str) -> Iterator[Server]:
    """Django's development server with ``manage.py`` of that folder."""
    port = free_port()
    with serving(["manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"], port, "Quit the server", folder, **environment) as server:
        yield server
