"""Twilio: the URL and the parameters of a form, or the hash of another body in the URL."""

import hashlib
from urllib.parse import parse_qsl

from ..signing import base64_text, mac, named
from ..suite import Sent, Suite

SECRET = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = b"Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE"
HEADER, SETTINGS, TOKEN = "X-Twilio-Signature", "X-Twilio-Webhooks-Signature-Settings", "I-Twilio-Idempotency-Token"


def sign(sent, hash_name="sha1", url=None, secret=SECRET, form=True):
    message = url or sent.url
    if form:
        for name, value in sorted(set(parse_qsl(sent.body.decode(), keep_blank_values=True))):
            message += name + value
    return sent.header(HEADER, base64_text(mac(secret.encode(), message.encode(), hash_name)))


def hashed(body, url="https://mycompany.com/events"):
    return sign(Sent(body, {"Content-Type": "application/json"}, f"{url}?bodySHA256={hashlib.sha256(body).hexdigest()}"), form=False)


def suite():
    suite = Suite("twilio", [SECRET], refused_status=403)
    sent = Sent(FORM, {TOKEN: "3a1b-token"}, URL)
    good = sent.header(HEADER, "RSOYDt4T1cUTdK1PDd93/VVr8B8=")
    item = (None, "3a1b-token")
    answer = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
    suite.delivery("the published example", good, item, response_body=answer, response_headers={"content-type": "text/xml; charset=utf-8"})
    suite.delivery("the parameters in another order", good.to(body=b"&".join(reversed(FORM.split(b"&")))), item)
    suite.delivery("the second of two secrets", good, item, secrets=["other", SECRET])
    port = sign(sent, url=URL.replace("mycompany.com", "mycompany.com:443"))
    suite.delivery("signed with the port", port, item)
    suite.delivery("requested with a port that is not signed", good.to(url=URL.replace("mycompany.com", "mycompany.com:8443")), item)
    internal = good.to(url="http://10.0.0.7:3000/myapp.php?foo=1&bar=2")
    suite.delivery("the origin from public_url", internal, item, options={"public_url": "https://mycompany.com"})
    suite.refused("the URL behind a proxy", internal, "bad_signature")
    suite.refused("another query", good.to(url=URL.replace("bar=2", "bar=3")), "bad_signature")
    suite.refused("a changed parameter", good.to(body=FORM.replace(b"1234&", b"1235&")), "bad_signature")
    suite.refused("a parameter more", good.to(body=FORM + b"&x=1"), "bad_signature")
    suite.refused("an empty parameter more", good.to(body=FORM + b"&x="), "bad_signature")
    suite.refused("SHA-256 without the option algorithm", sign(sent, "sha256"), "bad_signature")
    suite.refused("no signature", sent, "missing_header")
    suite.refused("no secret", good, "no_secret", secrets=[])
    status = Sent(b"MessageSid=SM1&MessageStatus=delivered&b=2&B=1&a=&m=2&m=1&m=2", {}, URL)
    suite.delivery("capitals first, empty and repeated values", sign(status), ("delivered", "SM1:delivered"))
    call = Sent(b"CallSid=CA1&CallStatus=in-progress&Digits=1", {}, URL)
    suite.twice("a prompt answered twice with the same digit", sign(call), sign(call), [("in-progress", None)], 2, later=5_000)
    first, again = (sign(call).header("I-Twilio-Idempotency-Token", token) for token in ("t-1", "t-2"))
    suite.twice("a retry has the token of the first attempt", first, first, [("in-progress", "t-1")], 1, later=15_000)
    suite.twice("another callback has another token", first, again, [("in-progress", "t-1")], 2, again=[("in-progress", "t-2")])
    step = Sent(b"CallSid=CA1&CallStatus=ringing&SequenceNumber=0", {}, URL)
    next_step = step.to(body=step.body.replace(b"Number=0", b"Number=1"))
    keys = [("ringing", "CA1:ringing:0"), ("ringing", "CA1:ringing:1")]
    suite.twice("a call's status twice with its number", sign(step), sign(next_step), keys[:1], 2, again=keys[1:])
    joined = Sent(b"ConferenceSid=CF1&StatusCallbackEvent=participant-join&SequenceNumber=2&CallSid=CA1", {}, URL)
    suite.delivery("a conference's event with its number", sign(joined), (None, "CF1:participant-join:2"))
    taped = Sent(b"RecordingSid=RE1&RecordingStatus=completed&CallSid=CA1", {}, URL)
    suite.delivery("a recording's status", sign(taped), (None, "RE1:completed"))
    edited = Sent(b"EventType=onMessageUpdated&MessageSid=IM1&DateUpdated=2026-01-01T00%3A00%3A00.123Z", {}, URL)
    key = named(URL.encode() + edited.body)
    suite.delivery("what has a time is named by its bytes", sign(edited), ("onMessageUpdated", key))
    renamed = Sent(b"EventType=onConversationStateUpdated&ConversationSid=CH1&DateCreated=2026-01-01T00%3A00%3A00.123Z", {}, URL)
    state = [("onConversationStateUpdated", None)]
    suite.twice("what says only when its object was made is new each time", sign(renamed), sign(renamed), state, 2)
    get = Sent(b"", {}, "https://mycompany.com/sms?MessageSid=SM2&SmsStatus=received&Body=hi%20there", "GET")
    suite.delivery("by GET the URL alone is signed", sign(get), ("received", "SM2:received"))
    suite.refused("a body that nothing covers", sign(get).to(body=b'{"forged":true}'), "bad_signature")
    events = hashed(b'[{"id":"EZ1","type":"com.twilio.messaging.message.sent"},{"id":"EZ2","type":"com.twilio.x"}]')
    suite.delivery("a batch of events by its hash", events, ("com.twilio.messaging.message.sent", "EZ1"), ("com.twilio.x", "EZ2"))
    odd = hashed(b'[1,{"type":"com.twilio.x"},{"id":"EZ2"}]').header("I-Twilio-Idempotency-Token", "t-1")
    suite.delivery("an event without an id is told by the request and its place", odd, ("com.twilio.x", "t-1:1"), (None, "EZ2"))
    suite.refused("another body than the URL's hash says", events.to(body=b"[]"), "bad_signature")
    suite.refused("another hash in the URL", events.to(url=events.url[:-1] + "x"), "bad_signature")
    shared = {"algorithm": "sha256"}
    settings = {SETTINGS: "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"}
    key256 = sign(sent.with_headers(settings), "sha256")
    suite.delivery("a shared key", key256, item, options=shared)
    suite.delivery("a shared key without the option algorithm", key256, item)
    suite.delivery("a shared key, its settings in another order", key256.header(SETTINGS, "algorithm=hmac_sha256, key=k"), item)
    suite.delivery("the settings name HMAC_SHA1", good.header(SETTINGS, "key=k,algorithm=HMAC_SHA1"), item)
    suite.refused("a shared key where the auth token is asked for", key256, "not_allowed", options={"algorithm": "sha1"})
    suite.refused("SHA-1 under settings that name SHA-256", good.header(SETTINGS, "key=k,algorithm=HMAC_SHA256"), "bad_signature")
    suite.refused("SHA-256 under settings without an algorithm", key256.header(SETTINGS, "key=k"), "bad_signature")
    base = "https://example.com/v?CallSid=CA1&CallStatus=completed&SequenceNumber=1&ToState="
    call = Sent(b"", {}, base + "Forli'", "GET")
    completed = ("completed", "CA1:completed:1")
    for name, signed, requested in [
        ("an apostrophe that the runtime escaped", "Forli'", "Forli%27"),
        ("an apostrophe that was signed escaped", "Forli%27", "Forli'"),
        ("an apostrophe escaped beside a plus", "San+Remo&City=Forli'", "San+Remo&City=Forli%27"),
        ("an apostrophe escaped beside other escapes", "S%C3%A3o%20Paulo&City=Forli'", "S%C3%A3o%20Paulo&City=Forli%27"),
        ("quotes and brackets that were signed escaped", "%22%3Ca%3E%22", '"<a>"'),
        ("letters beyond ASCII that were signed escaped", "S%C3%A3o", "São"),
        ("a query that was signed as Node encodes it", "a%2Fb%40c", "a/b@c"),
    ]:
        sent_call = sign(call.to(url=base + signed)).to(url=base + requested)
        suite.delivery(name, sent_call, completed)
        suite.delivery(f"{name}, and a port", sent_call.to(url=(base + requested).replace("example.com", "example.com:443")), completed)
    suite.refused("another apostrophe", sign(call).to(url=base + "Forli%60"), "bad_signature")
    many = Sent(b"&".join(b"p%d=1" % number for number in range(1001)), {}, URL)
    suite.refused("more fields than any of Twilio's forms", sign(many), "malformed_body")
    suite.refused("the auth token where a shared key is asked for", good, "not_allowed", options=shared)
    suite.refused("an unknown algorithm", good.header(SETTINGS, "key=x,algorithm=HMAC_MD5"), "not_allowed")
    return suite
