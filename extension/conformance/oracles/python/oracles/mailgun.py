"""Mailgun's own library, and Anymail."""

import json

from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from mailgun.security import SecurityGuard

from anymail_view import django_request
from case import Request
from oracle import Oracle

BLANK = {"a blank secret": "the library signs with an empty key; Knocker verifies nothing with one"}


def verify(request: Request, secret: str) -> bool:
    fields = json.loads(request.body)["signature"]
    return SecurityGuard.verify_webhook(secret, fields["token"], fields["timestamp"], fields["signature"])


def verify_by_anymail(request: Request, secret: str) -> bool:
    MailgunTrackingWebhookView(webhook_signing_key=secret).run_validators(django_request(request))
    return True


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
