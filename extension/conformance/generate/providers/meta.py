"""Meta: batches of changes and messages, and a subscription that needs the verify token."""

import hashlib

from .. import family
from ..signing import mac
from ..suite import Sent

STATUS = '{"field":"messages","value":{"statuses":[{"id":"wamid.A","status":"read"}]}}'
MESSAGE = '{"field":"messages","value":{"messaging_product":"whatsapp","messages":[{"id":"wamid.A","type":"text"}]}}'
BODY = '{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[%s,%s]}]}' % (MESSAGE, STATUS)
ITEMS = [("whatsapp_business_account.messages", "wamid.A"), ("whatsapp_business_account.messages", "wamid.A:read")]


def whatsapp(value):
    change = '{"field":"messages","value":%s}' % value
    return Sent(('{"object":"whatsapp_business_account","entry":[{"id":"1001","changes":[%s]}]}' % change).encode())


def redelivered(suite, entry):
    """What was not acknowledged comes again beside what is new."""
    kind = "whatsapp_business_account.messages"
    first, second = '{"from":"491","id":"wamid.A","type":"text"}', '{"from":"491","id":"wamid.B","type":"text"}'
    suite.delivery("one message", entry.sign(whatsapp('{"messages":[%s]}' % first)), (kind, "wamid.A"))
    both = entry.sign(whatsapp('{"messages":[%s,%s]}' % (first, second)))
    suite.delivery("the same message with another", both, (kind, "wamid.A"), (kind, "wamid.B"))
    read = '{"id":"wamid.G","status":"read","timestamp":"%d","recipient_id":"g1","recipient_type":"group","recipient_participant_id":"%s"}'
    members = [read % (1767225600, "4917"), read % (1767225600, "4918")]
    for member, number in zip(members, ["4917", "4918"], strict=True):
        name = f"a message to a group read by {number}"
        suite.delivery(name, entry.sign(whatsapp('{"statuses":[%s]}' % member)), (kind, f"wamid.G:read:{number}"))
    both = entry.sign(whatsapp('{"statuses":[%s]}' % ",".join(members)))
    suite.delivery("read by both", both, (kind, "wamid.G:read:4917"), (kind, "wamid.G:read:4918"))
    unknown = read % (1767225600, "") + " "
    named = f"wamid.G:read:{hashlib.sha256(unknown.strip().encode()).hexdigest()[:16]}"
    suite.delivery("read by a member without a number", entry.sign(whatsapp('{"statuses":[%s]}' % unknown)), (kind, named))
    suite.delivery("what is no object is no message", entry.sign(whatsapp('{"messages":[1,null,[],%s]}' % first)), (kind, "wamid.A"))


def own(suite, entry, sent, good):
    redelivered(suite, entry)
    sha1 = "sha1=" + mac(entry.key(entry.secret), sent.body, "sha1").hex()
    suite.refused(
        "a right SHA-1 beside a wrong SHA-256",
        good.with_headers({"X-Hub-Signature": sha1, entry.header: "sha256=" + "0" * 64}),
        "bad_signature",
    )
    escaped = entry.sign(
        Sent(b'{"object":"page","entry":[{"id":"1","time":5,"messaging":[{"message":{"mid":"m1","text":"\\u00e4\\/"}}]}]}')
    )
    suite.delivery("escapes are signed as they are", escaped, ("page.message", "m1"))
    suite.refused("the same text without escapes", escaped.to(body=escaped.body.replace(b"\\u00e4\\/", "ä/".encode())), "bad_signature")
    change = '{"field":"feed","value":{"item":"status"}}'
    digest = hashlib.sha256(change.encode()).hexdigest()[:32]
    feed = entry.sign(Sent(f'{{"object":"page","entry":[{{"id":"7","time":1767225600,"changes":[{change}]}}]}}'.encode()))
    suite.delivery("a change without an id", feed, ("page.feed", f"7:1767225600:feed:{digest}"))
    text = {"content-type": "text/plain; charset=utf-8"}
    ask = Sent(method="GET", url="https://example.com/webhooks/in?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=test-token")
    suite.handshake("a subscription", ask, "1158201444", response_headers=text)
    suite.handshake("a subscription before there is a secret", ask, "1158201444", secrets=[])
    suite.refused("another verify token", ask.to(url=ask.url + "x"), "not_allowed", status=403)
    suite.refused("no option verify_token", ask, "not_allowed", status=403, options={})
    suite.refused("no verify token", ask.to(url=ask.url.partition("&hub.verify")[0]), "not_allowed", status=403)
    suite.refused("a subscription by POST", ask.to(method="POST"), "missing_header")
    suite.refused("another mode", ask.to(url=ask.url.replace("subscribe", "unsubscribe")), "missing_header")


def suite():
    entry = family.Family(
        "meta", "X-Hub-Signature-256", BODY, ITEMS, form="sha256={signature}", options={"verify_token": "test-token"}, binary_key=None, extra=own
    )
    return family.suite(entry)
