"""Braintree's own library."""

from urllib.parse import parse_qs

from braintree import BraintreeGateway, Configuration, Environment
from braintree.exceptions.invalid_signature_error import InvalidSignatureError

from case import Request
from oracle import Oracle


def gateway(secret: str) -> BraintreeGateway:
    public_key, _, private_key = secret.partition("|")
    configuration = Configuration(Environment.Sandbox, merchant_id="test", public_key=public_key, private_key=private_key)
    return BraintreeGateway(configuration)


def verify(request: Request, secret: str) -> object:
    fields = parse_qs(request.text)
    signature, payload = fields.get("bt_signature", [""])[0], fields.get("bt_payload", [""])[0]
    return gateway(secret).webhook_notification.parse(signature, payload)


# A payload with a character outside ASCII cannot be encoded.
ORACLES = [Oracle(case="braintree", library="braintree", verify=verify, refusals=(InvalidSignatureError, UnicodeEncodeError))]
