"""The reference library of the specification. It has no public keys; for those PyNaCl checks the signature."""

import base64
from datetime import datetime, timezone

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from case import NOW_MS, Case, Request
from oracle import Oracle


def verify(request: Request, secret: str) -> bool:
    Webhook(secret).verify(request.body, dict(request.headers), json_parse=False)
    return True


def sign(case: Case) -> Request:
    moment = datetime.fromtimestamp(NOW_MS / 1000, timezone.utc)
    signature = Webhook(case.secret).sign(case.request.header("webhook-id"), moment, case.request.text)
    return case.request.with_headers({"webhook-timestamp": str(NOW_MS // 1000), "webhook-signature": signature})


def verify_public_key(request: Request, secret: str) -> object:
    version, _, signature = request.header("webhook-signature").partition(",")
    if version != "v1a":
        return False
    signed = f"{request.header('webhook-id')}.{request.header('webhook-timestamp')}.{request.text}"
    return VerifyKey(base64.b64decode(secret.removeprefix("whpk_"))).verify(signed.encode(), base64.b64decode(signature))


# An item without a comma cannot be unpacked.
REFUSALS = (WebhookVerificationError, EmptyWebhookSecretError, ValueError)

NO_CLOCK = "PyNaCl checks signatures only; the specification asks for five minutes both ways"

ORACLES = [
    Oracle(case="standard-webhooks", library="standardwebhooks", verify=verify, sign=sign, refusals=REFUSALS),
    Oracle(
        case="standard-webhooks-public-key",
        library="PyNaCl",
        verify=verify_public_key,
        # A signature of another length.
        refusals=(BadSignatureError, ValueError),
        differs={"a second more than that": NO_CLOCK, "a timestamp ahead of the clock": NO_CLOCK},
    ),
]
