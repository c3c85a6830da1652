"""Linear: the body is signed, and holds the time of sending."""

import json

from ..signing import mac
from ..suite import NOW, Sent, Suite

DELIVERY = "234d1a4e-b617-4388-90fe-adc3633d6b72"
ITEM = ("Comment", DELIVERY)
HEADER = "Linear-Signature"


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
    suite.delivery("as old as is allowed", good, ITEM, now=NOW + 60_000)
    suite.refused("too old", good, "timestamp_out_of_tolerance", now=NOW + 60_001)
    suite.delivery("as early as is allowed", good, ITEM, now=NOW - 60_000)
    suite.refused("too early", good, "timestamp_out_of_tolerance", now=NOW - 60_001)
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
