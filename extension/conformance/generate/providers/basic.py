"""HTTP Basic."""

import base64

from ..signing import named
from ..suite import Sent, Suite

BODY = b'{"id":"7","kind":"paid"}'


def sent(credentials, scheme="Basic"):
    return Sent(BODY, {"Authorization": f"{scheme} {base64.b64encode(credentials.encode()).decode()}"})


def suite():
    suite = Suite("basic", ["test:123£"])
    item = (None, None)
    suite.delivery("the example of the RFC", Sent(BODY, {"Authorization": "Basic dGVzdDoxMjPCow=="}), item)
    suite.delivery("the scheme in other letters", sent("test:123£", "bASIC"), item)
    suite.delivery("a password with colons", sent("user:a:b"), item, secrets=["user:a:b"])
    suite.delivery("a blank user", sent(":test-secret"), item, secrets=[":test-secret"])
    suite.delivery("a password for any user", sent("anyone:test-secret"), item, secrets=["test-secret"])
    suite.delivery("the second of two secrets", sent("test:123£"), item, secrets=["test:other", "test:123£"])
    paths = {"id_path": "id", "type_path": "kind"}
    suite.delivery("identity and type by path", sent("test:123£"), ("paid", "paid:7"), options=paths)
    suite.twice("equal bytes are two events by default", sent("test:123£"), sent("test:123£"), [item], 2)
    suite.delivery("identity by the digest", sent("test:123£"), (None, named(BODY)), options={"id_fallback": "digest"})
    suite.refused("another password", sent("test:124£"), "bad_signature")
    suite.refused("another user", sent("Test:123£"), "bad_signature")
    suite.refused("an empty password is no secret", sent("user:"), "bad_signature", secrets=["user:"])
    suite.refused("a password that nobody sees is none", sent("user:\u200b"), "bad_signature", secrets=["user:\u200b"])
    suite.refused("no colon", sent("test"), "malformed_header")
    suite.refused("another scheme", sent("test:123£", "Bearer"), "malformed_header")
    suite.refused("not base64", Sent(BODY, {"Authorization": "Basic ???"}), "malformed_header")
    latin = Sent(BODY, {"Authorization": "Basic " + base64.b64encode("test:123£".encode("latin-1")).decode()})
    suite.delivery("credentials in Latin-1, as older clients write them", latin, item)
    suite.refused("another password in Latin-1", latin, "bad_signature", secrets=["test:123¥"])
    suite.refused("no header", Sent(BODY), "missing_header")
    suite.refused("no secret", sent(":"), "no_secret", secrets=[])
    suite.refused("a blank secret", sent(":"), "no_secret", secrets=[""])
    return suite
