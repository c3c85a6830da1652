"""Postmark: credentials, and identities made of what the record says."""

import base64
import json

from ..signing import named
from ..suite import Sent, Suite


def sent(credentials="hook:test-secret", **fields):
    token = base64.b64encode(credentials.encode()).decode()
    return Sent(json.dumps(fields).encode(), {"Authorization": f"Basic {token}"})


def suite():
    suite = Suite("postmark", ["hook:test-secret"], refused_status=503)
    delivery = dict(RecordType="Delivery", MessageID="m1", Recipient="a@example.com", DeliveredAt="2026-01-01T00:00:00Z")
    good = sent(**delivery)
    item = ("Delivery", "m1:Delivery:a@example.com:2026-01-01T00:00:00Z")
    suite.delivery("a delivery", good, item)
    suite.delivery("a bounce has an id", sent(RecordType="Bounce", MessageID="m1", ID=42), ("Bounce", "Bounce:42"))
    spam = sent(RecordType="SpamComplaint", MessageID="m1", ID=43)
    suite.delivery("a spam complaint has an id", spam, ("SpamComplaint", "SpamComplaint:43"))
    opened = sent(RecordType="Open", MessageID="m1", Recipient="a", ReceivedAt="t1")
    suite.delivery("an open has a time", opened, ("Open", f"m1:Open:a:t1:{named(opened.body)}"))
    click = sent(RecordType="Click", MessageID="m1", Recipient="a", ReceivedAt="t1", OriginalLink="https://x.example")
    suite.delivery("a click has a time and a link", click, ("Click", f"m1:Click:a:t1:{named(click.body)}"))
    other = sent(RecordType="Click", MessageID="m1", Recipient="a", ReceivedAt="t1", OriginalLink="https://y.example")
    items = [[("Click", f"m1:Click:a:t1:{named(one.body)}")] for one in (click, other)]
    suite.twice("clicks on two links in the same second", click, other, items[0], 2, again=items[1])
    suite.twice("a click that comes again", click, click, items[0], 1, later=37_800_000)
    first, again = (click.header("X-PM-Webhook-Trace-Id", trace) for trace in ("t-1", "t-2"))
    suite.twice("an id that stays over retries", first, first, [("Click", "t-1")], 1, later=60_000)
    suite.twice("the same click again", first, again, [("Click", "t-1")], 2, again=[("Click", "t-2")])
    parts = [dict(Recipient='"a:2026"@x.example', DeliveredAt="t"), dict(Recipient='"a', DeliveredAt='2026"@x.example:t')]
    first, second = (sent(RecordType="Delivery", MessageID="m1", **part) for part in parts)
    parted = [[("Delivery", f"m1:Delivery:{part}")] for part in ('"a%3A2026"@x.example:t', '"a:2026"@x.example:t')]
    suite.twice("a colon in a part is no border of one", first, second, parted[0], 2, again=parted[1])
    bare = sent(RecordType="SubscriptionChange")
    suite.twice("a record without a message is new each time", bare, bare, [("SubscriptionChange", None)], 2)
    suite.delivery("an inbound message has no record type", sent(MessageID="m2", From="b"), ("Inbound", "m2"))
    suite.delivery("the second of two secrets", good, item, secrets=["hook:other", "hook:test-secret"])
    suite.delivery("a password with colons", sent("hook:a:b:c", **delivery), item, secrets=["hook:a:b:c"])
    suite.delivery("credentials beyond ASCII", sent("hök:pässword", **delivery), item, secrets=["hök:pässword"])
    suite.refused("another password gets 503, as each 4xx ends the retries", sent("hook:wrong", **delivery), "bad_signature")
    suite.refused("no credentials", good.header("Authorization", None), "missing_header")
    suite.refused("no secret", good, "no_secret", secrets=[])
    header = {"header": "X-Postmark-Token"}
    own = good.header("Authorization", None).header("X-Postmark-Token", "test-secret")
    suite.delivery("a custom header", own, item, secrets=["test-secret"], options=header)
    suite.refused("another value in it", own, "bad_signature", secrets=["other"], options=header)
    suite.refused("Basic where the header is asked for", good, "missing_header", options=header)
    return suite
