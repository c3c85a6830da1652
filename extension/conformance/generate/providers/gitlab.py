"""GitLab: a shared token, or a signing token."""

from ..signing import base64_text, mac, seconds
from ..standard import WEBHOOK_SECRETS, base64_key
from ..suite import NOW, Sent, Suite

SIGNING = WEBHOOK_SECRETS["secret"]
BODY = b'{"object_kind":"push","ref":"refs/heads/main"}'
HEADERS = {"X-Gitlab-Event": "Push Hook", "Idempotency-Key": "38f9a4ad-f6a8-4d5b-9c72-0a5a1f8a6f0e", "X-Gitlab-Event-UUID": "u1"}
ITEM = ("Push Hook", HEADERS["Idempotency-Key"])


def signed(sent, secret=SIGNING, now=NOW):
    message = f"{HEADERS['Idempotency-Key']}.{seconds(now)}.".encode() + sent.body
    headers = {"webhook-id": HEADERS["Idempotency-Key"], "webhook-timestamp": seconds(now)}
    return sent.with_headers({**headers, "webhook-signature": "v1," + base64_text(mac(base64_key(secret), message))})


def suite():
    suite = Suite("gitlab", ["test-secret"])
    bare = Sent(BODY, HEADERS)
    token = bare.header("X-Gitlab-Token", "test-secret")
    suite.delivery("a right token", token, ITEM)
    suite.delivery("the second of two tokens", token, ITEM, secrets=["other", "test-secret"])
    suite.twice("resent by hand", token, token, [ITEM], 1, later=60_000)
    older = token.header("Idempotency-Key", None)
    suite.twice("a version that sends no key", older, older, [("Push Hook", None)], 2)
    suite.refused("another token", bare.header("X-Gitlab-Token", "test-secre"), "bad_signature")
    suite.refused("the token in capitals", bare.header("X-Gitlab-Token", "TEST-SECRET"), "bad_signature")
    suite.refused("no token", bare, "missing_header")
    suite.refused("an empty token", bare.header("X-Gitlab-Token", ""), "bad_signature")
    suite.refused("no secret", token, "no_secret", secrets=[])
    sign = signed(bare)
    suite.delivery("a signing token", sign, ITEM, secrets=[SIGNING])
    suite.refused("a changed body", sign.to(body=BODY + b" "), "bad_signature", secrets=[SIGNING])
    suite.refused("too old", sign, "timestamp_out_of_tolerance", secrets=[SIGNING], now=NOW + 301_000)
    suite.refused("too early", sign, "timestamp_out_of_tolerance", secrets=[SIGNING], now=NOW - 301_000)
    suite.refused("a signing token sent as a token", bare.header("X-Gitlab-Token", SIGNING), "missing_header", secrets=[SIGNING])
    both = ["test-secret", SIGNING]
    suite.delivery("both kinds, the token", token, ITEM, secrets=both)
    suite.delivery("both kinds, the signature", sign, ITEM, secrets=both)
    wrong = sign.header("X-Gitlab-Token", "test-secret").to(body=BODY + b" ")
    suite.refused("a right token beside a wrong signature", wrong, "bad_signature", secrets=both)
    return suite
