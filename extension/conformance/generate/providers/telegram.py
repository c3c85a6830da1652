"""Telegram: a shared secret in a header."""

from ..signing import named
from ..suite import Sent, Suite

HEADER = "X-Telegram-Bot-Api-Secret-Token"
BODY = b'{"update_id":10000,"message":{"message_id":1365,"text":"/start","from":{"id":1}}}'


def suite():
    suite = Suite("telegram", ["test-secret"])
    good = Sent(BODY, {HEADER: "test-secret"})
    item = ("message", f"10000:{named(BODY)}")
    suite.delivery("a message", good, item)
    click = good.to(body=b'{"callback_query":{"id":"4"},"update_id":10001}')
    suite.delivery("a click, its type before the id", click, ("callback_query", f"10001:{named(click.body)}"))
    suite.delivery("the second of two secrets", good, item, secrets=["other", "test-secret"])
    suite.delivery("a body of another form", good.to(body=b"[]"), (None, None))
    suite.twice("a retry is the same update", good, good, [item], 1, later=60_000)
    later = good.to(body=BODY.replace(b"10000", b"10001"))
    suite.twice("the same message in another update", good, later, [item], 2, again=[("message", f"10001:{named(later.body)}")])
    other = good.to(body=BODY.replace(b"/start", b"/stop"))
    again = [("message", f"10000:{named(other.body)}")]
    suite.twice("updates of two bots, each of which counts for itself", good, other, [item], 2, again=again)
    bare = good.to(body=b'{"message":{"message_id":1365}}')
    suite.twice("an update without an id is new each time", bare, bare, [("message", None)], 2)
    suite.refused("another secret", good.header(HEADER, "test-secret-"), "bad_signature")
    suite.refused("the secret in capitals", good.header(HEADER, "TEST-SECRET"), "bad_signature")
    suite.refused("no header", Sent(BODY), "missing_header")
    suite.refused("two headers that differ", good.header(HEADER, ["test-secret", "x"]), "malformed_header")
    suite.refused("blank secrets only", good.header(HEADER, ""), "no_secret", secrets=[""])
    return suite
