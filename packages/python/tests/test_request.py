"""What a request is made of, and where its secrets come from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

import knocker
from conftest import SECRET, PushOf


def test_headers_that_can_be_read_once_are_kept(hooks: knocker.Hooks, push: PushOf) -> None:
    def of_tenant(request: knocker.WebhookRequest) -> list[str]:
        assert request.header("X-GitHub-Event") == "push"
        return [SECRET]

    endpoint = hooks.endpoint("github", provider="github", secrets=of_tenant)
    signed: Any = push(1).headers
    request = knocker.WebhookRequest(push(1).body, (pair for pair in signed))
    assert endpoint.verify(request).valid
    assert endpoint.receive(request).outcome == "accepted"
    endpoint.ingest(b"{}", valid=True, headers=iter([("A", "1"), ("b", "2"), ("a", "3")]))
    asyncio.run(endpoint.aingest(b"{}", valid=True, headers=iter([("a", "1")])))
    assert [delivery.headers for delivery in hooks.deliveries(after=1)] == [{"a": ["1", "3"], "b": "2"}, {"a": "1"}]


@pytest.mark.parametrize("headers", [[("A", 1)], [("A", None)], [("A", ["1", "2"])], [("A", "1", "2")]])
def test_headers_that_are_no_texts_are_refused_by_what_is_wrong_with_them(hooks: knocker.Hooks, headers: Any) -> None:
    endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
    with pytest.raises(knocker.InvalidArgumentError, match="entry 0 must be a pair"):
        endpoint.receive(knocker.WebhookRequest(b"{}", headers))


def test_a_method_and_a_url_that_nobody_knows(hooks: knocker.Hooks) -> None:
    endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
    nothing: Any = None
    assert endpoint.receive(knocker.WebhookRequest(b"{}", method=nothing, url=nothing, truncated=True)).outcome == "too_large"


@pytest.mark.parametrize("body", ["{}", None, 5, ["{}"]])
def test_a_body_is_bytes(hooks: knocker.Hooks, body: Any) -> None:
    endpoint = hooks.endpoint("inbox")
    with pytest.raises(knocker.UsageError, match="raw bytes"):
        knocker.WebhookRequest(body)
    with pytest.raises(knocker.UsageError, match="raw bytes"):
        endpoint.ingest(body, valid=True)
    assert list(hooks.deliveries()) == []


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_whatever_holds_the_bytes(hooks: knocker.Hooks, kind: Any) -> None:
    hooks.endpoint("inbox").ingest(kind(b"{}"), valid=True)
    assert knocker.WebhookRequest(kind(b"{}")).body == hooks.event(1).body == b"{}"


@pytest.mark.parametrize("secrets", [None, 5, b"bytes", {"a": "b"}, [None], [SECRET, None], "  ", ["  "], [5]])
def test_what_is_no_secret_is_refused_and_not_shown(hooks: knocker.Hooks, secrets: Any) -> None:
    with pytest.raises(knocker.UsageError, match="environment variable") as caught:
        hooks.endpoint("github", provider="github", secrets=secrets)
    assert SECRET not in str(caught.value)
    assert dict(hooks.endpoints) == {}
    assert hooks.stored_endpoints() == []


def test_a_function_may_find_secrets_one_by_one(hooks: knocker.Hooks, push: PushOf) -> None:
    def found(request: knocker.WebhookRequest) -> Iterator[str]:
        yield "an-old-secret"
        yield SECRET

    assert hooks.endpoint("github", provider="github", secrets=found).receive(push(1)).outcome == "accepted"


def test_a_verdict_alone_for_secrets_that_are_awaited(hooks: knocker.Hooks, push: PushOf) -> None:
    async def looked_up(request: knocker.WebhookRequest) -> list[str]:
        await asyncio.sleep(0)
        return [SECRET]

    endpoint = hooks.endpoint("github", provider="github", secrets=looked_up)
    assert asyncio.run(endpoint.averify(push(1))).valid
    with pytest.raises(knocker.UsageError, match="averify"):
        endpoint.verify(push(1))
    assert list(hooks.deliveries()) == []


def test_without_a_provider_there_is_nothing_to_verify(hooks: knocker.Hooks, push: PushOf) -> None:
    with pytest.raises(knocker.UsageError, match="no provider"):
        hooks.endpoint("inbox").verify(push(1))
