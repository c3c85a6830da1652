"""Box: two keys, each in a header of its own."""

from ..signing import base64_text, iso8601, mac
from ..suite import NOW, Sent, Suite

PRIMARY, SECONDARY, TIME = "BOX-SIGNATURE-PRIMARY", "BOX-SIGNATURE-SECONDARY", "BOX-DELIVERY-TIMESTAMP"
BODY = b'{"type":"webhook_event","id":"eb0c4e06-751f-442c-86f8-fd5bb404dbec","trigger":"FILE.UPLOADED","webhook":{"id":"53"}}'
ITEM = ("FILE.UPLOADED", "eb0c4e06-751f-442c-86f8-fd5bb404dbec")


def signature(secret, body=BODY, time=iso8601(NOW)):
    return base64_text(mac(secret.encode(), body + time.encode()))


def suite():
    suite = Suite("box", ["test-primary", "test-secondary"])
    headers = {PRIMARY: signature("test-primary"), SECONDARY: signature("test-secondary"), TIME: iso8601(NOW), "BOX-DELIVERY-ID": "d1"}
    good = Sent(BODY, headers)
    suite.delivery("both signatures", good, ITEM)
    suite.delivery("one of the two keys is known", good, ITEM, secrets=["test-secondary"])
    suite.delivery("a wrong primary signature", good.header(PRIMARY, base64_text(b"x" * 32)), ITEM)
    suite.delivery("no secondary signature", good.header(SECONDARY, None), ITEM)
    suite.delivery("a retry has another delivery id", good.header("BOX-DELIVERY-ID", "d2"), ITEM)
    suite.twice("a retry is one occurrence", good, good.header("BOX-DELIVERY-ID", "d2"), [ITEM], 1, later=60_000)
    published = b'{"type":"webhook_event","webhook":{"id":"1234567890"},"trigger":"FILE.UPLOADED","source":{"id":"1234567890","type":"file","name":"Test.txt"}}'
    example = Sent(
        published,
        {
            TIME: "2020-01-01T00:00:00-07:00",
            PRIMARY: "6TfeAW3A1PASkgboxxA5yqHNKOwFyMWuEXny/FPD5hI=",
            SECONDARY: "v+1CD1Jdo3muIcbpv5lxxgPglOqMfsNHPV899xWYydo=",
        },
    )
    keys = ["SamplePrimaryKey", "SampleSecondaryKey"]
    suite.delivery("the published example", example, ("FILE.UPLOADED", None), secrets=keys, now=1577862000000)
    suite.delivery("as old as is allowed", good, ITEM, now=NOW + 600_000)
    suite.refused("too old", good, "timestamp_out_of_tolerance", now=NOW + 601_000)
    suite.refused("too old under the second key", good, "timestamp_out_of_tolerance", secrets=["test-secondary"], now=NOW + 601_000)
    suite.refused("the time before the body", good.header(TIME, "").to(body=BODY + iso8601(NOW).encode()), "malformed_header")
    ahead = good.header(TIME, BODY[-1:].decode() + iso8601(NOW)).to(body=BODY[:-1])
    suite.refused("the body's last byte before the time", ahead, "malformed_header")
    suite.refused("the same with tolerance_s 0", ahead, "malformed_header", options={"tolerance_s": 0})
    suite.refused("both signatures are wrong", good, "bad_signature", secrets=["other"])
    suite.refused("a changed body", good.to(body=BODY + b" "), "bad_signature")
    suite.refused("another time", good.header(TIME, iso8601(NOW + 1000)), "bad_signature")
    suite.refused("no time", good.header(TIME, None), "missing_header")
    suite.refused("no signature", Sent(BODY, {TIME: iso8601(NOW)}), "missing_header")
    suite.refused("no secret", good, "no_secret", secrets=[])
    return suite
