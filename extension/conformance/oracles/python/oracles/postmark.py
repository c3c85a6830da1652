"""Anymail receives Postmark's webhooks for Django."""

from anymail.exceptions import AnymailInsecureWebhookWarning, AnymailWebhookValidationFailure
from anymail.webhooks.postmark import PostmarkTrackingWebhookView

from anymail_view import django_request
from case import Request
from oracle import Oracle


def verify(request: Request, secret: str) -> bool:
    PostmarkTrackingWebhookView(webhook_secret=secret).run_validators(django_request(request))
    return True


ORACLES = [
    Oracle(
        case="postmark",
        library="django-anymail",
        verify=verify,
        # Without a secret it warns, and the warning is an error here.
        refusals=(AnymailWebhookValidationFailure, AnymailInsecureWebhookWarning),
    )
]
