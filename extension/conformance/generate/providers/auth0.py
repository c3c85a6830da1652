"""Auth0 log streams: a shared secret, and logs in three forms."""

from ..signing import named
from ..suite import Sent, Suite

SECRET = "Bearer test-secret"
FIRST = '{"log_id":"l1","data":{"log_id":"l1","type":"s","date":"2026-01-01T00:00:00Z"}}'
SECOND = '{"log_id":"l2","data":{"type":"fp"}}'


def suite():
    suite = Suite("auth0", [SECRET])

    def sent(body, token=SECRET):
        return Sent(body.encode(), {"Authorization": token})

    both = [("s", "l1"), ("fp", "l2")]
    suite.delivery("an array", sent(f"[{FIRST},{SECOND}]"), *both)
    suite.delivery("lines", sent(f"{FIRST}\n{SECOND}\n"), *both)
    suite.delivery("one log", sent(FIRST), ("s", "l1"))
    suite.delivery("an empty array", sent("[]"))
    suite.delivery("something else", sent("no logs"), (None, None))
    suite.delivery("what is no object is no log", sent(f"[0,{FIRST},null]"), ("s", "l1"))
    suite.delivery("a list without any log", sent("[0,1]"), (None, None))
    suite.twice("a retry", sent(f"[{FIRST}]"), sent(f"[{FIRST},{SECOND}]"), both[:1], 2, again=both)
    dated, bare = '{"date":"2026-01-01T00:00:00.000Z","data":{"type":"s"}}', '{"data":{"type":"s"}}'
    suite.twice("a log without an id", sent(dated), sent(dated), [("s", named(dated.encode()))], 1)
    suite.twice("a log without id and date is new each time", sent(bare), sent(bare), [("s", None)], 2)
    suite.delivery("the second of two secrets", sent(FIRST), ("s", "l1"), secrets=["other", SECRET])
    suite.refused("the token without its word", sent(FIRST, "test-secret"), "bad_signature")
    suite.refused("the beginning of the token", sent(FIRST, "Bearer test-secre"), "bad_signature")
    suite.refused("the token in capitals", sent(FIRST, SECRET.upper()), "bad_signature")
    suite.refused("no token", Sent(FIRST.encode()), "missing_header")
    suite.refused("no secret", sent(FIRST), "no_secret", secrets=[])
    return suite
