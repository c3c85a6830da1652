"""OpenAI's own library."""

from case import Request
from openai import InvalidWebhookSignatureError, OpenAI
from oracle import Oracle, accepted

CLIENT = OpenAI(api_key="not a key")


def verify(request: Request, secret: str) -> bool:
    return accepted(CLIENT.webhooks.verify_signature(request.body, dict(request.headers), secret=secret))


ORACLES = [
    Oracle(
        case="openai",
        library="openai",
        verify=verify,
        # A required header that is missing.
        refusals=(InvalidWebhookSignatureError, ValueError),
        differs={
            "a secret without its prefix": "the library takes such a secret as text; OpenAI's secrets have the prefix, and Knocker reads base64",
            "a signature without its version": "the library takes a bare signature for v1; Knocker wants the version",
            "blank secret": "the library signs with an empty key; Knocker verifies nothing with one",
        },
    )
]
