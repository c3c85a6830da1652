"""Providers that no library checks: written here, with Python's hmac, after what each one documents.

That is no outside check, and the report does not count it as one. It keeps Knocker from agreeing with nobody but itself.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable

from case import Request
from oracle import DOCUMENTED, Oracle


def to_hex(secret: str, message: bytes, hash_name: str = "sha256") -> str:
    return hmac.new(secret.encode(), message, hash_name).hexdigest()


def to_base64(secret: str, message: bytes, hash_name: str = "sha256") -> str:
    return base64.b64encode(hmac.new(secret.encode(), message, hash_name).digest()).decode()


def header_is(name: str, expected: Callable[[Request, str], str]) -> Callable[[Request, str], bool]:
    """The header holds exactly this. An empty secret verifies nothing."""

    def verify(request: Request, secret: str) -> bool:
        return bool(secret) and hmac.compare_digest(request.header(name).encode(), expected(request, secret).encode())

    return verify


def zendesk(request: Request, secret: str) -> str:
    return to_base64(secret, request.header("X-Zendesk-Webhook-Signature-Timestamp").encode() + request.body)


def zoom(request: Request, secret: str) -> str:
    timestamp = request.header("x-zm-request-timestamp").encode()
    return "v0=" + to_hex(secret, b"v0:" + timestamp + b":" + request.body)


def calendly(request: Request, secret: str) -> bool:
    pairs = [pair.split("=", 1) for pair in request.header("Calendly-Webhook-Signature").split(",") if "=" in pair]
    timestamp = next((value for name, value in pairs if name == "t"), "0")
    expected = to_hex(secret, timestamp.encode() + b"." + request.body)
    fresh = time.time() - int(timestamp) <= 180
    return bool(secret) and fresh and any(hmac.compare_digest(value, expected) for name, value in pairs if name == "v1")


def coinbase_hook0(request: Request, secret: str) -> bool:
    pairs = dict(pair.split("=", 1) for pair in request.header("X-Hook0-Signature").split(",") if "=" in pair)
    names = pairs.get("h", "")
    values = ".".join(request.header(name) for name in names.split(" "))
    message = f"{pairs.get('t', '0')}.{names}.{values}.".encode() + request.body
    fresh = time.time() - int(pairs.get("t", "0")) <= 300
    return bool(secret) and fresh and hmac.compare_digest(pairs.get("v1", ""), to_hex(secret, message))


def pagerduty(request: Request, secret: str) -> bool:
    expected = "v1=" + to_hex(secret, request.body)
    return bool(secret) and expected in request.header("X-PagerDuty-Signature").split(",")


def figma(request: Request, secret: str) -> bool:
    return bool(secret) and hmac.compare_digest(json.loads(request.body)["passcode"].encode(), secret.encode())


VERIFIERS: dict[str, Callable[[Request, str], bool]] = {
    "asana": header_is("X-Hook-Signature", lambda request, secret: to_hex(secret, request.body)),
    "auth0": header_is("Authorization", lambda request, secret: secret),
    "calendly": calendly,
    "coinbase-hook0": coinbase_hook0,
    "figma": figma,
    "okta": header_is("Authorization", lambda request, secret: secret),
    "pagerduty": pagerduty,
    "paystack": header_is("x-paystack-signature", lambda request, secret: to_hex(secret, request.body, "sha512")),
    "trello": header_is("X-Trello-Webhook", lambda request, secret: to_base64(secret, request.body + request.url.encode(), "sha1")),
    "typeform": header_is("Typeform-Signature", lambda request, secret: "sha256=" + to_base64(secret, request.body)),
    "xero": header_is("x-xero-signature", lambda request, secret: to_base64(secret, request.body)),
    "zendesk": header_is("X-Zendesk-Webhook-Signature", zendesk),
    "zoom": header_is("x-zm-signature", zoom),
}

DIFFERS = {"zendesk": {"Zendesk's public test secret": "everybody can sign with it, so Knocker does not take it for a secret"}}

ORACLES = [Oracle(case=name, library=DOCUMENTED, verify=verify, differs=DIFFERS.get(name, {})) for name, verify in VERIFIERS.items()]
