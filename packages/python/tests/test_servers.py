"""Real servers and a real client: uvicorn with FastAPI, gunicorn with Flask, Django's development server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import knocker
from conftest import github_request
from knocker.testing import sign
from servers import PATIENCE_S, Server, django, gunicorn, uvicorn

APPS = Path(__file__).with_name("apps")
KINDS = {
    "uvicorn+fastapi": lambda database: uvicorn("fastapi_app:app", APPS, APP_DB=database),
    "gunicorn+flask": lambda database: gunicorn("flask_app:app", APPS, APP_DB=database),
    "django": lambda database: django(APPS, APP_DB=database),
}


@pytest.fixture(scope="module", params=list(KINDS))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    database = tmp_path_factory.mktemp("server") / "app.db"
    with KINDS[request.param](str(database)) as running:
        yield running, database


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["server"])


def stripe_request(n: int, secret: str = "whsec_test") -> knocker.WebhookRequest:
    return sign("stripe", {"id": f"evt_{n}", "type": "charge.succeeded"}, secret)


@pytest.fixture
def stored(server: tuple[Server, Path]) -> Iterator[knocker.Hooks]:
    with knocker.open(server[1]) as hooks:
        yield hooks


def last_id(hooks: knocker.Hooks) -> int:
    return max((delivery.id for delivery in hooks.deliveries()), default=0)


def outcomes(hooks: knocker.Hooks, after: int) -> list[tuple[str, str]]:
    return [(delivery.endpoint, delivery.outcome) for delivery in hooks.deliveries(after=after)]


def test_signed_requests_are_accepted_once(server: tuple[Server, Path], stored: knocker.Hooks) -> None:
    before = last_id(stored)
    for endpoint, request in (("stripe", stripe_request(1)), ("github", github_request(1))):
        assert [server[0].send(f"/webhooks/{endpoint}", request)[0] for _ in range(2)] == [200, 200]
    assert outcomes(stored, before) == [
        ("stripe", "accepted"),
        ("stripe", "duplicate"),
        ("github", "accepted"),
        ("github", "duplicate"),
    ]
    delivery = list(stored.deliveries(with_body=True))[-1]
    assert delivery.body == b'{"n": 1}'
    assert delivery.url == f"http://127.0.0.1:{server[0].port}/webhooks/github"


def test_forgeries_are_refused(server: tuple[Server, Path], stored: knocker.Hooks) -> None:
    before = last_id(stored)
    altered = github_request(2)
    forgeries = [
        ("stripe", stripe_request(2, "whsec_other")),
        ("stripe", knocker.WebhookRequest(b"{}", [])),
        ("github", knocker.WebhookRequest(altered.body + b" ", altered.headers)),
    ]
    assert [server[0].send(f"/webhooks/{endpoint}", request)[0] for endpoint, request in forgeries] == [401, 401, 401]
    assert {outcome for _, outcome in outcomes(stored, before)} == {"invalid"}


def test_an_oversized_body_is_refused_and_recorded(server: tuple[Server, Path], stored: knocker.Hooks) -> None:
    before = last_id(stored)
    status, _, _ = server[0].send("/webhooks/github", github_request(3, body=b"x" * 8192))
    assert status == 413
    delivery = next(iter(stored.deliveries(after=before, with_body=True)))
    assert (delivery.outcome, delivery.body, delivery.body_size) == ("too_large", None, 8192)


def test_a_slow_body_holds_nobody_up_and_counts_when_it_is_complete(server: tuple[Server, Path], stored: knocker.Hooks) -> None:
    before = last_id(stored)
    slow = github_request(4)
    with server[0].begin("/webhooks/github", slow, slow.body[:3]) as connection:
        assert [server[0].send("/webhooks/github", github_request(n))[0] for n in range(40, 45)] == [200] * 5
        assert len(outcomes(stored, before)) == 5
        connection.sendall(slow.body[3:])
        with connection.makefile() as answer:
            assert " 200 " in answer.readline()
    assert next(event.key for event in stored.events(newest_first=True)) == "delivery-4"


def test_a_body_that_never_ends_stores_nothing(server: tuple[Server, Path], stored: knocker.Hooks) -> None:
    before = last_id(stored)
    slow = github_request(5)
    server[0].begin("/webhooks/github", slow, slow.body[:3]).close()
    assert server[0].send("/webhooks/github", github_request(6))[0] == 200
    assert outcomes(stored, before) == [("github", "accepted")]


def test_a_body_without_a_length_is_received_or_asked_for_one(server: tuple[Server, Path], stored: knocker.Hooks, kind: str) -> None:
    before = last_id(stored)
    # Only Django's server does not say where such a body ends.
    status, expected = (411, []) if kind == "django" else (200, [("github", "accepted")])
    assert server[0].send_chunked("/webhooks/github", github_request(9)) == status
    assert outcomes(stored, before) == expected


def test_a_body_that_ends_early_is_400_where_somebody_waits_for_an_answer(
    server: tuple[Server, Path], stored: knocker.Hooks, kind: str
) -> None:
    before = last_id(stored)
    short = github_request(10)
    with server[0].begin("/webhooks/github", short, short.body[:3]) as connection:
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(4096)
    # uvicorn says that the sender is gone, and there is nobody to answer.
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400")) if kind != "uvicorn+fastapi" else answer == b""
    assert outcomes(stored, before) == []


def test_the_rest_of_the_app_is_untouched(server: tuple[Server, Path]) -> None:
    status, _, body = server[0].send("/", knocker.WebhookRequest(b"", [], "GET"))
    assert status == 200
    assert b"the app itself" in body
    assert server[0].send("/webhooks/unknown", github_request(7))[0] == 404


def test_a_body_that_takes_too_long_is_408_under_fastapi(tmp_path: Path) -> None:
    with uvicorn("fastapi_app:app", APPS, APP_DB=str(tmp_path / "app.db"), BODY_TIMEOUT_S="0.1") as server:
        slow = github_request(8)
        with server.begin("/webhooks/github", slow, slow.body[:3]) as connection:
            connection.settimeout(PATIENCE_S)
            assert connection.recv(4096).startswith(b"HTTP/1.1 408")
    with knocker.open(tmp_path / "app.db") as hooks:
        assert list(hooks.deliveries()) == []
