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
    suite.delivery("something else", sent("no logs"), (None, named(b"no logs")))
    suite.delivery("the second of two secrets", sent(FIRST), ("s", "l1"), secrets=["other", SECRET])
    suite.refused("the token without its word", sent(FIRST, "test-secret"), "bad_signature")
    suite.refused("the beginning of the token", sent(FIRST, "Bearer test-secre"), "bad_signature")
    suite.refused("the token in capitals", sent(FIRST, SECRET.upper()), "bad_signature")
    suite.refused("no token", Sent(FIRST.encode()), "missing_header")
    suite.refused("no secret", sent(FIRST), "no_secret", secrets=[])
    return suite
