"""Stripe's library signs and verifies."""

import stripe

from case import NOW_MS, Case, Request
from oracle import Oracle


def verify(request: Request, secret: str) -> object:
    return stripe.Webhook.construct_event(request.body, request.header("Stripe-Signature"), secret)


def sign(case: Case) -> Request:
    header = stripe.WebhookSignature.generate_signature_header(case.request.text, case.secret, NOW_MS // 1000)
    return case.request.with_header("Stripe-Signature", header)


ORACLES = [
    Oracle(
        case="stripe",
        library="stripe",
        verify=verify,
        sign=sign,
        refusals=(stripe.SignatureVerificationError,),
        differs={"two timestamps that differ": "the library takes the first; such a header comes from no sender, so Knocker refuses it"},
    )
]
