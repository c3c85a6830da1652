"""Two ASGI apps for uvicorn: the hooks, and a hand-written receiver that verifies, inserts and commits for each request."""

from __future__ import annotations

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
app = hooks.asgi()

_store = by_hand(Path(os.environ["BENCH_DB"] + "-by-hand"))


async def hand_written(scope: Any, receive: Any, send: Any) -> None:
    """The same work without Knocker, as small as it gets: what an app does in its own async handler."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    expected = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    valid = hmac.compare_digest(expected, headers.get("x-hub-signature-256", ""))
    if valid:
        json.loads(body)
        _store(knocker.Request(body, list(headers.items())), int(time.time_ns()))
    await send({"type": "http.response.start", "status": 200 if valid else 401, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
