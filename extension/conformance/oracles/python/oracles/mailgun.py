"""Mailgun's own library, and Anymail."""

import json

from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from case import Request
from mailgun.security import SecurityGuard
from oracle import Oracle, accepted
from oracles.anymail_view import django_request

BLANK = {"blank secret": "the library signs with an empty key; Knocker verifies nothing with one"}


def verify(request: Request, secret: str) -> bool:
    fields = json.loads(request.body)["signature"]
    return SecurityGuard.verify_webhook(secret, fields["token"], fields["timestamp"], fields["signature"])


def verify_by_anymail(request: Request, secret: str) -> bool:
    return accepted(MailgunTrackingWebhookView(webhook_signing_key=secret).run_validators(django_request(request)))


ORACLES = [
    Oracle(case="mailgun", library="mailgun", verify=verify, differs=BLANK),
    Oracle(
        case="mailgun",
        library="django-anymail",
        verify=verify_by_anymail,
        refusals=(AnymailWebhookValidationFailure,),
        differs=BLANK,
    ),
]
