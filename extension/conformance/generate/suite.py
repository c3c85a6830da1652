"""Requests, and the verdicts that they must get."""

import base64
from dataclasses import dataclass, field, replace

NOW = 1767225600000
"""2026-01-01T00:00:00Z in milliseconds."""

URL = "https://example.com/webhooks/in"


@dataclass(frozen=True)
class Sent:
    """One HTTP request. A header's value may be a list for a header that occurs more than once."""

    body: bytes = b""
    headers: dict = field(default_factory=dict)
    url: str = URL
    method: str = "POST"

    def header(self, name, value):
        others = {key: old for key, old in self.headers.items() if key.lower() != name.lower()}
        return replace(self, headers=others if value is None else {**others, name: value})

    def with_headers(self, headers):
        sent = self
        for name, value in headers.items():
            sent = sent.header(name, value)
        return sent

    def value(self, name):
        return next(value for key, value in self.headers.items() if key.lower() == name.lower())

    def to(self, **changes):
        return replace(self, **changes)


class Suite:
    """The cases of one provider. Every case has the suite's secrets and options where it names none of its own."""

    def __init__(self, provider, secrets, options=None, status=200, refused_status=401):
        self.provider = provider
        self.secrets = secrets
        self.options = options or {}
        self.status = status
        self.refused_status = refused_status
        self.cases = []

    def delivery(self, name, sent, *items, status=None, **more):
        """The request proves itself; each item is a pair of type and key."""
        found = [{"type": event_type, "key": key} for event_type, key in items]
        expect = {"valid": True, "kind": "delivery", "reason": None, "items": found, "status": status or self.status}
        self._add(name, sent, expect, **more)

    def twice(self, name, first, second, items, events, again=None, later=0, status=None, **more):
        """Two requests to one endpoint, the second `later` milliseconds after the first with the items `again` (or the same ones), and how
        many events there are after both."""
        self.delivery(name, first, *items, status=status, **more)
        case = self.cases[-1]
        found = [{"type": event_type, "key": key} for event_type, key in (items if again is None else again)]
        then = {"now": case["now"] + later, **_sent(second), "expect": {**case["expect"], "items": found}, "events": events}
        case["then"] = then

    def handshake(self, name, sent, response_body, status=200, **more):
        """The request is answered and makes no event."""
        expect = {"valid": True, "kind": "handshake", "reason": None, "items": [], "status": status}
        self._add(name, sent, expect, response_body=response_body, **more)

    def refused(self, name, sent, reason, status=None, **more):
        """The request does not prove itself."""
        expect = {"valid": False, "kind": None, "reason": reason, "items": [], "status": status or self.refused_status}
        self._add(name, sent, expect, **more)

    def _add(self, name, sent, expect, secrets=None, options=None, now=NOW, response_body=None, response_headers=None):
        assert name not in [case["name"] for case in self.cases], f"{self.provider}: {name} twice"
        if response_body is not None:
            expect["response_body"] = response_body
        if response_headers is not None:
            expect["response_headers"] = response_headers
        case = {
            "name": name,
            "options": self.options if options is None else options,
            "secrets": self.secrets if secrets is None else secrets,
            "now": now,
            **_sent(sent),
            "expect": expect,
        }
        self.cases.append(case)


def _sent(sent):
    head = {"request": {"method": sent.method, "url": sent.url, "headers": sent.headers}}
    try:
        return {**head, "body": sent.body.decode("utf-8")}
    except UnicodeDecodeError:
        return {**head, "body_base64": base64.b64encode(sent.body).decode()}
