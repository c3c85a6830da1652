"""Resend's own library, and Anymail, which asks Svix's."""

import resend
from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.webhooks.resend import ResendTrackingWebhookView
from case import Request
from oracle import Oracle, accepted
from oracles.anymail_view import django_request
from standardwebhooks.webhooks import EmptyWebhookSecretError


def verify(request: Request, secret: str) -> bool:
    headers = {name: request.header(f"svix-{name}") for name in ("id", "timestamp", "signature")}
    return accepted(resend.Webhooks.verify({"payload": request.text, "headers": headers, "webhook_secret": secret}))


def verify_by_anymail(request: Request, secret: str) -> bool:
    return accepted(ResendTrackingWebhookView(signing_secret=secret).run_validators(django_request(request)))


ORACLES = [
    Oracle(
        case="resend",
        library="resend",
        verify=verify,
        refusals=(ValueError,),
        differs={
            "only an unknown version": "the library does not look at the version; Knocker takes only the one it can check",
            "a secret without its padding": "the library decodes strictly; Knocker takes a pasted secret without its padding, as the reference library does",
            "blank secret": "the library signs with an empty key; Knocker verifies nothing with one",
        },
    ),
    Oracle(
        case="resend",
        library="django-anymail",
        verify=verify_by_anymail,
        refusals=(AnymailWebhookValidationFailure, EmptyWebhookSecretError, ValueError),
    ),
]
