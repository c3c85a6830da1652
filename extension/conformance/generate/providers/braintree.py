"""Braintree: a form of a payload and its signature."""

import base64
import hashlib
from urllib.parse import quote

from ..signing import mac, named
from ..suite import Sent, Suite

XML = b'<?xml version="1.0"?><notification><timestamp type="datetime">2026-01-01T00:00:00Z</timestamp><kind>subscription_charged_successfully</kind></notification>'
PAYLOAD = base64.encodebytes(XML)
ITEM = ("subscription_charged_successfully", named(PAYLOAD.replace(b"\n", b"")))


def digest(message, private="test_private"):
    return mac(hashlib.sha1(private.encode()).digest(), message, "sha1").hex()


def form(signature, payload=PAYLOAD):
    return Sent(f"bt_signature={quote(signature, safe='')}&bt_payload={quote(payload, safe='')}".encode())


def suite():
    suite = Suite("braintree", ["test_public|test_private"])
    good = form(f"test_public|{digest(PAYLOAD)}")
    suite.delivery("a valid signature", good, ITEM)
    several = form(f"other_public|{digest(PAYLOAD, 'x')}&test_public|{digest(PAYLOAD)}")
    suite.delivery("several keys signed", several, ITEM)
    suite.delivery("the payload lost its line end", form(f"test_public|{digest(PAYLOAD)}", PAYLOAD.rstrip(b"\n")), ITEM)
    suite.delivery("the second of two secrets", good, ITEM, secrets=["a|b", "test_public|test_private"])
    suite.twice("a retry", good, good, [ITEM], 1, later=3_600_000)
    timeless = base64.encodebytes(b"<notification><kind>check</kind></notification>")
    bare = form(f"test_public|{digest(timeless)}", timeless)
    suite.twice("a payload that does not say when is new each time", bare, bare, [("check", None)], 2)
    suite.refused("another private key", good, "bad_signature", secrets=["test_public|other"])
    suite.refused("another public key", good, "bad_signature", secrets=["other|test_private"])
    suite.refused("a changed payload", form(f"test_public|{digest(PAYLOAD)}", base64.encodebytes(XML + b" ")), "bad_signature")
    suite.refused("a key that was not hashed", form(f"test_public|{mac(b'test_private', PAYLOAD, 'sha1').hex()}"), "bad_signature")
    suite.refused("a payload that is not base64", form(f"test_public|{digest(b'<x>')}", b"<x>"), "malformed_body")
    suite.refused("no payload", Sent(b"bt_signature=test_public%7C00"), "malformed_body")
    suite.refused("an empty payload", form(f"test_public|{digest(b'')}", b""), "malformed_body")
    suite.refused("a secret without a public key", good, "no_secret", secrets=["test_private"])
    challenge = "20f9f8ed05f77439fe955c977e4c8a53"
    ask = Sent(method="GET", url=f"https://example.com/hook?bt_challenge={challenge}")
    suite.handshake("the challenge", ask, f"test_public|{digest(challenge.encode())}")
    for text in ["20f9", challenge.upper(), "PG5vdGlmaWNhdGlvbj48L25vdGlm"]:
        suite.refused(f"no challenge: {text}", ask.to(url=f"https://example.com/hook?bt_challenge={text}"), "malformed_body")
    return suite
