"""Okta event hooks: a shared secret, batches, and a challenge."""

from ..suite import Sent, Suite

BODY = b'{"eventType":"com.okta.event_hook","eventId":"h1","data":{"events":[{"uuid":"u1","eventType":"user.lifecycle.create"},{"uuid":"u2","eventType":"user.session.start"}]}}'
ITEMS = [("user.lifecycle.create", "u1"), ("user.session.start", "u2")]


def suite():
    suite = Suite("okta", ["test-secret"])
    good = Sent(BODY, {"Authorization": "test-secret"})
    suite.delivery("a right secret", good, *ITEMS)
    suite.delivery("the second of two secrets", good, *ITEMS, secrets=["other", "test-secret"])
    suite.delivery("a header of its own", Sent(BODY, {"X-Okta": "test-secret"}), *ITEMS, options={"header": "X-Okta"})
    suite.delivery("a body of another form", good.to(body=b"{}"), (None, None))
    suite.twice("a retry is the same occurrence", good, good, ITEMS, 2, later=60_000)
    more = good.to(body=BODY.replace(b'"events":[', b'"events":[null,{"uuid":"u3","eventType":"x"},'))
    suite.twice("a retry with another event before them", good, more, ITEMS, 3, again=[("x", "u3"), *ITEMS])
    suite.refused("another secret", Sent(BODY, {"Authorization": "test-secre"}), "bad_signature")
    suite.refused("a secret after a word", Sent(BODY, {"Authorization": "Bearer test-secret"}), "bad_signature")
    suite.refused("no secret in the request", Sent(BODY), "missing_header")
    suite.refused("no secret", good, "no_secret", secrets=[])
    ask = Sent(method="GET", headers={"X-Okta-Verification-Challenge": 'my "challenge"'})
    json_type = {"content-type": "application/json"}
    suite.handshake("the challenge", ask, '{"verification":"my \\"challenge\\""}', response_headers=json_type)
    suite.handshake("the challenge before there is a secret", ask, '{"verification":"my \\"challenge\\""}', secrets=[])
    suite.handshake("the challenge with the secret", ask.header("Authorization", "test-secret"), '{"verification":"my \\"challenge\\""}')
    suite.refused("the challenge with another credential", ask.header("Authorization", "another"), "bad_signature")
    own = ask.header("X-Okta", "another")
    suite.refused("the challenge with another credential in its own header", own, "bad_signature", options={"header": "X-Okta"})
    suite.refused("a challenge by POST", ask.to(method="POST"), "missing_header")
    return suite
