"""Mailgun: a time and a token are signed inside the body, and the rest is not."""

import json

from ..signing import mac
from ..suite import NOW, Sent, Suite

TOKEN = "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0"
ITEM = ("delivered", TOKEN)


def sent(secret="test-signing-key", time=str(NOW // 1000), token=TOKEN, event="delivered", **changes):
    signature = {"timestamp": time, "token": token, "signature": mac(secret.encode(), (time + token).encode()).hex(), **changes}
    return Sent(json.dumps({"signature": signature, "event-data": {"event": event, "id": "CPgfbmQMTCKtHW6uIWtuVe"}}).encode())


def suite():
    suite = Suite("mailgun", ["test-signing-key"])
    good = sent()
    suite.delivery("a valid signature", good, ITEM)
    suite.delivery("the second of two secrets", good, ITEM, secrets=["other", "test-signing-key"])
    suite.delivery("a copied signature with another event has the same key", sent(event="opened"), ("opened", TOKEN))
    suite.delivery("a day old, as no age is too great by default", good, ITEM, now=NOW + 86_400_000)
    suite.refused("too old for the option tolerance_s", good, "timestamp_out_of_tolerance", now=NOW + 301_000, options={"tolerance_s": 300})
    suite.refused("another token", sent(token="x" * 50, signature=mac(b"test-signing-key", b"other").hex()), "bad_signature")
    suite.refused("another time", sent(timestamp="1767225601"), "bad_signature")
    suite.refused("another secret", sent("other"), "bad_signature")
    suite.refused("capitals", sent(signature=mac(b"test-signing-key", (str(NOW // 1000) + TOKEN).encode()).hex().upper()), "malformed_body")
    suite.refused("no token", Sent(b'{"signature":{"timestamp":"1","signature":"00"}}'), "malformed_body")
    suite.refused("no signature", Sent(b'{"event-data":{"event":"delivered"}}'), "malformed_body")
    suite.refused("no secret", good, "no_secret", secrets=[])
    time = str(NOW // 1000)
    signature = mac(b"test-signing-key", (time + TOKEN).encode()).hex()
    route = Sent(f"recipient=a%40example.com&timestamp={time}&token={TOKEN}&signature={signature}".encode())
    suite.delivery("the form of a route", route, (None, TOKEN))
    return suite
