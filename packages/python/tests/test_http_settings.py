"""What an app says about the way from the provider to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import knocker
from knocker.http.settings import HttpSettings


@pytest.mark.parametrize("url", ["shop.example", "https://", "ftp://shop.example", "https://shop.example?a=1", ""])
def test_a_public_url_is_the_base_of_one(url: str) -> None:
    with pytest.raises(knocker.UsageError, match="public_url"):
        HttpSettings(public_url=url)


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan"), float("inf"), True, "30", None])
def test_a_body_timeout_is_a_time(tmp_path: Path, timeout_s: Any) -> None:
    with pytest.raises(knocker.UsageError, match="body_timeout_s"):
        knocker.open(tmp_path / "app.db", body_timeout_s=timeout_s)
    assert not (tmp_path / "app.db").exists()


@pytest.mark.parametrize("timeout_s", [-1, float("nan"), True, "5"])
def test_a_busy_timeout_is_a_time(tmp_path: Path, timeout_s: Any) -> None:
    with pytest.raises(knocker.UsageError, match="busy_timeout_s"):
        knocker.open(tmp_path / "app.db", busy_timeout_s=timeout_s)


@pytest.mark.parametrize("peer", ["10.1.1.1", "::ffff:10.1.1.1"])
def test_a_peer_is_trusted_however_the_listener_calls_it(peer: str) -> None:
    settings = HttpSettings(trusted_proxies=["10.0.0.0/8"])
    forwarded = {"x-forwarded-proto": "https", "x-forwarded-host": "shop.example"}
    assert settings.external_url(scheme="http", host="app", target="/x", peer=peer, header=forwarded.get) == "https://shop.example/x"
    assert settings.external_url(scheme="http", host="app", target="/x", peer="::ffff:192.0.2.1", header=forwarded.get) == "http://app/x"
