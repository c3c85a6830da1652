"""Paddle's own library."""

from dataclasses import dataclass

from paddle_billing.Notifications import Secret, Verifier

from case import Request
from oracle import Oracle


@dataclass
class Received:
    """What Paddle's verifier reads of a framework's request."""

    headers: dict[str, str]
    body: bytes


def verify(request: Request, secret: str) -> object:
    return Verifier().verify(Received(dict(request.headers), request.body), Secret(secret))


ORACLES = [
    Oracle(
        case="paddle",
        library="paddle-python-sdk",
        verify=verify,
        # A header that it cannot take apart.
        refusals=(ValueError,),
        differs={"a blank secret": "the library signs with an empty key; Knocker verifies nothing with one"},
    )
]
