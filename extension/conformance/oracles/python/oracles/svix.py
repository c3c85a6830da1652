"""Svix's own library."""

from datetime import datetime, timezone

from standardwebhooks.webhooks import EmptyWebhookSecretError
from svix.webhooks import Webhook, WebhookVerificationError

from case import NOW_MS, Case, Request
from oracle import Oracle


def verify(request: Request, secret: str) -> bool:
    Webhook(secret).verify(request.body, dict(request.headers))
    return True


def sign(case: Case) -> Request:
    moment = datetime.fromtimestamp(NOW_MS / 1000, timezone.utc)
    signature = Webhook(case.secret).sign(case.request.header("svix-id"), moment, case.request.text)
    return case.request.with_headers({"svix-timestamp": str(NOW_MS // 1000), "svix-signature": signature})


# An item without a comma cannot be unpacked.
REFUSALS = (WebhookVerificationError, EmptyWebhookSecretError, ValueError)

ORACLES = [Oracle(case="svix", library="svix", verify=verify, sign=sign, refusals=REFUSALS)]
