"""Resend's own library, and Anymail, which asks Svix's."""

import resend
from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.webhooks.resend import ResendTrackingWebhookView
from standardwebhooks.webhooks import EmptyWebhookSecretError

from anymail_view import django_request
from case import Request
from oracle import Oracle


def verify(request: Request, secret: str) -> bool:
    headers: resend.WebhookHeaders = {
        "id": request.header("svix-id"),
        "timestamp": request.header("svix-timestamp"),
        "signature": request.header("svix-signature"),
    }
    resend.Webhooks.verify({"payload": request.text, "headers": headers, "webhook_secret": secret})
    return True


def verify_by_anymail(request: Request, secret: str) -> bool:
    ResendTrackingWebhookView(signing_secret=secret).run_validators(django_request(request))
    return True


ORACLES = [
    Oracle(
        case="resend",
        library="resend",
        verify=verify,
        refusals=(ValueError,),
        differs={
            "only an unknown version": "the library does not look at the version; Knocker takes only the one it can check",
            "a secret without its padding": "the library decodes strictly; Knocker takes such a secret, as the reference library does",
            "a blank secret": "the library signs with an empty key; Knocker verifies nothing with one",
        },
    ),
    Oracle(
        case="resend",
        library="django-anymail",
        verify=verify_by_anymail,
        refusals=(AnymailWebhookValidationFailure, EmptyWebhookSecretError, ValueError),
    ),
]
