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
    one, both = (entry.sign(whatsapp('{"messages":[%s]}' % messages)) for messages in (first, f"{first},{second}"))
    items = [(kind, "wamid.A"), (kind, "wamid.B")]
    suite.twice("a message that comes again with another", one, both, items[:1], 2, again=items, later=5_000)
    suite.twice("a message that comes again after a week", one, one, items[:1], 1, later=7 * 86_400_000)
    suite.delivery("what is no object is no message", entry.sign(whatsapp('{"messages":[1,null,[],%s]}' % first)), items[0])
    held = '{"from":"491","id":"wamid.A","type":"unsupported","errors":[{"code":131060}]}'
    announced = entry.sign(whatsapp('{"messages":[%s]}' % held))
    keys = [(kind, "wamid.A:unsupported"), (kind, "wamid.A")]
    suite.twice("a message that could not be shown at first", announced, one, keys[:1], 2, again=keys[1:])
    statuses(suite, entry, kind)
    others(suite, entry)


def statuses(suite, entry, kind):
    def sent(*members):
        return entry.sign(whatsapp('{"statuses":[%s]}' % ",".join(members)))

    read = '{"id":"wamid.G","status":"read","timestamp":"1767225600","recipient_id":"g1","recipient_type":"group"%s}'
    ann, bob = (read % f',"recipient_participant_id":"{number}"' for number in ("4917", "4918"))
    keys = [(kind, "wamid.G:read:4917"), (kind, "wamid.G:read:4918")]
    suite.twice("a message to a group read by two", sent(ann), sent(bob), keys[:1], 2, again=keys[1:])
    suite.twice("a reader who comes again with another", sent(ann), sent(ann, bob), keys[:1], 2, again=keys)
    nobody = read % ""
    named = f"wamid.G:read:{hashlib.sha256(nobody.encode()).hexdigest()[:16]}"
    suite.twice("read by a member without a number", sent(nobody), sent(nobody), [(kind, named)], 1)
    delivered = '{"id":"wamid.A","status":"delivered","timestamp":"1767225600","recipient_id":"491"}'
    seen = delivered.replace("delivered", "read")
    keys = [(kind, "wamid.A:delivered"), (kind, "wamid.A:read")]
    suite.twice("two statuses of one message", sent(delivered), sent(delivered, seen), keys[:1], 2, again=keys)


def others(suite, entry):
    """Changes and entries without an id."""

    def sent(entries):
        return entry.sign(Sent(('{"object":"page","entry":[%s]}' % entries).encode()))

    def feed(post, time=1767225600):
        change = f'{{"field":"feed","value":{{"post_id":"{post}"}}}}'
        key = f"7:{time}:feed:{hashlib.sha256(change.encode()).hexdigest()[:32]}"
        return sent(f'{{"id":"7","time":{time},"changes":[{change}]}}'), [("page.feed", key)]

    (one, item), (two, other), (later, another) = feed("1"), feed("2"), feed("1", 1767225601)
    suite.twice("a change that comes again", one, one, item, 1, later=60_000)
    suite.twice("two changes of one second", one, two, item, 2, again=other)
    suite.twice("the same change a second later", one, later, item, 2, again=another)
    message = '{"id":"7","time":%d,"messaging":[{"sender":{"id":"1"},"timestamp":1,"message":{"mid":"m1","text":"hi"}}]}'
    suite.twice("a message of Messenger in another entry", sent(message % 1), sent(message % 2), [("page.message", "m1")], 1)
    said = '{"id":"7","time":1,"messaging":[{"timestamp":1,"message":{"mid":"m1","%s":true}}]}'
    echo, deleted = sent(said % "is_echo"), sent(said % "is_deleted")
    keys = [("page.message", "m1:echo"), ("page.message", "m1:deleted")]
    suite.twice("a message that is sent and taken back", echo, deleted, keys[:1], 2, again=keys[1:])
    reaction = '{"id":"7","time":%d,"messaging":[{"sender":{"id":"1"},"recipient":{"id":"7"},"timestamp":%d,"reaction":{"mid":"m1","action":"react"}}]}'

    def reacted(timestamp):
        body = sent(reaction % (timestamp, timestamp))
        element = body.body.partition(b'"messaging":[')[2].partition(b"]}")[0]
        key = f"reaction:1:7:{timestamp}:m1:{hashlib.sha256(element).hexdigest()[:16]}"
        return body, [("page.reaction", key)]

    (one, item), (later, another) = reacted(1), reacted(2)
    suite.twice("a reaction that comes again", one, one, item, 1, later=60_000)
    suite.twice("the same reaction a moment later", one, later, item, 2, again=another)
    approved = '{"field":"message_template_status_update","value":{"event":"APPROVED","message_template_id":1}}'
    timeless = sent('{"id":"7","changes":[%s]}' % approved)
    suite.twice("a change without any time", timeless, timeless, [("page.message_template_status_update", None)], 2)
    changed = '{"id":"7","time":1767225600,"changed_fields":["feed"]}'
    suite.twice("two changes of one second that say only what changed", sent(changed), sent(changed), [("page", None)], 2)
    bare = '{"id":"7","time":1767225600,"changes":[{"field":"photos","verb":"update"}]}'
    suite.twice("two of them in the list of changes", sent(bare), sent(bare), [("page.photos", None)], 2)
    bare = '{"id":"7"}'
    suite.twice("an entry that says nothing", sent(bare), sent(bare), [("page", None)], 2)


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
        "meta",
        "X-Hub-Signature-256",
        BODY,
        ITEMS,
        form="sha256={signature}",
        options={"verify_token": "test-token"},
        binary_key=None,
        extra=own,
    )
    return family.suite(entry)
