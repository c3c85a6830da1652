"""pywa speaks with WhatsApp."""

from pywa.utils import webhook_updates_validator

from case import Request
from oracle import Oracle


def verify(request: Request, secret: str) -> bool:
    return webhook_updates_validator(secret, request.body, request.header("X-Hub-Signature-256"))


ORACLES = [
    Oracle(
        case="meta",
        library="pywa",
        verify=verify,
        differs={
            "no prefix": "pywa drops the prefix where there is one; Meta always sends it, and Knocker wants it",
            "a blank secret": "pywa signs with an empty key; Knocker verifies nothing with one",
        },
    )
]
