"""The HTTP apps, called as a server calls them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from wsgiref.util import is_hop_by_hop

import pytest

import knocker
from conftest import SECRET, PushOf
from knocker.http.answer import ABORTED, INTERNAL, NO_LENGTH, NOT_FOUND, TOO_SLOW, Answer, of_receipt
from knocker.http.route import below, endpoint_name
from knocker.http.settings import HttpSettings
from knocker.http.target import target_of

Pairs = list[tuple[str, str]]
Call = Callable[..., tuple[int, dict[str, str], bytes]]


def over_asgi(app: Any, path: str, request: knocker.WebhookRequest, **scope: Any) -> tuple[int, dict[str, str], bytes]:
    """One request through an ASGI app; the body in pieces."""
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in [("Host", "10.0.0.1:8000"), *_pairs(request)]]
    messages = [{"type": "http.request", "body": request.body[i : i + 5], "more_body": True} for i in range(0, len(request.body), 5)]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    defaults = {
        "type": "http",
        "method": request.method,
        "path": path,
        "query_string": b"",
        "headers": headers,
        "scheme": "http",
        "server": ("10.0.0.1", 8000),
        "client": ("10.9.9.9", 1),
    }
    asyncio.run(app({**defaults, **scope}, receive, send))
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}, sent[1]["body"]


def over_wsgi(app: Any, path: str, request: knocker.WebhookRequest, **environ: Any) -> tuple[int, dict[str, str], bytes]:
    """One request through a WSGI app."""
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in _pairs(request)}
    defaults = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "HTTP_HOST": "10.0.0.1:8000",
        "SERVER_NAME": "10.0.0.1",
        "SERVER_PORT": "8000",
        "REMOTE_ADDR": "10.9.9.9",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
    }
    started: list[Any] = []
    body = b"".join(app({**defaults, **headers, **environ}, lambda status, headers: started.append((status, headers))))
    return int(started[0][0].split()[0]), dict(started[0][1]), body


def _pairs(request: knocker.WebhookRequest) -> Pairs:
    headers: Any = request.headers
    return list(headers)


@pytest.fixture(params=["asgi", "wsgi"])
def interface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def call(interface: str) -> Call:
    return over_asgi if interface == "asgi" else over_wsgi


def app_of(source: knocker.Hooks | knocker.Endpoint, interface: str) -> Any:
    return source.asgi() if interface == "asgi" else source.wsgi()


@pytest.fixture
def github(hooks: knocker.Hooks) -> knocker.Endpoint:
    return hooks.endpoint("github", provider="github", secrets=[SECRET], max_body_bytes=64)


def test_a_request_is_received_at_the_name_of_its_endpoint(
    hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, interface: str, call: Call
) -> None:
    app = app_of(hooks, interface)
    assert call(app, "/github", push(1))[0] == 200
    assert call(app, "/github/", push(1))[0] == 200
    assert [delivery.outcome for delivery in hooks.deliveries()] == ["accepted", "duplicate"]
    delivery = next(hooks.deliveries(with_body=True))
    assert delivery.body == b'{"n": 1}'
    assert delivery.headers["x-github-event"] == "push"


def test_an_unknown_path_is_404_and_stores_nothing(
    hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, interface: str, call: Call
) -> None:
    for path in ("/", "/gitlab", "/github/more"):
        assert call(app_of(hooks, interface), path, push(1))[0] == 404
    assert list(hooks.deliveries()) == []


def test_an_endpoints_own_app_takes_every_path(
    hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, interface: str, call: Call
) -> None:
    assert call(app_of(github, interface), "/anything/at/all", push(1))[0] == 200
    assert next(hooks.deliveries()).url == "http://10.0.0.1:8000/anything/at/all"


def test_a_forgery_is_401_with_the_response_of_the_core(hooks: knocker.Hooks, github: knocker.Endpoint, interface: str, call: Call) -> None:
    status, headers, body = call(app_of(hooks, interface), "/github", knocker.WebhookRequest(b"{}", [("X-GitHub-Event", "push")]))
    assert status == 401
    assert headers["content-type"].startswith("text/plain")
    assert headers["content-length"] == str(len(body))
    assert next(hooks.deliveries()).reason == "missing_header"


def test_an_oversized_body_is_413_and_recorded_by_its_size(
    hooks: knocker.Hooks, github: knocker.Endpoint, interface: str, call: Call
) -> None:
    large = knocker.WebhookRequest(b"x" * 1000, [("Content-Length", "1000")])
    assert call(app_of(hooks, interface), "/github", large)[0] == 413
    delivery = next(hooks.deliveries(with_body=True))
    assert (delivery.outcome, delivery.body, delivery.body_size) == ("too_large", None, 1000)


def test_a_body_without_a_length_is_read_to_the_limit_only(hooks: knocker.Hooks, github: knocker.Endpoint) -> None:
    assert over_asgi(hooks.asgi(), "/github", knocker.WebhookRequest(b"x" * 1000))[0] == 413
    stream = io.BytesIO(b"x" * 1000)
    status, _, _ = over_wsgi(
        hooks.wsgi(), "/github", knocker.WebhookRequest(b""), CONTENT_LENGTH="", **{"wsgi.input": stream, "wsgi.input_terminated": True}
    )
    assert (status, stream.tell()) == (413, 65)
    assert [delivery.body_size for delivery in hooks.deliveries()] == [65, 65]


def test_a_length_of_more_digits_than_python_reads_is_too_large(
    hooks: knocker.Hooks, github: knocker.Endpoint, interface: str, call: Call
) -> None:
    length = "9" * 5000
    environ = {"CONTENT_LENGTH": length} if interface == "wsgi" else {}
    assert call(app_of(hooks, interface), "/github", knocker.WebhookRequest(b"", [("Content-Length", length)]), **environ)[0] == 413
    assert [delivery.outcome for delivery in hooks.deliveries()] == ["too_large"]


def test_a_body_that_a_middleware_has_replaced_by_nothing_is_its_mistake(hooks: knocker.Hooks, github: knocker.Endpoint) -> None:
    length = knocker.WebhookRequest(b"", [("Content-Length", "5")])
    assert over_asgi(hooks.asgi(), "/github", length)[0] == 500
    assert list(hooks.deliveries()) == []


def test_an_input_that_something_has_read_is_its_mistake(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    stream = io.BytesIO(push(1).body)
    stream.read()
    assert over_wsgi(hooks.wsgi(), "/github", push(1), **{"wsgi.input": stream})[0] == 500
    assert list(hooks.deliveries()) == []


def test_a_limit_that_was_raised_elsewhere_is_seen(
    hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, interface: str, call: Call
) -> None:
    hooks.database.call("knocker_endpoint", "github", '{"max_body_bytes": 5000}')
    big = push(1, body=b'{"pad": "%s"}' % (b"x" * 200))
    assert call(app_of(hooks, interface), "/github", big)[0] == 200


def test_a_body_that_ends_early_stores_nothing(hooks: knocker.Hooks, github: knocker.Endpoint) -> None:
    assert over_wsgi(hooks.wsgi(), "/github", knocker.WebhookRequest(b"{}"), CONTENT_LENGTH="10")[0] == 400
    sent: list[Any] = []

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/github", "headers": [(b"host", b"app")]}
    asyncio.run(hooks.asgi()(scope, gone, send))
    assert sent == []
    assert list(hooks.deliveries()) == []


def test_a_slow_body_is_408_and_stores_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with knocker.open(tmp_path / "app.db", body_timeout_s=0.02) as hooks:
        hooks.endpoint("github", provider="github", secrets=[SECRET])
        sent: list[Any] = []

        came = [{"type": "http.request", "body": b"{", "more_body": True}]

        async def receive() -> Any:
            return came.pop() if came else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/github", "headers": [(b"host", b"app")]}
        asyncio.run(hooks.asgi()(scope, receive, send))
        assert sent[0]["status"] == 408
        assert [(record.levelname, "1 bytes of the body came" in record.getMessage()) for record in caplog.records] == [("WARNING", True)]
        assert list(hooks.deliveries()) == []


def test_a_failing_database_is_503_with_retry_after_and_one_line_in_the_log(
    tmp_path: Path, push: PushOf, interface: str, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    with knocker.open(tmp_path / "app.db", busy_timeout_s=0.02) as hooks:
        hooks.endpoint("github", provider="github", secrets=[SECRET])
        blocker = hooks.database.connect()
        blocker.execute("BEGIN IMMEDIATE")
        status, headers, _ = call(app_of(hooks, interface), "/github", push(1))
        assert (status, headers["retry-after"]) == (503, "5")
        (record,) = caplog.records
        assert record.getMessage().startswith("endpoint github: receipt not stored, answered 503: busy: ")
        assert (record.name, record.levelname, record.exc_info, "\n" in caplog.text.rstrip()) == ("knocker.http", "ERROR", None, False)
        blocker.execute("ROLLBACK")
        blocker.close()
        assert call(app_of(hooks, interface), "/github", push(1))[0] == 200


def test_an_error_that_no_retry_mends_is_500_and_says_nothing_of_secrets(
    hooks: knocker.Hooks, push: PushOf, interface: str, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    def unknown_tenant(request: knocker.WebhookRequest) -> list[str]:
        raise KeyError(SECRET)

    nothing: Any = None
    hooks.endpoint("raises", provider="github", secrets=unknown_tenant)
    hooks.endpoint("finds-nothing", provider="github", secrets=lambda request: nothing)
    hooks.endpoint("ingest-only")
    for name in ("raises", "finds-nothing", "ingest-only"):
        caplog.clear()
        status, headers, body = call(app_of(hooks, interface), f"/{name}", push(1))
        assert (status, body) == (500, b"internal error: nothing was stored")
        assert "retry-after" not in headers
        assert [record.name for record in caplog.records] == ["knocker.http"]
        assert SECRET not in caplog.text
        assert "test_http.py" in caplog.text or name != "raises"
    assert list(hooks.deliveries()) == []


def test_closed_hooks_are_503(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, interface: str, call: Call) -> None:
    app = app_of(hooks, interface)
    hooks.close()
    status, headers, _ = call(app, "/github", push(1))
    assert (status, headers["retry-after"]) == (503, "5")


def test_a_failure_while_the_limit_is_looked_up_has_an_answer(
    hooks: knocker.Hooks, github: knocker.Endpoint, interface: str, call: Call
) -> None:
    hooks.close()
    large = knocker.WebhookRequest(b"x" * 1000, [("Content-Length", "1000")])
    assert call(app_of(hooks, interface), "/github", large)[0] == 503


def test_head_is_answered_without_a_body(hooks: knocker.Hooks, github: knocker.Endpoint, interface: str, call: Call) -> None:
    for path, expected in (("/github", 405), ("/unknown", 404)):
        status, headers, body = call(app_of(hooks, interface), path, knocker.WebhookRequest(b"", method="HEAD"))
        assert (status, body) == (expected, b"")
        assert int(headers["content-length"]) > 0


def test_no_content_announces_no_length() -> None:
    receipt = knocker.Receipt(1, "handshake", None, (), None, None, knocker.WebhookResponse(204, {"x-hook": "1"}, ""))
    assert of_receipt(receipt) == Answer(204, (("x-hook", "1"),), b"")


def test_a_chunked_body_whose_end_the_server_does_not_tell_is_411(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    chunked = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    status, headers, _ = over_wsgi(hooks.wsgi(), "/github", push(1), **chunked)
    assert (status, "connection" in headers) == (411, False)
    assert list(hooks.deliveries()) == []
    assert over_wsgi(hooks.wsgi(), "/github", push(1), **chunked, **{"wsgi.input_terminated": True})[0] == 200


@pytest.mark.parametrize("answer", [NO_LENGTH, ABORTED, TOO_SLOW, NOT_FOUND, INTERNAL])
def test_no_answer_has_a_header_that_only_servers_may_send(answer: Answer) -> None:
    assert not any(is_hop_by_hop(name) for name, _ in answer.headers)


def test_what_the_trusted_proxy_added_counts_also_on_a_line_of_its_own(tmp_path: Path, push: PushOf) -> None:
    with knocker.open(tmp_path / "app.db", trusted_proxies=["10.9.9.9"]) as hooks:
        hooks.endpoint("github", provider="github", secrets=[SECRET])
        request = push(1)
        forwarded = [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Host", "shop.example"), ("X-Forwarded-Proto", "https")]
        assert over_asgi(hooks.asgi(), "/github", knocker.WebhookRequest(request.body, [*_pairs(request), *forwarded]))[0] == 200
        assert next(hooks.deliveries()).url == "https://shop.example/github"


def test_a_disabled_endpoint_is_410(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, interface: str, call: Call) -> None:
    github.configure(provider="github", enabled=False)
    assert call(app_of(hooks, interface), "/github", push(1))[0] == 410


def test_a_mounted_app_finds_the_endpoint_below_its_mount(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    app = hooks.asgi()
    # Starlette before 0.33 gave the rest of the path, newer ones the whole.
    assert over_asgi(app, "/github", push(1), root_path="/webhooks", raw_path=b"/webhooks/github")[0] == 200
    assert over_asgi(app, "/webhooks/github", push(2), root_path="/webhooks", raw_path=b"/webhooks/github")[0] == 200
    assert over_wsgi(hooks.wsgi(), "/github", push(3), SCRIPT_NAME="/webhooks")[0] == 200
    assert {delivery.url for delivery in hooks.deliveries()} == {"http://10.0.0.1:8000/webhooks/github"}


def test_an_app_can_be_wrapped(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    def wsgi(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"the app"]

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the app"})

    cases: list[tuple[Call, Any]] = [(over_wsgi, hooks.wsgi("/webhooks", wsgi)), (over_asgi, hooks.asgi("/webhooks", asgi))]
    for call, app in cases:
        assert call(app, "/webhooks/github", push(1))[0] == 200
        assert call(app, "/webhooksgithub", push(1))[2] == b"the app"
        assert call(app, "/webhooks/unknown", push(1))[0] == 404


def test_lifespan_and_websockets_have_an_answer(hooks: knocker.Hooks) -> None:
    async def talk(kind: str, incoming: list[str]) -> list[str]:
        sent: list[str] = []

        async def receive() -> Any:
            return {"type": incoming.pop(0)}

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await hooks.asgi()({"type": kind, "path": "/"}, receive, send)
        return sent

    lifespan = asyncio.run(talk("lifespan", ["lifespan.startup", "lifespan.shutdown"]))
    assert lifespan == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert asyncio.run(talk("websocket", [])) == ["websocket.close"]


def test_repeated_headers_are_kept_over_asgi(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    request = push(1)
    repeated = knocker.WebhookRequest(request.body, [*_pairs(request), ("X-Trace", "1"), ("X-Trace", "2")])
    assert over_asgi(hooks.asgi(), "/github", repeated)[0] == 200
    assert next(hooks.deliveries()).headers["x-trace"] == ["1", "2"]


@pytest.mark.parametrize(
    ("settings", "peer", "forwarded", "url"),
    [
        ({}, "10.0.0.9", True, "http://app:8000/webhooks/x?a=%20b"),
        ({"trusted_proxies": ["10.0.0.0/8"]}, "10.0.0.9", True, "https://shop.example/webhooks/x?a=%20b"),
        ({"trusted_proxies": ["10.0.0.0/8"]}, "192.0.2.1", True, "http://app:8000/webhooks/x?a=%20b"),
        ({"trusted_proxies": ["10.0.0.9"]}, "10.0.0.9", False, "http://app:8000/webhooks/x?a=%20b"),
        ({"trusted_proxies": ["*"]}, None, True, "https://shop.example/webhooks/x?a=%20b"),
        ({"trusted_proxies": ["unix"]}, None, True, "https://shop.example/webhooks/x?a=%20b"),
        ({"trusted_proxies": ["unix"]}, "10.0.0.9", True, "http://app:8000/webhooks/x?a=%20b"),
        ({"public_url": "https://example.com/"}, "192.0.2.1", True, "https://example.com/webhooks/x?a=%20b"),
    ],
)
def test_the_url_is_the_one_that_the_provider_called(settings: dict[str, Any], peer: str | None, forwarded: bool, url: str) -> None:
    # A stranger's own header comes first; the proxy adds what it saw.
    headers = {"x-forwarded-proto": "https", "x-forwarded-host": "evil.example, shop.example"} if forwarded else {}
    found = HttpSettings(**settings).external_url(
        scheme="http", host="app:8000", target="/webhooks/x?a=%20b", peer=peer, header=headers.get
    )
    assert found == url


@pytest.mark.parametrize("wrong", [{"public_url": "example.com"}, {"trusted_proxies": "10.0.0.1"}, {"trusted_proxies": ["10.0.0"]}])
def test_settings_that_cannot_be_meant_are_refused(wrong: Any) -> None:
    with pytest.raises(knocker.UsageError):
        HttpSettings(**wrong)


def test_the_url_keeps_its_escapes(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    over_wsgi(github.wsgi(), "/a b", push(1), QUERY_STRING="x=%2F")
    over_wsgi(github.wsgi(), "/a b", push(2), RAW_URI="/a%20b?x=%2F")
    over_asgi(github.asgi(), "/a b", push(3), raw_path=b"/a%20b", query_string=b"x=%2F")
    over_asgi(github.asgi(), "/a b", push(4), query_string=b"x=%2F")
    assert {delivery.url for delivery in hooks.deliveries()} == {"http://10.0.0.1:8000/a%20b?x=%2F"}


@pytest.mark.parametrize(
    "host", [None, "", "a b", "a/b", "user@host", "host:port", "host:", "[::1", "a\\b", "sh\xf6p.example", "a, b", "a#b"]
)
@pytest.mark.parametrize("public_url", [None, "https://shop.example"])
def test_a_host_that_no_url_can_have_is_400(tmp_path: Path, push: PushOf, public_url: str | None, host: str | None) -> None:
    with knocker.open(tmp_path / "app.db", public_url=public_url) as hooks:
        hooks.endpoint("github", provider="github", secrets=[SECRET])
        pairs = [(name.lower().encode(), value.encode()) for name, value in _pairs(push(1))]
        headers = [*pairs, (b"host", host.encode("latin-1"))] if host is not None else pairs
        status, _, body = over_asgi(hooks.asgi(), "/github", push(1), headers=headers)
        assert (status, body) == (400, b"bad host")
        environ = {} if host is None else {"HTTP_HOST": host}
        assert over_wsgi(lambda given, start: hooks.wsgi()(without(given, environ), start), "/github", push(1))[0] == 400
        assert list(hooks.deliveries()) == []


def without(environ: dict[str, Any], host: dict[str, Any]) -> dict[str, Any]:
    """The same with that host, or with none."""
    return {**{name: value for name, value in environ.items() if name != "HTTP_HOST"}, **host}


def test_a_second_host_is_400_as_well_as_one_of_a_trusted_proxy_that_cannot_be(tmp_path: Path, push: PushOf) -> None:
    with knocker.open(tmp_path / "app.db", trusted_proxies=["*"]) as hooks:
        hooks.endpoint("github", provider="github", secrets=[SECRET])
        for more in [("Host", "other.example"), ("X-Forwarded-Host", "a b")]:
            request = knocker.WebhookRequest(push(1).body, [*_pairs(push(1)), more])
            assert over_asgi(hooks.asgi(), "/github", request)[0] == 400
        assert list(hooks.deliveries()) == []


@pytest.mark.parametrize(
    "host", ["localhost", "shop.example:8443", "[::1]:80", "[2001:db8::1]", "under_score.example", "xn--shp-5qa.example"]
)
def test_every_host_that_can_be_is_taken(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, host: str) -> None:
    assert over_wsgi(hooks.wsgi(), "/github", push(1), HTTP_HOST=host)[0] == 200
    assert next(hooks.deliveries()).url == f"http://{host}/github"


@pytest.mark.parametrize(
    ("environ", "target"),
    [
        ({"RAW_URI": "/a%2Fb;c?x=%2F"}, "/a%2Fb;c?x=%2F"),
        ({"REQUEST_URI": "/a%2Fb"}, "/a%2Fb"),
        ({"RAW_URI": "http://shop.example/a%2Fb?x=1"}, "/a%2Fb?x=1"),
        ({"RAW_URI": "https://shop.example?x=/1"}, "/?x=/1"),
        ({"RAW_URI": "http://[::1"}, "/"),
        ({"PATH_INFO": "/a:b@c!$&'()*+,;=", "QUERY_STRING": "x=1"}, "/a:b@c!$&'()*+,;=?x=1"),
        ({"SCRIPT_NAME": "/hooks", "PATH_INFO": "/a b\xc3\xb6"}, "/hooks/a%20b%C3%B6"),
        ({}, "/"),
    ],
)
def test_the_target_is_what_was_sent_or_as_near_as_can_be(environ: dict[str, str], target: str) -> None:
    assert target_of(environ) == target


def test_paths_below_a_mount() -> None:
    assert below("", "/github") == "/github"
    assert below("/webhooks", "/webhooks/github") == "/github"
    assert below("webhooks/", "/webhooks") == ""
    assert below("/webhooks", "/webhooks2/github") is None
    assert (endpoint_name("/github"), endpoint_name("/github/"), endpoint_name("")) == ("github", "github", "")
