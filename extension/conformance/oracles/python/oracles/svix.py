"""Svix's own library."""

from datetime import datetime, timezone

from case import NOW_MS, Case, Request
from oracle import Oracle, accepted
from standardwebhooks.webhooks import EmptyWebhookSecretError
from svix.webhooks import Webhook, WebhookVerificationError


def verify(request: Request, secret: str) -> bool:
    return accepted(Webhook(secret).verify(request.body, dict(request.headers)))


def sign(case: Case) -> Request:
    moment = datetime.fromtimestamp(NOW_MS / 1000, timezone.utc)
    signature = Webhook(case.secret).sign(case.request.header("svix-id"), moment, case.request.text)
    return case.request.with_headers({"svix-timestamp": str(NOW_MS // 1000), "svix-signature": signature})


# An item without a comma cannot be unpacked.
REFUSALS = (WebhookVerificationError, EmptyWebhookSecretError, ValueError)

ORACLES = [Oracle(case="svix", library="svix", verify=verify, sign=sign, refusals=REFUSALS)]
