"""Signed webhooks of several providers. The library signs them, in a `sqlite3` shell, so that no participant takes part."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

SECRET = "test-secret"
# A run may take longer than a provider's own tolerance.
PATIENT = {"tolerance_s": 86400}
OPTIONS: dict[str, dict[str, Any]] = {"stripe": PATIENT, "github": {}, "shopify": {}, "slack": PATIENT, "hubspot": PATIENT}
# Of a batch's provider each item is an event.
BATCHES = "hubspot"


def endpoints(max_attempts: int = 50) -> list[dict[str, Any]]:
    """What every participant declares, in the names of the SQL contract. Failed events are due again at once."""
    return [
        {
            "name": provider,
            "secret": SECRET,
            "settings": {
                "provider": provider,
                "options": options,
                "max_attempts": max_attempts,
                "backoff": {"base_s": 0, "factor": 1, "cap_s": 0},
                "unhandled": "dead",
                "max_body_bytes": 2_000_000,
            },
        }
        for provider, options in OPTIONS.items()
    ]


@dataclass
class Webhook:
    endpoint: str
    name: str
    """Unique: the identity of the occurrence, or of the first of a batch, is made of it."""
    request: dict[str, Any]
    body: str
    plans: tuple[str, ...]
    """What the handlers do with each of its events."""


def _unsigned(provider: str, name: str, number: int, plans: tuple[str, ...]) -> tuple[dict[str, str], Any]:
    """Headers and content as the provider sends them."""
    order = {"customer": f"Zoë Ünal 🌵 {number % 7}", "total": 100 + number}
    common = {"plan": plans[0], "order": order}
    if provider == "stripe":
        return {}, {"id": f"evt_{name}", "type": "checkout.session.completed", **common}
    if provider == "github":
        return {"X-GitHub-Event": "push", "X-GitHub-Delivery": name}, {"ref": "refs/heads/main", **common}
    if provider == "shopify":
        return {"X-Shopify-Topic": "orders/create", "X-Shopify-Event-Id": name, "X-Shopify-Webhook-Id": f"w-{name}"}, common
    if provider == "slack":
        return {}, {"type": "event_callback", "event_id": f"Ev{name}", "event": {"type": "message"}, **common}
    items = [
        {
            "eventId": 10 * number + at,
            "subscriptionType": "deal.creation",
            "portalId": 7,
            "occurredAt": 1767225600000,
            "plan": plan,
            "order": order,
        }
        for at, plan in enumerate(plans)
    ]
    return {}, items


def make(wanted: list[tuple[str, str, tuple[str, ...]]]) -> list[Webhook]:
    """Signs one webhook for each provider, name and plans."""
    made, statements = [], []
    for number, (provider, name, plans) in enumerate(wanted, 1):
        headers, content = _unsigned(provider, name, number, plans)
        body = json.dumps(content, ensure_ascii=False)
        request = {
            "method": "POST",
            "url": f"https://shop.example/webhooks/{provider}",
            "headers": {"Content-Type": "application/json", "User-Agent": "sender/1.0", **headers},
        }
        made.append(Webhook(provider, name, request, body, plans))
        given = (provider, json.dumps(OPTIONS[provider]), json.dumps(request), body, SECRET)
        statements.append("SELECT knocker_sign({});".format(", ".join("'" + text.replace("'", "''") + "'" for text in given)))
    load = f".load {os.environ['KNOCKER_EXTENSION'].removesuffix('.so')}"
    shell = subprocess.run(["sqlite3", "-bail"], input="\n".join([load, *statements]), capture_output=True, encoding="utf-8", check=True)
    for webhook, line in zip(made, shell.stdout.splitlines(), strict=True):
        signed = json.loads(line)
        assert signed["url"] is None and signed["body"] is None, "these providers sign in headers"
        webhook.request["headers"].update(signed["headers"])
    return made


def forged(webhook: Webhook) -> Webhook:
    """The same request with another body."""
    return Webhook(webhook.endpoint, f"{webhook.name}-forged", webhook.request, webhook.body.replace('"total": ', '"total": 9'), ())
