"""Telnyx's own library."""

from telnyx.lib.webhook_verification import WebhookVerificationError, verify_webhook_signature

from case import Request
from oracle import Oracle


def verify(request: Request, secret: str) -> bool:
    verify_webhook_signature(request.body, dict(request.headers), secret)
    return True


ORACLES = [Oracle(case="telnyx", library="telnyx", verify=verify, refusals=(WebhookVerificationError,))]
