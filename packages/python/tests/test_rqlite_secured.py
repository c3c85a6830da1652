"""A cluster of rqlite that speaks HTTPS and asks for credentials: ``make test-rqlite`` starts it."""

from __future__ import annotations

import pytest

import knocker
from rqlite_nodes import NOT_RUN, URL

if not URL.startswith("rqlites://"):
    print(NOT_RUN)
    pytest.skip(NOT_RUN, allow_module_level=True)

NODES = URL.rpartition("@")[2]
PASSWORD = "the/pass:word"


def test_hooks_speak_https_with_the_credentials() -> None:
    with knocker.open(URL) as hooks:
        assert hooks.endpoint("inbox").ingest(b"a", valid=True).outcome == "accepted"
        assert [event.body for event in hooks.events(with_body=True)] == [b"a"]
        assert hooks.database.path == f"rqlites://{NODES}"


@pytest.mark.parametrize("credentials", ["", "knocker:an%3Aother@", "nobody:the%2Fpass%3Aword@"])
def test_other_credentials_are_refused_at_once_and_not_repeated(credentials: str) -> None:
    with pytest.raises(knocker.UsageError, match="401") as caught:
        knocker.open(f"rqlites://{credentials}{NODES}", busy_timeout_s=60)
    for text in ("an:other", "an%3Aother", PASSWORD, "nobody"):
        assert text not in str(caught.value)


def test_a_certificate_that_nobody_vouches_for_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(knocker.ClusterUnavailableError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        knocker.open(URL, busy_timeout_s=0.5)
    assert PASSWORD not in str(caught.value)
    assert "the%2Fpass" not in str(caught.value)


def test_a_node_that_speaks_https_is_not_spoken_to_without() -> None:
    with pytest.raises(knocker.UsageError, match="400"):
        knocker.open(URL.replace("rqlites://", "rqlite://"), busy_timeout_s=0.5)
