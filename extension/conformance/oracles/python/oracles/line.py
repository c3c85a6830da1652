"""LINE's own library."""

from case import Request
from linebot.v3.webhook import SignatureValidator
from oracle import Oracle


def verify(request: Request, secret: str) -> bool:
    return SignatureValidator(secret).validate(request.text, request.header("x-line-signature"))


ORACLES = [
    Oracle(
        case="line",
        library="line-bot-sdk",
        verify=verify,
        differs={"blank secret": "the library signs with an empty key; Knocker verifies nothing with one"},
    )
]
