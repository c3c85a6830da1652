"""Svix: its own headers, or those of Standard Webhooks."""

from .. import family, traps
from ..signing import base64_text
from ..standard import standard_webhooks


def own(suite, entry, sent, good):
    traps.versions(suite, entry, good)
    plain = {name.replace("svix-", "webhook-"): value for name, value in good.headers.items()}
    suite.delivery("the headers of Standard Webhooks", good.to(headers=plain), *entry.items)
    wrong = good.with_headers(plain).header("svix-signature", "v1," + base64_text(b"x" * 32))
    suite.refused("a right plain signature beside a wrong own one", wrong, "bad_signature")
    mixed = good.header("svix-id", None).header("webhook-id", entry.binary_key)
    suite.refused("headers of both kinds mixed", mixed, "missing_header")
    suite.delivery("a PUT, which a transformation may ask for", good.to(method="PUT"), *entry.items)
    suite.refused("a GET", good.to(method="GET"), "not_allowed", status=405)
    example = entry.sign(sent.to(body=b'{"event_type":"ping","data":{"success":true}}'))
    suite.delivery("the event type of Svix's own example", example, ("ping", entry.binary_key))


def suite():
    return family.suite(standard_webhooks("svix", "svix", '{"type":"invoice.paid","data":{"id":"i1"}}', "invoice.paid", extra=own))
