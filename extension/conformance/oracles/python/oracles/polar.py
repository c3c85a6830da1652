"""Polar's own library."""

from polar.webhooks import PolarWebhookVerificationError, validate_event

from case import Request
from oracle import Oracle


def verify(request: Request, secret: str) -> object:
    return validate_event(request.body, dict(request.headers), secret, frozenset({"organization.updated"}), lambda payload: payload)


ORACLES = [Oracle(case="polar", library="polar-sdk", verify=verify, refusals=(PolarWebhookVerificationError,))]
