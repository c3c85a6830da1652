"""Slack's own library."""

from slack_sdk.signature import SignatureVerifier

from case import NOW_MS, Case, Request
from oracle import Oracle


def verify(request: Request, secret: str) -> bool:
    return SignatureVerifier(secret).is_valid_request(request.body, dict(request.headers))


def sign(case: Case) -> Request:
    timestamp = str(NOW_MS // 1000)
    signature = SignatureVerifier(case.secret).generate_signature(timestamp=timestamp, body=case.request.body) or ""
    return case.request.with_headers({"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature})


# An empty secret is a ValueError.
ORACLES = [Oracle(case="slack", library="slack_sdk", verify=verify, sign=sign, refusals=(ValueError,))]
