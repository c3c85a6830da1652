"""DocuSign Connect: one numbered header for each active key."""

from ..signing import base64_text, mac
from ..suite import Sent, Suite

BODY = b'{"event":"envelope-completed","retryCount":0,"generatedDateTime":"2026-01-01T00:00:00.0000000Z","data":{"envelopeId":"e1"}}'
ITEM = ("envelope-completed", "envelope-completed:e1:2026-01-01T00:00:00.0000000Z")
HEADER = "X-DocuSign-Signature-"


def signature(secret="test-secret-1", body=BODY, hash_name="sha256"):
    return base64_text(mac(secret.encode(), body, hash_name))


def suite():
    suite = Suite("docusign", ["test-secret-1"])
    good = Sent(BODY, {HEADER + "1": signature()})
    suite.delivery("a valid signature", good, ITEM)
    suite.delivery("the second header is right", Sent(BODY, {HEADER + "1": signature("other"), HEADER + "2": signature()}), ITEM)
    suite.delivery("the twelfth header is right", Sent(BODY, {HEADER + "12": signature()}), ITEM)
    suite.delivery("header names in small letters", Sent(BODY, {HEADER.lower() + "1": signature()}), ITEM)
    suite.delivery("the second of two secrets", good, ITEM, secrets=["other", "test-secret-1"])
    again = BODY.replace(b'"retryCount":0', b'"retryCount":1')
    suite.delivery("a retry has other bytes and the same identity", Sent(again, {HEADER + "1": signature(body=again)}), ITEM)
    suite.twice("a retry is one occurrence", good, Sent(again, {HEADER + "1": signature(body=again)}), [ITEM], 1, later=60_000)
    timeless = b'{"event":"envelope-resent","retryCount":0,"data":{"envelopeId":"e1"}}'
    bare = Sent(timeless, {HEADER + "1": signature(body=timeless)})
    suite.twice("a message that does not say when is new each time", bare, bare, [("envelope-resent", None)], 2)
    recipient = b'{"event":"recipient-completed","generatedDateTime":"t","data":{"envelopeId":"e1","recipientId":"2"}}'
    item = ("recipient-completed", "recipient-completed:e1:2:t")
    suite.delivery("an event of a recipient", Sent(recipient, {HEADER + "1": signature(body=recipient)}), item)
    suite.refused("every header is wrong", Sent(BODY, {HEADER + "1": signature("x"), HEADER + "2": signature("y")}), "bad_signature")
    suite.refused("a changed body", good.to(body=BODY + b"\n"), "bad_signature")
    suite.refused("a header without a number", Sent(BODY, {HEADER.rstrip("-"): signature()}), "missing_header")
    suite.refused("a header with a word", Sent(BODY, {HEADER + "one": signature()}), "missing_header")
    suite.refused("SHA-1", Sent(BODY, {HEADER + "1": signature(hash_name="sha1")}), "bad_signature")
    suite.refused("no base64", Sent(BODY, {HEADER + "1": "?"}), "malformed_header")
    suite.refused("no secret", good, "no_secret", secrets=[])
    return suite
