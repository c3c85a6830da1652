"""Any shared secret in a header, by options."""

from ..signing import named
from ..suite import Sent, Suite

BODY = b'{"id":"7","kind":"paid"}'


def suite():
    suite = Suite("token", ["test-secret"])
    good = Sent(BODY, {"X-Webhook-Token": "test-secret"})
    item = (None, None)
    suite.delivery("the default header", good, item)
    suite.delivery("the second of two secrets", good, item, secrets=["other", "test-secret"])
    options = {"header": "X-Shop-Token", "prefix": "Token ", "id_path": "id", "type_path": "kind"}
    own = Sent(BODY, {"x-shop-token": "Token test-secret"})
    suite.delivery("header, prefix and paths by options", own, ("paid", "7"), options=options)
    digest = {"id_path": "nothing", "id_fallback": "digest"}
    suite.delivery("identity by the digest", good, (None, named(BODY)), options=digest)
    suite.twice("equal bytes are two events by default", good, good, [item], 2)
    suite.twice("equal bytes are one event by the digest", good, good, [(None, named(BODY))], 1, options=digest)
    suite.twice("equal ids are one event", own, own.to(body=BODY + b" "), [("paid", "7")], 1, options=options)
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
