"""SendGrid's own library, and Anymail."""

from binascii import Error as Base64Error

from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.webhooks.sendgrid import SendGridTrackingWebhookView
from cryptography.exceptions import UnsupportedAlgorithm
from sendgrid.helpers.eventwebhook import EventWebhook, EventWebhookHeader

from anymail_view import django_request
from case import Request
from oracle import Oracle


def verify(request: Request, secret: str) -> object:
    signature, timestamp = request.header(EventWebhookHeader.SIGNATURE), request.header(EventWebhookHeader.TIMESTAMP)
    return EventWebhook(secret).verify_signature(request.text, signature, timestamp)


def verify_by_anymail(request: Request, secret: str) -> object:
    view = SendGridTrackingWebhookView(tracking_webhook_verification_key=secret)
    view.run_validators(django_request(request))
    return True


# A changed public key is no point of the curve, or no key at all.
REFUSALS = (ValueError, UnsupportedAlgorithm, Base64Error)

ORACLES = [
    Oracle(case="sendgrid", library="sendgrid", verify=verify, refusals=REFUSALS),
    Oracle(case="sendgrid", library="django-anymail", verify=verify_by_anymail, refusals=(*REFUSALS, AnymailWebhookValidationFailure)),
]
