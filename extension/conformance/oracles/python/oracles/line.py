"""LINE's own library."""

from linebot.v3.webhook import SignatureValidator

from case import Request
from oracle import Oracle


def verify(request: Request, secret: str) -> object:
    return SignatureValidator(secret).validate(request.text, request.header("x-line-signature"))


ORACLES = [
    Oracle(
        case="line",
        library="line-bot-sdk",
        verify=verify,
        differs={"a blank secret": "the library signs with an empty key; Knocker verifies nothing with one"},
    )
]
