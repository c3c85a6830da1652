"""Adyen's own library."""

import json

from Adyen.util import generate_payload_sig, is_valid_hmac_notification, is_valid_hmac_payload

from case import Case, Request
from oracle import Oracle

BLANK = {"a blank secret": "the library signs with an empty key; Knocker verifies nothing with one"}


def verify(request: Request, secret: str) -> object:
    return is_valid_hmac_notification(json.loads(request.body), secret)


def verify_body(request: Request, secret: str) -> object:
    return is_valid_hmac_payload(request.header("hmacsignature"), secret, request.body)


def sign_body(case: Case) -> Request:
    return case.request.with_header("hmacsignature", generate_payload_sig(case.request.body, case.secret).decode())


ORACLES = [
    Oracle(case="adyen", library="Adyen", verify=verify, differs=BLANK),
    Oracle(case="adyen-body", library="Adyen", verify=verify_body, sign=sign_body, differs=BLANK),
]
