"""Bearer tokens."""

from ..signing import named
from ..suite import Sent, Suite

BODY = b'{"id":"7","kind":"paid"}'


def suite():
    suite = Suite("bearer", ["Test-Secret"])
    item = (None, None)

    def sent(value):
        return Sent(BODY, {"Authorization": value, "X-Id": "h7"})

    suite.delivery("a valid token", sent("Bearer Test-Secret"), item)
    suite.delivery("the scheme in other letters", sent("bEARER Test-Secret"), item)
    suite.delivery("the second of two secrets", sent("Bearer Test-Secret"), item, secrets=["other", "Test-Secret"])
    suite.delivery("identity by header", sent("Bearer Test-Secret"), (None, "h7"), options={"id_header": "X-Id", "id_path": "id"})
    suite.twice("equal bytes are two events by default", sent("Bearer Test-Secret"), sent("Bearer Test-Secret"), [item], 2)
    suite.delivery("identity by the digest", sent("Bearer Test-Secret"), (None, named(BODY)), options={"id_fallback": "digest"})
    suite.refused("the token in other letters", sent("Bearer test-secret"), "bad_signature")
    suite.refused("the beginning of the token", sent("Bearer Test-Secre"), "bad_signature")
    suite.refused("an empty token", sent("Bearer "), "malformed_header")
    suite.refused("a token without its scheme", sent("Test-Secret"), "malformed_header")
    suite.refused("another scheme", sent("Basic Test-Secret"), "malformed_header")
    suite.refused("no header", Sent(BODY), "missing_header")
    suite.refused("two tokens", Sent(BODY, {"Authorization": ["Bearer Test-Secret", "Bearer x"]}), "malformed_header")
    suite.refused("blank secrets only", sent("Bearer  "), "no_secret", secrets=[" "])
    return suite
