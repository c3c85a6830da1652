"""Linear: the body is signed, and holds the time of sending."""

import json

from ..signing import mac, named
from ..suite import NOW, Sent, Suite

DELIVERY = "234d1a4e-b617-4388-90fe-adc3633d6b72"
ITEM = ("Comment", DELIVERY)
HEADER = "Linear-Signature"
HOUR = 3_600_000


def sent(time=NOW, secret="lin_wh_test_secret", **fields):
    body = json.dumps({"action": "create", "type": "Comment", "webhookId": "w1", "webhookTimestamp": time, **fields}).encode()
    headers = {HEADER: mac(secret.encode(), body).hex(), "Linear-Event": "Comment", "Linear-Delivery": DELIVERY, "Linear-Timestamp": "5"}
    return Sent(body, headers)


def suite():
    suite = Suite("linear", ["lin_wh_test_secret"])
    good = sent()
    suite.delivery("a valid signature", good, ITEM)
    suite.delivery("the signed type counts", good.header("Linear-Event", "Issue"), ITEM)
    suite.delivery("the second of two secrets", good, ITEM, secrets=["other", "lin_wh_test_secret"])
    suite.delivery("as old as is allowed", good, ITEM, now=NOW + 8 * HOUR)
    suite.refused("too old", good, "timestamp_out_of_tolerance", now=NOW + 8 * HOUR + 1)
    suite.delivery("as early as is allowed", good, ITEM, now=NOW - 8 * HOUR)
    suite.refused("too early", good, "timestamp_out_of_tolerance", now=NOW - 8 * HOUR - 1)
    suite.refused("too old for the option tolerance_s", good, "timestamp_out_of_tolerance", now=NOW + 60_001, options={"tolerance_s": 60})
    suite.delivery("a retry after a minute", good, ITEM, now=NOW + 61_000)
    first = sent(createdAt="2026-01-01T00:00:00.000Z")
    restamped = sent(NOW + 7 * HOUR, createdAt="2026-01-01T00:00:00.000Z")
    item = ("Comment", named(first.body.replace(str(NOW).encode(), b"")))
    suite.twice("the last retry with the bytes of the first", first, first, [item], 1, later=7 * HOUR)
    suite.twice("the last retry stamped anew", first, restamped, [item], 1, later=7 * HOUR)
    suite.twice("a captured request under another delivery id", first, first.header("Linear-Delivery", "other"), [item], 1)
    other = sent(createdAt="2026-01-01T00:00:00.001Z")
    again = ("Comment", named(other.body.replace(str(NOW).encode(), b"")))
    suite.twice("two comments", first, other.header("Linear-Delivery", "other"), [item], 2, again=[again])
    suite.delivery("an old one with tolerance_s 0", good, ITEM, now=NOW + 86_400_000, options={"tolerance_s": 0})
    suite.refused("no time with tolerance_s 0", sent(None), "malformed_body", options={"tolerance_s": 0})
    suite.refused("the time is a text", sent(str(NOW)), "malformed_body")
    suite.refused("no time", sent(None), "malformed_body")
    suite.refused("a changed body", good.to(body=good.body.replace(b"create", b"remove")), "bad_signature")
    suite.refused("another secret", sent(secret="other"), "bad_signature")
    suite.refused("capitals", good.header(HEADER, good.value(HEADER).upper()), "malformed_header")
    suite.refused("no signature", good.header(HEADER, None), "missing_header")
    suite.refused("no secret", good, "no_secret", secrets=[])
    return suite
