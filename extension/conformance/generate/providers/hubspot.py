"""HubSpot: version 3, and the older ones where the option version asks for them."""

import hashlib
import json
import re

from ..signing import base64_text, mac, milliseconds, named
from ..suite import NOW, Sent, Suite

SECRET = "test-client-secret"
BODY = b'[{"eventId":1,"subscriptionId":12,"objectId":123,"occurredAt":1767225600000,"subscriptionType":"contact.creation","attemptNumber":0},{"eventId":2,"subscriptionId":12,"objectId":124,"occurredAt":1767225600001,"eventType":"contact.deletion"}]'


def key(element):
    """The event's id and the digest of all but the number of the attempt."""
    number = json.loads(element)["eventId"]
    return f"{number}:" + named(re.sub(rb'("attemptNumber":)[0-9]+', rb"\1", element))


ELEMENTS = [element + b"}" for element in BODY[1:-2].split(b"},")]
ITEMS = [("contact.creation", key(ELEMENTS[0])), ("contact.deletion", key(ELEMENTS[1]))]
AGAIN = BODY.replace(b'"attemptNumber":0', b'"attemptNumber":1')
ASSOCIATION = b'[{"eventId":700,"subscriptionId":33,"occurredAt":1767225599100,"subscriptionType":"deal.associationChange","attemptNumber":0,"associationType":"DEAL_TO_LINE_ITEM","fromObjectId":9001,"toObjectId":9002,"associationRemoved":false}]'
V3, TIME, OLD, VERSION = "X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp", "X-HubSpot-Signature", "X-HubSpot-Signature-Version"
V1_OPTIONS, V2_OPTIONS = {"version": "v1"}, {"version": "v2"}


def v3(sent, uri=None, secret=SECRET, now=NOW):
    message = sent.method.encode() + (uri or sent.url).encode() + sent.body + milliseconds(now).encode()
    return sent.with_headers({V3: base64_text(mac(secret.encode(), message)), TIME: milliseconds(now)})


def old(sent, version, secret=SECRET):
    extra = sent.method.encode() + sent.url.encode() if version == "v2" else b""
    digest = hashlib.sha256(secret.encode() + extra + sent.body).hexdigest()
    return sent.with_headers({OLD: digest, VERSION: version})


def suite():
    suite = Suite("hubspot", [SECRET])
    sent = Sent(BODY)
    good = v3(sent)
    suite.delivery("version 3", good, *ITEMS)
    suite.delivery("the second of two secrets", good, *ITEMS, secrets=["other", SECRET])
    suite.delivery("an attempt more keeps the identities", v3(sent.to(body=AGAIN)), *ITEMS)
    suite.refused("a changed body", good.to(body=BODY + b" "), "bad_signature")
    suite.refused("another method", good.to(method="PUT"), "bad_signature")
    suite.refused("another URL", good.to(url="https://example.com/other"), "bad_signature")
    suite.refused("another time", good.header(TIME, milliseconds(NOW + 1)), "bad_signature")
    suite.refused("no time", good.header(TIME, None), "missing_header")
    moved = good.header(TIME, "]" + milliseconds(NOW)).to(body=BODY[:-1])
    suite.refused("the body's last byte before the time", moved, "malformed_header")
    digit = v3(sent.to(body=BODY + b"1")).to(body=BODY).header(TIME, "1" + milliseconds(NOW))
    suite.refused("a digit of the body before the time", digit, "malformed_header")
    suite.refused("the same with tolerance_s 0", digit, "malformed_header", options={"tolerance_s": 0})
    taken = good.to(url=good.url + BODY[:-1].decode(), body=BODY[-1:])
    suite.refused("the URL takes in all of the body but its end", taken, "malformed_body")
    suite.refused("the body takes in a byte of the URL", good.to(url=good.url[:-1], body=good.url[-1:].encode() + BODY), "malformed_body")
    # A plain hash can be continued: the padding, and then anything.
    continued = old(Sent(BODY + b"\x80" + b"\0" * 40 + b"[]"), "v1")
    suite.refused("a hash that was continued", continued, "malformed_body", options=V1_OPTIONS)
    huge = old(sent, "v1").header(VERSION, "x" * 60_000)
    suite.refused("a version of 60,000 characters", huge, "not_allowed", options=V1_OPTIONS)
    suite.delivery("as old as is allowed", good, *ITEMS, now=NOW + 300_000)
    suite.refused("too old", good, "timestamp_out_of_tolerance", now=NOW + 300_001)
    suite.delivery("from the future, which passes", good, *ITEMS, now=NOW - 86_400_000)
    escaped = "https://example.com/hook%3A1/%2f?q=%20%26%3D%2B%25%40"
    suite.delivery("the listed escapes are decoded", v3(sent.to(url=escaped), "https://example.com/hook:1//?q=%20%26%3D%2B%25@"), *ITEMS)
    suite.refused("the other escapes are not", v3(sent.to(url=escaped), "https://example.com/hook:1//?q= &=+%@"), "bad_signature")
    bare = v3(sent, "https://abc.tunnel.example").to(url="https://abc.tunnel.example/")
    suite.delivery("a bare origin, requested with a slash", bare, *ITEMS)
    origin = {"public_url": "https://abc.tunnel.example", "version": "v2"}
    older = old(sent.to(url="https://abc.tunnel.example"), "v2").to(url="/")
    suite.delivery("a bare origin as public_url under version 2", older, *ITEMS, options=origin)
    internal = good.to(url="http://10.0.0.7/webhooks/in")
    suite.delivery("the origin from public_url", internal, *ITEMS, options={"public_url": "https://example.com"})
    suite.refused("version 1 alone is not enough", old(sent, "v1"), "missing_header")
    suite.refused("version 2 alone is not enough", old(sent, "v2"), "missing_header")
    suite.delivery("version 1 where it is asked for", old(sent, "v1"), *ITEMS, options=V1_OPTIONS)
    suite.delivery("version 2 where it is asked for", old(sent, "v2"), *ITEMS, options=V2_OPTIONS)
    suite.refused("version 1 with a changed body", old(sent, "v1").to(body=BODY + b" "), "bad_signature", options=V1_OPTIONS)
    suite.refused("version 2 with another URL", old(sent, "v2").to(url="https://example.com/x"), "bad_signature", options=V2_OPTIONS)
    suite.refused("version 1 where version 2 is asked for", old(sent, "v1"), "not_allowed", options=V2_OPTIONS)
    digest = hashlib.sha256(SECRET.encode() + BODY).hexdigest()
    suite.refused("version 1 in capitals", old(sent, "v1").header(OLD, digest.upper()), "malformed_header", options=V1_OPTIONS)
    both = old(sent, "v1").with_headers(v3(sent, secret="other").headers)
    suite.refused("a right version 1 beside a wrong version 3", both, "bad_signature", options=V1_OPTIONS)
    suite.refused("no secret", good, "no_secret", secrets=[])
    single = b'{"callbackId":"ap-1","origin":{"portalId":1}}'
    suite.delivery("a workflow's single object", v3(Sent(single)), (None, None))
    suite.twice("a workflow's requests are each new", v3(Sent(single)), v3(Sent(single)), [(None, None)], 2)
    suite.delivery("what is no object is no item", v3(Sent(BODY[:-1] + b',0,"x",null]')), *ITEMS)
    suite.twice("a retry", good, v3(sent.to(body=AGAIN), now=NOW + 60_000), ITEMS, 2, later=60_000)
    linked = Sent(ASSOCIATION)
    retry = Sent(ASSOCIATION.replace(b'"attemptNumber":0', b'"attemptNumber":1'))
    link = ("deal.associationChange", key(ASSOCIATION[1:-1]))
    suite.twice("an association's retry", v3(linked), v3(retry, now=NOW + 60_000), [link], 1, later=60_000)
    other = ASSOCIATION.replace(b"9002", b"9003")
    name = ("deal.associationChange", key(other[1:-1]))
    suite.twice("another association", v3(linked), v3(Sent(other)), [link], 2, again=[name])
    removed = ASSOCIATION.replace(b'"associationRemoved":false', b'"associationRemoved":true')
    name = ("deal.associationChange", key(removed[1:-1]))
    suite.twice("an association is made and removed", v3(linked), v3(Sent(removed)), [link], 2, again=[name])
    element = b'{"eventId":9,"subscriptionId":12,"portalId":%d,"objectId":1,"occurredAt":1767225600000,"propertyName":"%s"}'
    eu, us, name = (element % pair for pair in ((62, b"email"), (63, b"email"), (62, b"firstname")))
    first, second = (v3(Sent(b"[%s]" % one)) for one in (eu, us))
    suite.twice("contacts of one number in two accounts", first, second, [(None, key(eu))], 2, again=[(None, key(us))])
    suite.delivery("two properties of one contact in one change", v3(Sent(b"[%s,%s]" % (eu, name))), (None, key(eu)), (None, key(name)))
    return suite
