"""GoCardless's own library."""

from gocardless_pro import webhooks
from gocardless_pro.errors import InvalidSignatureError

from case import Request
from oracle import Oracle


def verify(request: Request, secret: str) -> object:
    return webhooks.parse(request.body, secret, request.header("Webhook-Signature"))


ORACLES = [
    Oracle(
        case="gocardless",
        library="gocardless_pro",
        verify=verify,
        refusals=(InvalidSignatureError,),
        differs={
            "a blank secret": "the library signs with an empty key; Knocker verifies nothing with one",
            "hex in capitals": "the library compares texts; GoCardless's library for Node reads either case, and so does Knocker",
        },
    )
]
