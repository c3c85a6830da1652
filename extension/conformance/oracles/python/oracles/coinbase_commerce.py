"""Coinbase Commerce's own library."""

from coinbase_commerce.error import SignatureVerificationError, WebhookInvalidPayload
from coinbase_commerce.webhook import Webhook

from case import Request
from oracle import Oracle


def verify(request: Request, secret: str) -> object:
    return Webhook.construct_event(request.text, request.header("X-CC-Webhook-Signature"), secret)


ORACLES = [
    Oracle(
        case="coinbase-commerce",
        library="coinbase-commerce",
        verify=verify,
        # It parses the body first.
        refusals=(SignatureVerificationError, WebhookInvalidPayload),
        differs={"a blank secret": "the library signs with an empty key; Knocker verifies nothing with one"},
    )
]
