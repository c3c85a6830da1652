"""ASGI apps for uvicorn: the hooks, a hand-written receiver that commits for each request, and one that only reads."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from pathlib import Path
from typing import Any

import knocker
from receives import SECRET, by_hand

hooks = knocker.open(os.environ["BENCH_DB"])
hooks.endpoint("github", provider="github", secrets=[SECRET])
# Of the soak; strangers send there. The key is the public one of RFC 8032's first example.
_KEY = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
hooks.endpoint("svix", provider="svix", secrets=["whpk_" + base64.b64encode(_KEY).decode()])
hooks.endpoint("mailgun", provider="mailgun", secrets=[SECRET])
app = hooks.asgi()

_store = by_hand(Path(os.environ["BENCH_DB"] + "-by-hand"))


async def hand_written(scope: Any, receive: Any, send: Any) -> None:
    """The same work without Knocker, as small as it gets: what an app does in its own async handler."""
    if scope["type"] != "http":
        return
    body = await _body(receive)
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    expected = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    valid = hmac.compare_digest(expected, headers.get("x-hub-signature-256", ""))
    if valid:
        json.loads(body)
        _store(knocker.WebhookRequest(body, list(headers.items())), int(time.time_ns()))
    await _respond(send, 200 if valid else 401)


async def reads_only(scope: Any, receive: Any, send: Any) -> None:
    """What uvicorn itself costs."""
    if scope["type"] == "http":
        await _body(receive)
        await _respond(send, 200)


async def _body(receive: Any) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def _respond(send: Any, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
