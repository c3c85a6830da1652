"""The reference library of the specification."""

from datetime import datetime, timezone

from case import NOW_MS, Case, Request
from oracle import Oracle, accepted
from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError


def verify(request: Request, secret: str) -> bool:
    return accepted(Webhook(secret).verify(request.body, dict(request.headers), json_parse=False))


def sign(case: Case) -> Request:
    moment = datetime.fromtimestamp(NOW_MS / 1000, timezone.utc)
    signature = Webhook(case.secret).sign(case.request.header("webhook-id"), moment, case.request.text)
    return case.request.with_headers({"webhook-timestamp": str(NOW_MS // 1000), "webhook-signature": signature})


# An item without a comma cannot be unpacked.
REFUSALS = (WebhookVerificationError, EmptyWebhookSecretError, ValueError)

ORACLES = [Oracle(case="standard-webhooks", library="standardwebhooks", verify=verify, sign=sign, refusals=REFUSALS)]
