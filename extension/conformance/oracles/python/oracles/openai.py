"""OpenAI's own library."""

from openai import InvalidWebhookSignatureError, OpenAI

from case import Request
from oracle import Oracle

CLIENT = OpenAI(api_key="not a key")


def verify(request: Request, secret: str) -> bool:
    CLIENT.webhooks.verify_signature(request.body, dict(request.headers), secret=secret)
    return True


ORACLES = [
    Oracle(
        case="openai",
        library="openai",
        verify=verify,
        # A required header that is missing.
        refusals=(InvalidWebhookSignatureError, ValueError),
        differs={
            "a secret without its prefix": "the library takes such a secret as text; OpenAI's have the prefix, and Knocker reads base64",
            "a signature without its version": "the library takes a bare signature for v1; Knocker wants the version",
            "a blank secret": "the library signs with an empty key; Knocker verifies nothing with one",
        },
    )
]
