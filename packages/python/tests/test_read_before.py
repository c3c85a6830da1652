"""Bodies that something in front of Knocker has read, under real servers: the app is told, and nothing is stored."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

import knocker
from conftest import github_request
from servers import Server, free_port, gunicorn, serving, uvicorn

APPS = Path(__file__).with_name("apps")


def hypercorn(app: str, folder: Path, **environment: str) -> AbstractContextManager[Server]:
    port = free_port()
    return serving(["-m", "hypercorn", app, "--bind", f"127.0.0.1:{port}"], port, "Running on", folder, **environment)


def granian(interface: str) -> Callable[..., AbstractContextManager[Server]]:
    def served(app: str, folder: Path, **environment: str) -> AbstractContextManager[Server]:
        port = free_port()
        command = ["-m", "granian", "--interface", interface, "--port", str(port), app]
        return serving(command, port, "Started worker", folder, **environment)

    return served


def standard_library(app: str, folder: Path, **environment: str) -> AbstractContextManager[Server]:
    port = free_port()
    module, name = app.split(":")
    serve = f"make_server('127.0.0.1', {port}, {module}.{name}).serve_forever()"
    script = f"import sys; sys.path.insert(0, ''); import {module}; from wsgiref.simple_server import make_server; print('ready'); {serve}"
    return serving(["-c", script], port, "ready", folder, **environment)


def flask(app: str, folder: Path, **environment: str) -> AbstractContextManager[Server]:
    port = free_port()
    module, name = app.split(":")
    script = f"import sys; sys.path.insert(0, ''); import {module}; from werkzeug.serving import run_simple; "
    return serving(
        ["-c", f"{script}run_simple('127.0.0.1', {port}, {module}.{name}, threaded=True)"], port, "Running on", folder, **environment
    )


SERVERS: dict[str, tuple[Callable[..., AbstractContextManager[Server]], str, set[int], set[int]]] = {
    # What it answers where all was read before, and where some of it was.
    "uvicorn": (uvicorn, "asgi", {500}, {500}),
    "hypercorn": (hypercorn, "asgi", {500}, {500}),
    "granian": (granian("asgi"), "asgi", {500}, {500}),
    "gunicorn": (gunicorn, "wsgi", {500}, {500}),
    "granian-wsgi": (granian("wsgi"), "wsgi", {500}, {400}),
    "standard-library": (standard_library, "wsgi", {500}, {500}),
    "flask": (flask, "wsgi", {500}, {500}),
}


@contextmanager
def answering(server: AbstractContextManager[Server]) -> Iterator[Server]:
    """Some say that they are ready before they listen."""
    with server as running:
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", running.port)).close()
                break
        yield running


@pytest.mark.parametrize("kind", list(SERVERS))
def test_a_body_that_something_read_before_is_named_and_stored_nowhere(tmp_path: Path, kind: str) -> None:
    serve, interface, after_all, after_some = SERVERS[kind]
    database = str(tmp_path / "app.db")
    # What cannot be seen is waited for.
    with answering(serve(f"reading_app:{interface}", APPS, APP_DB=database, BODY_TIMEOUT_S="0.5")) as server:
        # Longer than one message of any of these servers.
        large = github_request(1, body=b'"' + b"x" * 200_000 + b'"')
        small = github_request(2)
        assert {server.send("/webhooks/large?all", large)[0], server.send("/webhooks/large?all", small)[0]} == after_all
        assert {server.send("/webhooks/large?some", large)[0], server.send("/webhooks/large?some", small)[0]} == after_some
    with knocker.open(database) as hooks:
        assert list(hooks.deliveries()) == []


@pytest.mark.parametrize("kind", ["gunicorn", "flask"])
def test_a_body_in_chunks_of_which_something_read_a_part_is_named_and_stored_nowhere(tmp_path: Path, kind: str) -> None:
    serve, interface, _, _ = SERVERS[kind]
    database = str(tmp_path / "app.db")
    with answering(serve(f"reading_app:{interface}", APPS, APP_DB=database)) as server:
        for request in (github_request(1, body=b'"' + b"x" * 200_000 + b'"'), github_request(2)):
            assert server.send_chunked("/webhooks/large?some", request) == 500
            assert server.send_chunked("/webhooks/large", request) == 200
    with knocker.open(database) as hooks:
        assert [delivery.outcome for delivery in hooks.deliveries()] == ["accepted", "accepted"]


@pytest.mark.parametrize("kind", list(SERVERS))
def test_a_body_that_nothing_read_before_is_received(tmp_path: Path, kind: str) -> None:
    serve, interface, _, _ = SERVERS[kind]
    with answering(serve(f"reading_app:{interface}", APPS, APP_DB=str(tmp_path / "app.db"))) as server:
        large = github_request(1, body=b'"' + b"x" * 200_000 + b'"')
        assert [server.send("/webhooks/large", request)[0] for request in (large, github_request(2))] == [200, 200]
