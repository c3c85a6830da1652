"""Asana: a signed batch of events, after a first request that tells the secret."""

from .. import family, traps
from ..signing import named
from ..suite import Sent

EVENT = b'{"user":{"gid":"1"},"created_at":"2026-01-01T00:00:00.000Z","action":"changed","resource":{"gid":"2","resource_type":"task"}}'


def own(suite, entry, sent, good):
    secret = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"
    first = Sent(headers={"X-Hook-Secret": secret})
    suite.handshake("the first request", first, "", secrets=[], response_headers={"x-hook-secret": secret})
    suite.handshake("the first request of another webhook", first, "", response_headers={"x-hook-secret": secret})
    traps.verify_token(suite, first, good, entry.items, response_headers={"x-hook-secret": secret})
    suite.refused("a secret beside a wrong signature", first.header(entry.header, "0" * 64), "bad_signature")
    suite.twice("a retry", good, good, entry.items, 1, later=60_000)
    later = EVENT.replace(b"00.000Z", b"00.001Z")
    again = entry.sign(Sent(b'{"events":[' + EVENT + b"," + later + b"]}"))
    suite.twice("a retry that brings one more", good, again, entry.items, 2, again=[*entry.items, ("task.changed", named(later))])
    timeless = entry.sign(Sent(b'{"events":[{"action":"changed","resource":{"gid":"2","resource_type":"task"}}]}'))
    suite.twice("an event that does not say when is new each time", timeless, timeless, [("task.changed", None)], 2)
    mixed = entry.sign(Sent(b'{"events":[0,' + EVENT + b',"x",null,[]]}'))
    suite.delivery("what is no object is no event", mixed, *entry.items)
    suite.delivery("a heartbeat", entry.sign(Sent(b'{"events":[]}')))


def suite():
    body = b'{"events":[' + EVENT + b"]}"
    return family.suite(
        family.Family("asana", "X-Hook-Signature", body.decode(), [("task.changed", named(EVENT))], binary_key=None, extra=own)
    )
