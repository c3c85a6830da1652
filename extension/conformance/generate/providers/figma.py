"""Figma: a passcode inside the body."""

import json

from ..suite import Sent, Suite


def sent(passcode='test "secret" ü', **fields):
    body = {"event_type": "FILE_UPDATE", "file_key": "f1", "timestamp": "2026-01-01T00:00:00Z", "webhook_id": "22", **fields}
    return Sent(json.dumps({**body, "passcode": passcode}).encode())


def suite():
    suite = Suite("figma", ['test "secret" ü'])
    item = ("FILE_UPDATE", "22:FILE_UPDATE:2026-01-01T00:00:00Z:f1")
    suite.delivery("a right passcode", sent(), item)
    suite.delivery("a retry has other bytes and the same identity", sent(retries=1), item)
    comment = sent(event_type="FILE_COMMENT", comment_id="c1")
    suite.delivery("a comment", comment, ("FILE_COMMENT", "22:FILE_COMMENT:2026-01-01T00:00:00Z:c1"))
    suite.delivery("a ping", Sent(b'{"event_type":"PING","passcode":"p"}'), ("PING", None), secrets=["p"])
    suite.delivery("the second of two secrets", sent(), item, secrets=["other", 'test "secret" ü'])
    suite.refused("another passcode", sent("test"), "bad_signature")
    suite.refused("an empty passcode", sent(""), "bad_signature")
    suite.refused("a passcode that is no text", sent(5), "malformed_body", secrets=["5"])
    suite.refused("no passcode", Sent(b'{"event_type":"PING"}'), "malformed_body")
    suite.refused("a passcode further inside", Sent(b'{"x":{"passcode":"p"}}'), "malformed_body", secrets=["p"])
    suite.refused("no JSON", Sent(b"passcode=p"), "malformed_body", secrets=["p"])
    suite.refused("blank secrets only", sent(""), "no_secret", secrets=[""])
    return suite
