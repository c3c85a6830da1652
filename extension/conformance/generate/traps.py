"""Cases of single providers, beside those that their families share. Each takes the suite, the family, and a request unsigned and signed."""

import base64
import json

from .signing import base64_text, iso8601, mac, named
from .suite import NOW, Sent

ZERO = "0" * 64


def sha1_in_place_of_sha256(suite, family, sent, good):
    digest = mac(family.key(family.secret), sent.body, "sha1").hex()
    suite.refused("SHA-1 in the header of SHA-256", good.header(family.header, f"sha1={digest}"), "malformed_header")


def github(suite, family, sent, good):
    sha1_in_place_of_sha256(suite, family, sent, good)
    sha1 = "sha1=" + mac(family.key(family.secret), sent.body, "sha1").hex()
    both = good.header("X-Hub-Signature", sha1)
    suite.delivery("both signatures", both, *family.items)
    suite.refused("a right SHA-1 beside a wrong SHA-256", both.header(family.header, f"sha256={ZERO}"), "bad_signature")
    suite.refused("a right SHA-1 alone", both.header(family.header, None), "missing_header")
    published = Sent(b"Hello, World!").header(family.header, "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
    secret = ["It's a Secret to Everybody"]
    suite.delivery("the published example", published, (None, None), secrets=secret)
    filled = {**good.headers, "X-Filler": "x" * 66_000}
    suite.refused("more headers than any sender's", good.to(headers=filled), "malformed_header")
    suite.twice("redelivered by hand", good, good, family.items, 1, later=86_400_000)
    again = good.header("X-GitHub-Delivery", "other")
    suite.twice("the same push of another delivery", good, again, family.items, 2, again=[("push", "other")])
    suite.twice("no delivery id", published, published, [(None, None)], 2, secrets=secret)
    form = family.sign(sent.to(body=b"payload=%7B%22zen%22%3A%22x%22%7D"))
    suite.delivery("a form instead of JSON", form, *family.items)


def clerk(suite, family, sent, good):
    plain = {name.replace("svix-", "webhook-"): value for name, value in good.headers.items()}
    again = family.sign(sent, now=NOW + 99_305_000)
    suite.twice("the last retry, signed anew", good, again, family.items, 1, later=99_305_000)
    suite.refused("the headers of Standard Webhooks", good.to(headers=plain), "missing_header")
    versions(suite, family, good)


def versions(suite, family, good):
    signature = good.value(family.header)
    suite.delivery("a list of signatures", good.header(family.header, f"v1,{base64_text(b'x')} v1a,AAAA {signature}"), *family.items)
    suite.refused("another version only", good.header(family.header, signature.replace("v1,", "v2,")), "malformed_header")
    suite.refused("signatures separated by commas", good.header(family.header, f"v2,AAAA,{signature}"), "malformed_header")
    suite.refused("an empty key", good, "no_secret", secrets=["whsec_"])
    suite.refused("a secret that is not base64", good, "no_secret", secrets=["whsec_!!!"])
    suite.delivery("a secret without its prefix", good, *family.items, secrets=[family.secret.removeprefix("whsec_")])
    suite.delivery("a secret with its version before it, as Supabase writes it", good, *family.items, secrets=["v1," + family.secret])
    suite.refused("another secret with its version before it", good, "bad_signature", secrets=["v1," + family.other])
    suite.refused("a key of NUL bytes, which HMAC takes for an empty one", good, "no_secret", secrets=["whsec_AAAAAAAA"])
    many(suite, family, good, signature, "v1," + base64_text(b"x" * 32), " ")


def many(suite, family, good, signature, wrong, separator, limit=32):
    """A list of signatures is looked at up to its limit."""
    full = separator.join([wrong] * (limit - signature.count(separator) - 1) + [signature])
    suite.delivery("as many signatures as are looked at", good.header(family.header, full), *family.items)
    suite.refused("a signature more", good.header(family.header, wrong + separator + full), "malformed_header")
    suite.refused("seven hundred signatures", good.header(family.header, separator.join([wrong] * 700)), "malformed_header")


def resend(suite, family, sent, good):
    versions(suite, family, good)


def discord(suite, family, sent, good):
    ping = family.sign(Sent(b'{"id":"1","application_id":"1","type":1,"version":1}'))
    json_type = {"content-type": "application/json"}
    suite.handshake("the PING of interactions", ping, '{"type":1}', response_headers=json_type)
    suite.refused("a PING that is not signed", Sent(ping.body), "missing_header")
    suite.refused("a PING with a wrong signature", ping.header(family.header, "00" * 64), "bad_signature")
    suite.handshake("the PING of webhook events", family.sign(Sent(b'{"version":1,"application_id":"1","type":0}')), "", status=204)
    event = b'{"version":1,"application_id":"1","type":1,"event":{"type":"APPLICATION_AUTHORIZED","timestamp":"t","data":{}}}'
    suite.delivery("a webhook event", family.sign(Sent(event)), ("APPLICATION_AUTHORIZED", named(event)), status=204)
    item = ("APPLICATION_AUTHORIZED", named(event))
    retry = family.sign(Sent(event), now=NOW + 60_000)
    suite.twice("a webhook event's retry", family.sign(Sent(event)), retry, [item], 1, later=60_000, status=204)
    timeless = family.sign(Sent(event.replace(b'"timestamp":"t",', b"")))
    new = [("APPLICATION_AUTHORIZED", None)]
    suite.twice("a webhook event that does not say when", timeless, timeless, new, 2, status=204)
    component = family.sign(Sent(b'{"id":"2","type":3,"data":{}}'))
    suite.delivery("a click", component, ("3", "2"), response_body='{"type":6}')
    # s + L: the second spelling of a signature, which a lax verifier takes.
    order = 2**252 + 27742317777372353535851937790883648493
    raw = bytes.fromhex(good.value(family.header))
    malleable = raw[:32] + (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    suite.refused("the second spelling of a signature", good.header(family.header, malleable.hex()), "bad_signature")


def dropbox(suite, family, sent, good):
    challenge = Sent(method="GET", url="https://example.com/webhooks/in?challenge=a1b2%3Cb%3E")
    nosniff = {"content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"}
    suite.handshake("the challenge", challenge, "a1b2<b>", response_headers=nosniff)
    suite.twice("two changes in the same bytes", good, good, family.items, 2)
    suite.handshake("the challenge before there is a secret", challenge, "a1b2<b>", secrets=[])
    suite.refused("a challenge by POST", challenge.to(method="POST"), "missing_header")


def bitbucket(suite, family, sent, good):
    sha1_in_place_of_sha256(suite, family, sent, good)
    suite.twice("a retry", good, good.header("X-Attempt-Number", "2"), family.items, 1, later=60_000)
    bare = good.header("X-Request-UUID", None)
    suite.twice("no request id", bare, bare, [("repo:push", None)], 2)
    merged = good.header("X-Event-Key", "pullrequest:fulfilled")
    key = "f1a0c6b2-5d3e-4f0a-9b7c-1e2d3c4b5a69:pullrequest:fulfilled"
    suite.twice("two events of one request id", good, merged, family.items, 2, again=[("pullrequest:fulfilled", key)])


def cal_com(suite, family, sent, good):
    suite.twice("a retry", good, good, family.items, 1, later=60_000)
    later = sent.body.replace(b"00:00:00Z", b"00:00:01Z")
    suite.twice("a second later", good, family.sign(Sent(later)), family.items, 2, again=[("BOOKING_CREATED", named(later))])
    template = b'{"content":"A new booking","type":"30min","name":"30min","organizer":"Ann","booker":"Bob"}'
    booking = family.sign(Sent(template))
    suite.twice("a template without a time, a week later", booking, booking, [(None, None)], 2, later=7 * 86_400_000)


def calendly(suite, family, sent, good):
    canceled = sent.body.replace(b"invitee.created", b"invitee.canceled")
    key = "invitee.canceled:https://api.calendly.com/x/1:2026-01-01T00:00:00Z:" + named(canceled)
    day = 86_400_000
    suite.twice("the last retry with the first signature", good, good, family.items, 1, later=day)
    suite.twice("the last retry signed anew", good, family.sign(sent, now=NOW + day), family.items, 1, later=day)
    suite.twice("two events of one second", good, family.sign(Sent(canceled)), family.items, 2, again=[("invitee.canceled", key)])
    other = sent.body.replace(b'"created_at"', b'"note":1,"created_at"')
    key = "invitee.created:https://api.calendly.com/x/1:2026-01-01T00:00:00Z:" + named(other)
    suite.twice("two bodies of one second", good, family.sign(Sent(other)), family.items, 2, again=[("invitee.created", key)])
    timeless = family.sign(Sent(b'{"event":"invitee.created","payload":{"uri":"u"}}'))
    suite.twice("a body that does not say when", timeless, timeless, [("invitee.created", None)], 2)


def gocardless(suite, family, sent, good):
    suite.twice("a retry", good, good, family.items, 2, later=60_000)
    mixed = family.sign(Sent(sent.body.replace(b'"events":[', b'"events":[0,null,[],')))
    suite.delivery("what is no object is no event", mixed, *family.items)
    numbers = family.sign(Sent(b'{"events":[0,1,2]}'))
    suite.delivery("a list without any event", numbers, (None, None))


def lemon_squeezy(suite, family, sent, good):
    suite.twice("a retry", good, good, family.items, 1, later=5_000)
    bodies = [sent.body.replace(b'"attributes":{', b'"attributes":{"quantity":%d,' % quantity) for quantity in (1, 7)]
    updates = [family.sign(sent.to(body=body)) for body in bodies]
    at = "order_created:orders:1:2026-01-01T00:00:00.000000Z:"
    items = [[("order_created", at + named(body))] for body in bodies]
    suite.twice("two updates of one second", *updates, items[0], 2, again=items[1])
    timeless = family.sign(Sent(b'{"meta":{"event_name":"order_created"},"data":{"type":"orders","id":"1"}}'))
    suite.twice("a body that does not say when", timeless, timeless, [("order_created", None)], 2)


def jira(suite, family, sent, good):
    sha1_in_place_of_sha256(suite, family, sent, good)
    header = "X-Atlassian-Webhook-Identifier"
    suite.twice("a retry", good, good, family.items, 1, later=300_000)
    suite.twice(
        "another identifier",
        good,
        good.header(header, "e2"),
        family.items,
        2,
        again=[("jira:issue_created", "e2:1767225600000:jira:issue_created")],
    )
    other = family.sign(sent.to(body=sent.body.replace(b"600000", b"600001")))
    key = "e2c1b0a9-8d7c-4b6a-9f5e-4d3c2b1a0f9e:1767225600001:jira:issue_created"
    suite.twice("one identifier in two sites", good, other, family.items, 2, again=[("jira:issue_created", key)])
    timeless = family.sign(sent.to(body=b'{"webhookEvent":"jira:issue_created","issue":{"id":"10002"}}'))
    key = "e2c1b0a9-8d7c-4b6a-9f5e-4d3c2b1a0f9e:" + named(timeless.body)
    suite.twice("an identifier beside a body without a time", timeless, timeless, [("jira:issue_created", key)], 1)
    bare = good.header(header, None)
    suite.twice("without one the digest of a body with a time", bare, bare, [("jira:issue_created", named(sent.body))], 1)


def intercom(suite, family, sent, good):
    suite.handshake("HEAD asks whether somebody is there", Sent(method="HEAD"), "")
    again = family.sign(sent.to(body=sent.body.replace(b'"delivery_attempts":1', b'"delivery_attempts":2')))
    suite.delivery("another attempt has other bytes and the same identity", again, *family.items)
    ping = b'{"type":"notification_event","topic":"ping","id":null}'
    suite.delivery("a ping has no id", family.sign(Sent(ping)), ("ping", None))
    suite.twice("two attempts are one occurrence", good, again, family.items, 1, later=60_000)
    sha256 = "sha256=" + mac(family.key(family.secret), sent.body).hex()
    suite.refused("SHA-256 in the header of SHA-1", good.header(family.header, sha256), "malformed_header")


def line(suite, family, sent, good):
    again = family.sign(Sent(sent.body.replace(b'"webhookEventId"', b'"deliveryContext":{"isRedelivery":true},"webhookEventId"')))
    suite.twice("a redelivery is the same occurrence", good, again, family.items, 2, later=60_000)
    both = family.sign(
        Sent(
            b'{"events":[%s,%s]}'
            % tuple(
                b'{"type":"follow","webhookEventId":"01F","deliveryContext":{"isRedelivery":%s}}' % again for again in (b"false", b"true")
            )
        )
    )
    suite.twice("an event and its redelivery in one batch", both, both, [("follow", "01F")] * 2, 1)
    mixed = family.sign(Sent(sent.body.replace(b'"events":[', b'"events":[0,null,"x",')))
    suite.delivery("what is no object is no event", mixed, *family.items)
    suite.delivery("no events: the check of the URL", family.sign(Sent(b'{"destination":"U1","events":[]}')))


def notion(suite, family, sent, good):
    token = Sent(b'{"verification_token":"secret_test_verification_token"}')
    suite.handshake("the verification token before there is a secret", token, "", secrets=[])
    suite.refused("a verification token once there is one", token, "missing_header")
    suite.refused("no token and no secret", Sent(b"{}"), "no_secret", secrets=[])
    verify_token(suite, token, good, family.items)


def verify_token(suite, first, good, items, **more):
    """A handshake that brings a secret counts only where the query has the option `verify_token`; no event needs it."""
    options = {"verify_token": "test-token"}

    def asked(query):
        return first.to(url=f"{first.url}{query}")

    suite.handshake("the verify token", asked("?verify_token=test-token"), "", secrets=[], options=options, **more)
    suite.handshake("the verify token in escapes", asked("?a=1&verify_token=test%2Dtoken#x"), "", secrets=[], options=options, **more)
    for name, query in [
        ("no verify token", ""),
        ("an empty verify token", "?verify_token="),
        ("a verify token without value", "?verify_token"),
        ("a longer verify token", "?verify_token=test-token2"),
        ("a shorter verify token", "?verify_token=test-toke"),
        ("a verify token in capitals", "?verify_token=Test-token"),
        ("a verify token of another name", "?token=test-token"),
        ("a verify token behind the query", "#?verify_token=test-token"),
        ("a verify token and another before it", "?verify_token=x&verify_token=test-token"),
    ]:
        suite.refused(name, asked(query), "not_allowed", secrets=[], options=options)
    padded = first.header("X-Padding", "x" * 8192)
    suite.refused("a handshake that is too large to be kept", padded, "not_allowed", secrets=[])
    suite.delivery("an event without the verify token", good, *items, options=options)


def paddle(suite, family, sent, good):
    value = good.value(family.header)
    time, _, signature = value.partition(";")
    suite.delivery("a wrong h1 first", good.header(family.header, f"{time};h1={ZERO};{signature}"), *family.items)
    suite.delivery("a wrong h1 last", good.header(family.header, f"{value};h1={ZERO}"), *family.items)
    many(suite, family, good, value, f"h1={ZERO}", ";")
    suite.refused("commas instead of semicolons", good.header(family.header, value.replace(";", ",")), "malformed_header")
    dotted = mac(family.key(family.secret), f"{NOW // 1000}.".encode() + sent.body).hex()
    suite.refused("a dot instead of the colon", good.header(family.header, f"{time};h1={dotted}"), "bad_signature")


def pagerduty(suite, family, sent, good):
    value = good.value(family.header)
    suite.delivery("a list of signatures", good.header(family.header, f"v1={ZERO},{value}"), *family.items)
    suite.refused("another version only", good.header(family.header, value.replace("v1=", "v2=")), "malformed_header")
    many(suite, family, good, value, f"v1={ZERO}", ",")


def sendgrid(suite, family, sent, good):
    armoured = f"-----BEGIN PUBLIC KEY-----\n{family.secret}\n-----END PUBLIC KEY-----\n"
    suite.delivery("a key in PEM", good, *family.items, secrets=[armoured])
    suite.refused("the body trimmed", good.to(body=sent.body.strip()), "bad_signature")
    der = base64.b64decode(good.value(family.header))
    r_end = 4 + der[3]
    r, s = (int.from_bytes(part, "big") for part in (der[4:r_end], der[r_end + 2 :]))
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    suite.refused("r and s without DER", good.header(family.header, base64_text(raw)), "bad_signature")
    zero = base64_text(bytes.fromhex("3006020100020100"))
    suite.refused("r and s are zero", good.header(family.header, zero), "bad_signature")
    suite.refused("a secret that is no key", good, "no_secret", secrets=["test-secret"])


def shopify(suite, family, sent, good):
    value = good.value(family.header)
    as_hex = base64.b64decode(value).hex()
    suite.refused("a signature in hex", good.header(family.header, as_hex), "bad_signature")
    events = Sent(
        sent.body, {"shopify-hmac-sha256": value, "shopify-topic": "Product", "shopify-webhook-id": "w1", "shopify-event-id": "e1"}
    )
    suite.delivery("the headers of Events", events, ("Product", "w1"))
    suite.refused("Events with a wrong signature", events.header("shopify-hmac-sha256", base64_text(b"x" * 32)), "bad_signature")
    suite.refused("a right signature of Events beside a wrong one", events.header(family.header, base64_text(b"x" * 32)), "bad_signature")


def slack(suite, family, sent, good):
    text = {"content-type": "text/plain; charset=utf-8"}
    challenge = Sent(b'{"token":"t","challenge":"3eZbrw1aBm2rZgRNFdxV","type":"url_verification"}')
    suite.handshake("the challenge", family.sign(challenge), "3eZbrw1aBm2rZgRNFdxV", response_headers=text)
    suite.refused("a challenge that is not signed", challenge, "missing_header")
    suite.refused("a challenge with a wrong signature", family.sign(challenge, family.other), "bad_signature")
    command = b"token=t&team_id=T1&command=%2Fdeploy&text=now&trigger_id=1.2.a"
    suite.delivery("a slash command", family.sign(Sent(command)), ("/deploy", named(command)))
    click = b"payload=%7B%22type%22%3A%22block_actions%22%2C%22trigger_id%22%3A%221%22%7D"
    suite.delivery("a click", family.sign(Sent(click)), ("block_actions", named(click)))
    suite.handshake("ssl_check", family.sign(Sent(b"token=t&ssl_check=1")), "")
    form = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)"}
    check = Sent(b"ssl_check=1&token=legacy-token", form)
    suite.handshake("ssl_check as Slack sends it, unsigned", check, "", response_headers=text)
    suite.handshake("ssl_check by GET", Sent(method="GET", url="https://example.com/webhooks/in?ssl_check=1&token=t"), "")
    for value in [b"0", b"true", b"1&ssl_check=1", b"1&command=%2Fdeploy", b"1&payload=%7B%7D", b"%201", b"1&token=a&token=b"]:
        suite.refused(f"unsigned, ssl_check={value.decode()}", check.to(body=b"ssl_check=" + value), "missing_header")
    suite.refused("ssl_check in JSON", check.to(body=b'{"ssl_check":"1"}'), "missing_header")
    suite.refused("ssl_check with a wrong signature", family.sign(check, family.other), "bad_signature")
    retried = good.header("X-Slack-Retry-Num", "1").header("X-Slack-Retry-Reason", "http_timeout")
    suite.delivery("a retry keeps its identity", retried, *family.items)


def signed_url(suite, family, sent, good):
    suite.refused("another URL", good.to(url="https://example.com/webhooks/out"), "bad_signature")
    internal = good.to(url="http://10.0.0.7:8080/webhooks/in")
    suite.refused("the URL behind a proxy", internal, "bad_signature")
    suite.delivery("the origin as public_url", internal, *family.items, options={"public_url": "https://example.com"})
    suite.delivery("the whole URL as public_url", internal, *family.items, options={"public_url": "https://example.com/webhooks/in"})
    suite.delivery(
        "a path with the origin as public_url", good.to(url="/webhooks/in"), *family.items, options={"public_url": "https://example.com/"}
    )
    suite.refused("a path without public_url", good.to(url="/webhooks/in"), "bad_signature")
    # The address that the sender was given counts byte for byte, and tunnels give one without a slash.
    bare = family.sign(sent.to(url="https://abc.tunnel.example"))
    suite.delivery("a bare origin, requested with a slash", bare.to(url="https://abc.tunnel.example/"), *family.items)
    slash = family.sign(sent.to(url="https://abc.tunnel.example/"))
    suite.delivery("an origin with a slash, requested without", slash.to(url="https://abc.tunnel.example"), *family.items)
    origin = {"public_url": "https://abc.tunnel.example"}
    suite.delivery("a bare origin as public_url", bare.to(url="/"), *family.items, options=origin)
    suite.delivery("an origin with a slash behind public_url without", slash.to(url="/"), *family.items, options=origin)
    suite.refused("a bare origin for another path", bare.to(url="/webhooks/in"), "bad_signature", options=origin)
    folder = family.sign(sent.to(url="https://example.com/webhooks/in/"))
    suite.delivery(
        "a whole URL that ends with a slash as public_url",
        folder.to(url="/webhooks/in/"),
        *family.items,
        options={"public_url": "https://example.com/webhooks/in/"},
    )
    capitals = family.sign(sent.to(url="https://Example.com:443/webhooks/in"))
    suite.delivery(
        "public_url in capitals and with its port",
        capitals.to(url="/webhooks/in"),
        *family.items,
        options={"public_url": "https://Example.com:443/webhooks/in"},
    )
    suite.refused("another host in capitals", capitals.to(url="https://example.com/webhooks/in"), "bad_signature")
    query = family.sign(sent.to(url="https://example.com/webhooks/in?tenant=7"))
    suite.delivery("a query is signed", query, *family.items)
    suite.refused("another query", query.to(url="https://example.com/webhooks/in?tenant=8"), "bad_signature")


def stripe(suite, family, sent, good):
    value = good.value(family.header)
    time, _, signature = value.partition(",")
    suite.delivery("the signature before the time", good.header(family.header, f"{signature},{time}"), *family.items)
    suite.delivery("several v1, one of them right", good.header(family.header, f"{time},v1={ZERO},{signature}"), *family.items)
    suite.delivery("v0 and an unknown scheme are skipped", good.header(family.header, f"{value},v0={ZERO},v9=x"), *family.items)
    suite.refused("v0 alone", good.header(family.header, value.replace("v1=", "v0=")), "malformed_header")
    suite.refused("no time", good.header(family.header, signature), "malformed_header")
    suite.refused("two times", good.header(family.header, f"{value},t=1"), "malformed_header")
    suite.delivery("a time that is repeated", good.header(family.header, f"{value},{time}"), *family.items)
    many(suite, family, good, value, f"v1={ZERO}", ",")
    suite.refused("a time that is no number", good.header(family.header, f"t=soon,{signature}"), "bad_signature")
    compact = json.dumps(json.loads(sent.body), separators=(",", ":")).encode()
    suite.refused("the body written anew", good.to(body=compact), "bad_signature")
    suite.refused("a secret with a line end", good, "bad_signature", secrets=[family.secret + "\n"])
    decoded = family.sign(sent, base64.b64encode(b"x" * 24).decode())
    suite.refused("the secret taken as base64", decoded, "bad_signature")
    thin = b'{"id":"evt_test_65","object":"v2.core.event","type":"v1.billing.meter.error_report_triggered"}'
    suite.delivery("a thin event", family.sign(Sent(thin)), ("v1.billing.meter.error_report_triggered", "evt_test_65"))


def square(suite, family, sent, good):
    signed_url(suite, family, sent, good)
    # URL and body are signed with nothing between them.
    for count in (1, 20, len(good.body) - 1, len(good.body)):
        longer = good.to(url=good.url + good.body[:count].decode(), body=good.body[count:])
        suite.refused(f"the URL takes in {count} bytes of the body", longer, "malformed_body")
    for count in (1, len("webhooks/in")):
        shorter = good.to(url=good.url[:-count], body=good.url[-count:].encode() + good.body)
        suite.refused(f"the body takes in {count} bytes of the URL", shorter, "malformed_body")
    suite.delivery("an empty body", family.sign(sent.to(body=b"")), (None, None))
    suite.delivery("white space around the body", family.sign(sent.to(body=b" " + sent.body + b"\r\n")), *family.items)
    suite.refused("two documents", family.sign(sent.to(body=sent.body * 2)), "malformed_body")


def trello(suite, family, sent, good):
    # Body and URL are signed with nothing between them.
    suite.refused("the URL takes in a byte of the body", good.to(url="}" + good.url, body=good.body[:-1]), "bad_signature")
    suite.refused("the body takes in a byte of the URL", good.to(url=good.url[1:], body=good.body + good.url[:1].encode()), "bad_signature")
    inner = family.sign(sent.to(url=f"https://example.com/?next={good.url}"))
    moved = inner.to(url=good.url, body=inner.body + inner.url.removesuffix(good.url).encode())
    suite.refused("the body takes in a URL", moved, "malformed_body")
    suite.handshake("HEAD asks whether somebody is there", Sent(method="HEAD"), "")
    signed_url(suite, family, sent, good)


def twitch(suite, family, sent, good):
    kind = "Twitch-Eventsub-Message-Type"
    challenge = sent.to(body=b'{"challenge":"pogchamp-kappa-360noscope-vohiyo","subscription":{"type":"channel.follow"}}')
    challenge = challenge.header(kind, "webhook_callback_verification")
    text = {"content-type": "text/plain; charset=utf-8"}
    suite.handshake("the challenge", family.sign(challenge), "pogchamp-kappa-360noscope-vohiyo", response_headers=text)
    suite.refused("a challenge that is not signed", challenge, "missing_header")
    revoked = sent.to(body=b'{"subscription":{"type":"channel.follow","status":"authorization_revoked"}}').header(kind, "revocation")
    suite.delivery("a revocation", family.sign(revoked), ("revocation", family.binary_key))
    suite.delivery("an event that calls itself a revocation", good.header(kind, "revocation"), *family.items)
    drop = "drop.entitlement.grant"
    drops = b'{"subscription":{"type":"drop.entitlement.grant","is_batching_enabled":true},"events":[%s]}'
    granted = family.sign(sent.to(body=drops % b'{"id":"ev-1","data":{"user_id":"1"}},{"id":"ev-2","data":{"user_id":"2"}}'))
    suite.delivery("a batch of drops", granted, (drop, "ev-1"), (drop, "ev-2"))
    suite.delivery("a batch that calls itself a revocation", granted.header(kind, "revocation"), (drop, "ev-1"), (drop, "ev-2"))
    odd = family.sign(sent.to(body=drops % b'{"data":{}},1,null,{"id":"ev-2"}'))
    suite.delivery("a drop without an id, and what is no object", odd, (drop, f"{family.binary_key}:0"), (drop, "ev-2"))
    # Id, time and body are signed with nothing between them.
    follow = family.sign(sent.to(body=b'{"subscription":{"type":"channel.follow"},"event":{"followed_at":"2026-01-01T00:00:09Z"}}'))
    start, end = follow.body.split(b"2026-01-01T00:00:09Z")
    id_, time = "Twitch-Eventsub-Message-Id", "Twitch-Eventsub-Message-Timestamp"
    forged = follow.header(id_, follow.value(id_) + follow.value(time) + start.decode()).header(time, "2026-01-01T00:00:09Z")
    suite.refused("the time taken from the body, and what stands before it for the id", forged.to(body=end), "malformed_header")


def woocommerce(suite, family, sent, good):
    suite.handshake("the ping when a webhook is saved", Sent(b"webhook_id=12"), "")
    suite.refused("a ping with more in it", Sent(b"webhook_id=12&x=1"), "missing_header")


def xero(suite, family, sent, good):
    intent = family.sign(Sent(b'{"events":[],"lastEventSequence":0,"firstEventSequence":0,"entropy":"S0m3r4Nd0mt3xt"}'))
    suite.delivery("intent to receive", intent, response_body="")
    suite.refused("intent to receive with a wrong signature", intent, "bad_signature", secrets=[family.other], response_body="")


def zendesk(suite, family, sent, good):
    secret = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="
    suite.refused("the published test secret", family.sign(sent, secret), "not_allowed", secrets=[secret])
    body_first = base64_text(mac(family.key(family.secret), sent.body + iso8601(NOW).encode()))
    suite.refused("the body before the time", good.header(family.header, body_first), "bad_signature")
    empty = family.sign(sent.to(body=b"", method="GET"))
    suite.delivery("a webhook without a body", empty, (None, family.binary_key))
    decoded = base64_text(mac(base64.b64decode("dGVzdA=="), iso8601(NOW).encode() + sent.body))
    suite.refused("a secret decoded from base64", good.header(family.header, decoded), "bad_signature", secrets=["dGVzdA=="])


def zoom(suite, family, sent, good):
    validation = Sent(b'{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,"event":"endpoint.url_validation"}')
    encrypted = mac(family.key(family.secret), b"qgg8vlvZRS6UYooatFL8Aw").hex()
    answer = '{"encryptedToken":"%s","plainToken":"qgg8vlvZRS6UYooatFL8Aw"}' % encrypted
    suite.handshake("the URL validation", family.sign(validation), answer, response_headers={"content-type": "application/json"})
    suite.refused("a validation that is not signed", validation, "missing_header")
    suite.refused("a validation with a wrong signature", family.sign(validation, family.other), "bad_signature")


def polar(suite, family, sent, good):
    secret = "whsec_" + base64.b64encode(b"test-secret-for-webhooks").decode()
    message = family.signed(sent, str(NOW // 1000))
    encoded = good.header(family.header, "v1," + base64_text(mac(b"test-secret-for-webhooks", message)))
    suite.delivery("a secret in base64", encoded, *family.items, secrets=[secret])
    suite.delivery("a secret in base64 with its version before it", encoded, *family.items, secrets=["v1," + secret])
    suite.refused("too old under a secret in base64", encoded, "timestamp_out_of_tolerance", secrets=[secret], now=NOW + 301_000)
    suite.refused("too old with another secret as text", encoded, "timestamp_out_of_tolerance", secrets=["x", secret], now=NOW + 301_000)


def hook0(body, headers, names, time=str(NOW // 1000), secret="test-secret-1", form="t={time},h={names},v1={signature}"):
    """What CDP sends: time, names and values of some headers, and the body."""
    values = ".".join(headers[name] for name in names.split(" ") if name)
    signature = mac(secret.encode(), f"{time}.{names}.{values}.".encode() + body).hex()
    return Sent(body, headers).header("X-Hook0-Signature", form.format(time=time, names=names, signature=signature))


def coinbase(suite, family, sent, good):
    attempt = sent.body.replace(b'"attempt_number":1', b'"attempt_number":2').replace(b'"id":1}', b'"id":2}')
    suite.twice("two attempts are one occurrence", good, family.sign(Sent(attempt)), family.items, 1, later=60_000)
    body = b'{"id":"e1","eventType":"payment_link.payment.success","paymentLinkId":"pl_1"}'
    headers = {"content-type": "application/json", "x-event-id": "ev-9", "x-event-type": "payment_link.payment.success"}
    names = "content-type x-event-id x-event-type"
    item = ("payment_link.payment.success", "ev-9")
    header = "X-Hook0-Signature"
    sent = hook0(body, headers, names)
    suite.delivery("X-Hook0-Signature", sent, item)
    decoy = hook0(body, headers, names, form="t={time},v0=%s,h={names},v1={signature}" % ZERO)
    suite.delivery("X-Hook0-Signature with its older v0", decoy, item)
    suite.delivery("the second of two secrets of it", sent, item, secrets=[family.other, family.secret])
    suite.delivery("as old as is allowed", sent, item, now=NOW + 300_000)
    suite.refused("too old", sent, "timestamp_out_of_tolerance", now=NOW + 301_000)
    suite.refused(
        "a signed time in another form with tolerance_s 0",
        hook0(body, headers, names, time="soon"),
        "malformed_header",
        options={"tolerance_s": 0},
    )
    for name in ["x-event-id", "x-event-type", "content-type"]:
        suite.refused(f"another {name}", sent.header(name, "another"), "bad_signature")
        suite.refused(f"no {name}", sent.header(name, None), "missing_header")
    suite.refused("another body under X-Hook0-Signature", sent.to(body=body + b" "), "bad_signature")
    suite.refused("another secret of X-Hook0-Signature", hook0(body, headers, names, secret="other"), "bad_signature")
    value = sent.value(header)
    suite.refused("v0 alone", sent.header(header, value.replace("v1=", "v0=")), "malformed_header")
    suite.refused("no names of headers", sent.header(header, value.replace("h=", "x=")), "malformed_header")
    suite.refused("fewer names of headers", sent.header(header, value.replace("content-type ", "")), "bad_signature")
    suite.refused("two times", sent.header(header, f"{value},t=1"), "malformed_header")
    suite.refused("seven hundred signatures", sent.header(header, value + f",v1={ZERO}" * 700), "malformed_header")
    both = sent.header(family.header, good.value(family.header)).to(body=good.body)
    suite.refused("a right signature of Commerce beside it", both, "bad_signature")
    note = b'{"note":"a.b"}'
    moved = hook0(note, headers, names).header("x-event-type", 'payment_link.payment.success.{"note":"a').to(body=b'b"}')
    suite.refused("a header that takes in the beginning of the body", moved, "malformed_header")
