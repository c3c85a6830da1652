"""Any shared secret in a header, by options."""

from ..signing import named, packed
from ..suite import Sent, Suite

BODY = b'{"id":"7","kind":"paid"}'

NOTHING = {
    "true": b"true",
    "false": b"false",
    "zero": b"0",
    "0.0": b"0.0",
    "null": b"null",
    "the text null": b'"null"',
    "the text None": b'"None"',
    "undefined": b'"undefined"',
    "NaN": b'"NaN"',
    "an object as text": b'"[object Object]"',
    "an empty UUID": b'"00000000-0000-0000-0000-000000000000"',
    "an object": b"{}",
    "a list": b"[7]",
}
"""What stands in the place of an id where a sender has none, or fills in a template without one."""


def suite():
    suite = Suite("token", ["test-secret"])
    good = Sent(BODY, {"X-Webhook-Token": "test-secret"})
    item = (None, None)
    suite.delivery("the default header", good, item)
    suite.delivery("the second of two secrets", good, item, secrets=["other", "test-secret"])
    options = {"header": "X-Shop-Token", "prefix": "Token ", "id_path": "id", "type_path": "kind"}
    own = Sent(BODY, {"x-shop-token": "Token test-secret"})
    suite.delivery("header, prefix and paths by options", own, ("paid", "paid:7"), options=options)
    compressed = own.to(body=packed(BODY)).header("Content-Encoding", "gzip")
    suite.twice("a compressed body", compressed, own, [("paid", "paid:7")], 1, options=options)
    digest = {"id_path": "nothing", "id_fallback": "digest"}
    suite.delivery("identity by the digest", good, (None, named(BODY)), options=digest)
    suite.twice("equal bytes are two events by default", good, good, [item], 2)
    suite.twice("equal bytes are one event by the digest", good, good, [(None, named(BODY))], 1, options=digest)
    typed = {"type_header": "X-Topic", "id_fallback": "digest"}
    created, paid = (good.header("X-Topic", topic) for topic in ("created", "paid"))
    keys = [[(topic, f"{topic}:{named(BODY)}")] for topic in ("created", "paid")]
    suite.twice("equal bytes of two types", created, paid, keys[0], 2, options=typed, again=keys[1])
    suite.twice("equal bytes of one type", created, created, keys[0], 1, options=typed)
    for name, value in NOTHING.items():
        first, second = (good.to(body=b'{"id":%s,"n":%d}' % (value, number)) for number in (1, 2))
        suite.twice(f"an id that is {name} is none", first, second, [item], 2, options={"id_path": "id"})
    first = good.to(body=b'{"id":"null"}')
    fallback = {"id_path": "id", "id_fallback": "digest"}
    suite.twice("an id that says null leaves it to the digest", first, first, [(None, named(first.body))], 1, options=fallback)
    unset = good.header("X-Id", "undefined")
    suite.twice("a header that says undefined is none", unset, unset, [item], 2, options={"id_header": "X-Id"})
    zero = good.to(body=b'{"id":"0-1"}')
    suite.twice("an id with zeros in it is one", zero, zero, [(None, "0-1")], 1, options={"id_path": "id"})
    suite.twice("equal ids are one event", own, own.to(body=BODY + b" "), [("paid", "paid:7")], 1, options=options)
    created = own.to(body=BODY.replace(b"paid", b"created"))
    suite.twice("one object's id in two types", created, own, [("created", "created:7")], 2, options=options, again=[("paid", "paid:7")])
    untyped = own.to(body=b'{"id":"7","kind":null}')
    suite.delivery("an id beside a type that is missing", untyped, (None, "7"), options=options)
    colons = own.to(body=b'{"id":"b:7","kind":"a"}'), own.to(body=b'{"id":"7","kind":"a:b"}')
    keys = [[("a", "a:b:7")], [("a:b", "a%3Ab:7")]]
    suite.twice("a colon in the type is no border", *colons, keys[0], 2, options=options, again=keys[1])
    suite.refused("no prefix", own.header("x-shop-token", "test-secret"), "malformed_header", options=options)
    suite.refused("another token", good.header("X-Webhook-Token", "test-secreT"), "bad_signature")
    suite.refused("the beginning of the token", good.header("X-Webhook-Token", "test"), "bad_signature")
    suite.refused("more than the token", good.header("X-Webhook-Token", "test-secret-"), "bad_signature")
    suite.refused("an empty token", good.header("X-Webhook-Token", ""), "bad_signature")
    suite.refused("no header", Sent(BODY), "missing_header")
    suite.refused("two headers that differ", good.header("X-Webhook-Token", ["test-secret", "x"]), "malformed_header")
    suite.refused("no secret", good, "no_secret", secrets=[])
    suite.refused("blank secrets only", good.header("X-Webhook-Token", ""), "no_secret", secrets=["", " "])
    suite.delivery("an empty body has no key", good.to(body=b""), (None, None))
    return suite
