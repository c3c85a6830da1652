"""Figma: a passcode inside the body."""

import json
import re

from ..signing import named
from ..suite import Sent, Suite


def sent(passcode='test "secret" ü', **fields):
    body = {"event_type": "FILE_UPDATE", "file_key": "f1", "timestamp": "2026-01-01T00:00:00Z", "webhook_id": "22", **fields}
    return Sent(json.dumps({**body, "passcode": passcode}).encode())


def item(sent, event_type, of):
    """The identity takes the digest of the body without the values of the passcode and of the count of retries."""
    digest = named(re.sub(rb'(?<="passcode": )"(?:[^"\\]|\\.)*"|(?<="retries": )\d+', b"", sent.body))
    return (event_type, f"22:{event_type}:2026-01-01T00:00:00Z:{of}:{digest}")


def suite():
    suite = Suite("figma", ['test "secret" ü'])
    update = item(sent(), "FILE_UPDATE", "f1")
    suite.delivery("a right passcode", sent(), update)
    first, again = sent(retries=0), sent(retries=1)
    suite.delivery("a retry counts itself and has the same identity", again, item(first, "FILE_UPDATE", "f1"))
    suite.twice("a retry is one occurrence", first, again, [item(first, "FILE_UPDATE", "f1")], 1, later=300_000)
    components = sent(event_type="LIBRARY_PUBLISH", created_components=[], modified_components=[{"key": "c9", "name": "Button"}])
    styles = sent(event_type="LIBRARY_PUBLISH", created_styles=[], modified_styles=[{"key": "s4", "name": "Accent"}])
    items = [[item(publish, "LIBRARY_PUBLISH", "f1")] for publish in (components, styles)]
    suite.twice("a publish of components and one of styles", components, styles, items[0], 2, again=items[1])
    nodes = [sent(event_type="DEV_MODE_STATUS_UPDATE", status="READY_FOR_DEV", node_id=node) for node in ("43:2", "43:9")]
    items = [[item(node, "DEV_MODE_STATUS_UPDATE", "f1")] for node in nodes]
    suite.twice("two layers in one second", *nodes, items[0], 2, again=items[1])
    deleted = [sent(event_type="FILE_DELETE", file_key=file) for file in ("f1", "f2")]
    items = [[item(file, "FILE_DELETE", of)] for file, of in zip(deleted, ("f1", "f2"), strict=True)]
    suite.twice("two files in one second", *deleted, items[0], 2, again=items[1])
    comment = sent(event_type="FILE_COMMENT", comment_id="c1")
    suite.delivery("a comment", comment, item(comment, "FILE_COMMENT", "c1"))
    suite.delivery("a ping", Sent(b'{"event_type":"PING","passcode":"p"}'), ("PING", None), secrets=["p"])
    suite.delivery("the second of two secrets", sent(), update, secrets=["other", 'test "secret" ü'])
    suite.refused("another passcode", sent("test"), "bad_signature")
    suite.refused("an empty passcode", sent(""), "bad_signature")
    suite.refused("a passcode that is no text", sent(5), "malformed_body", secrets=["5"])
    suite.refused("no passcode", Sent(b'{"event_type":"PING"}'), "malformed_body")
    suite.refused("a passcode further inside", Sent(b'{"x":{"passcode":"p"}}'), "malformed_body", secrets=["p"])
    suite.refused("no JSON", Sent(b"passcode=p"), "malformed_body", secrets=["p"])
    suite.refused("blank secrets only", sent(""), "no_secret", secrets=[""])
    return suite
