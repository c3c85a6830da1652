"""Razorpay's own library."""

import razorpay
from razorpay.errors import SignatureVerificationError

from case import Request
from oracle import Oracle


def verify(request: Request, secret: str) -> object:
    client = razorpay.Client(auth=("test", "not a key"))
    return client.utility.verify_webhook_signature(request.text, request.header("X-Razorpay-Signature"), secret)


ORACLES = [
    Oracle(
        case="razorpay",
        library="razorpay",
        verify=verify,
        refusals=(SignatureVerificationError,),
        differs={"a blank secret": "the library signs with an empty key; Knocker verifies nothing with one"},
    )
]
