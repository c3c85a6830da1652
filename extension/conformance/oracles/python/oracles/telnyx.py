"""Telnyx's own library."""

from case import Request
from oracle import Oracle, accepted
from telnyx.lib.webhook_verification import WebhookVerificationError, verify_webhook_signature


def verify(request: Request, secret: str) -> bool:
    return accepted(verify_webhook_signature(request.body, dict(request.headers), secret))


ORACLES = [Oracle(case="telnyx", library="telnyx", verify=verify, refusals=(WebhookVerificationError,))]
