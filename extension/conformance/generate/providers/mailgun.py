"""Mailgun: a time and a token are signed inside the body, and the rest is not."""

import json

from ..signing import mac
from ..suite import NOW, Sent, Suite

TOKEN = "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0"
ITEM = ("delivered", TOKEN)


def sent(secret="test-signing-key", time=str(NOW // 1000), token=TOKEN, event="delivered", **changes):
    signature = {"timestamp": time, "token": token, "signature": mac(secret.encode(), (time + token).encode()).hex(), **changes}
    return Sent(json.dumps({"signature": signature, "event-data": {"event": event, "id": "CPgfbmQMTCKtHW6uIWtuVe"}}).encode())


def multipart(fields, files=(), boundary="b0und"):
    parts = [(f'form-data; name="{name}"', value.encode()) for name, value in fields.items() if value is not None]
    attached = [(f'form-data; name="attachment-{n}"; filename="{name}"', data) for n, (name, data) in enumerate(files, 1)]
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + value + b"\r\n"
        for disposition, value in parts[:2] + attached + parts[2:]
    )
    return Sent(body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"})


def suite():
    suite = Suite("mailgun", ["test-signing-key"])
    good = sent()
    suite.delivery("a valid signature", good, ITEM)
    suite.delivery("the second of two secrets", good, ITEM, secrets=["other", "test-signing-key"])
    suite.delivery("a copied signature with another event has the same key", sent(event="opened"), ("opened", TOKEN))
    suite.delivery("a day old, as no age is too great by default", good, ITEM, now=NOW + 86_400_000)
    suite.twice("the last retry repeats what is signed", good, good, [ITEM], 1, later=8 * 3_600_000)
    other = "b" + TOKEN[1:]
    suite.twice("another token in the same second", good, sent(token=other), [ITEM], 2, again=[("delivered", other)])
    suite.refused("too old for the option tolerance_s", good, "timestamp_out_of_tolerance", now=NOW + 301_000, options={"tolerance_s": 300})
    cut = good.to(body=good.body.replace(b'"event-data": {', b'"event-data": {"subject": "cut \\ud83d", "from": "\\udce4",'))
    suite.delivery("a subject that was cut inside a character", cut, ITEM)
    twice = cut.to(body=cut.body.replace(b'"event-data": {', b'"event-data": {"event": "opened",'))
    suite.refused("two fields of one name beside it", twice, "malformed_body")
    suite.refused("another token", sent(token="x" * 50, signature=mac(b"test-signing-key", b"other").hex()), "bad_signature")
    suite.refused("another time", sent(timestamp="1767225601"), "bad_signature")
    suite.refused("another secret", sent("other"), "bad_signature")
    suite.refused("capitals", sent(signature=mac(b"test-signing-key", (str(NOW // 1000) + TOKEN).encode()).hex().upper()), "malformed_body")
    suite.refused("no token", Sent(b'{"signature":{"timestamp":"1","signature":"00"}}'), "malformed_body")
    suite.refused("no signature", Sent(b'{"event-data":{"event":"delivered"}}'), "malformed_body")
    suite.refused("no secret", good, "no_secret", secrets=[])
    time = str(NOW // 1000)
    signature = mac(b"test-signing-key", (time + TOKEN).encode()).hex()
    route = Sent(f"recipient=a%40example.com&timestamp={time}&token={TOKEN}&signature={signature}".encode())
    suite.delivery("the form of a route", route, (None, TOKEN))
    own = mac(b"subaccount", (time + TOKEN).encode()).hex()
    child = {"signature": own, "parent-signature": signature}
    suite.delivery("parent-signature of a subaccount's event", sent(**child), ITEM)
    suite.refused("a wrong parent-signature", sent(**{**child, "parent-signature": own}), "bad_signature")
    suite.refused("an old parent-signature", sent(**child), "timestamp_out_of_tolerance", now=NOW + 301_000, options={"tolerance_s": 300})
    files = [("a.txt", b"\x00\xff bytes\r\n--b0undary\r\n"), ("timestamp.txt", b"1")]
    fields = {"recipient": "box@in.example", "attachment-count": "2", "timestamp": time, "token": TOKEN, "signature": signature}
    with_files = multipart(fields, files)
    suite.delivery("the multipart form of a route with attachments", with_files, (None, TOKEN))
    quoted = with_files.header("Content-Type", 'Multipart/Form-Data; charset="utf-8"; boundary="b0und"')
    suite.delivery("a boundary in quotes", quoted, (None, TOKEN))
    suite.delivery("a bounce as a multipart form", multipart({**fields, "event": "bounced"}), ("bounced", TOKEN))
    parent = {**fields, "signature": own, "parent-signature": signature}
    suite.delivery("a multipart form with parent-signature", multipart(parent), (None, TOKEN))
    suite.refused("a multipart form with another token", multipart({**fields, "token": "x" * 50}), "bad_signature")
    suite.refused("a multipart form without a token", multipart({**fields, "token": None}), "malformed_body")
    suite.refused("a multipart form that is cut off", with_files.to(body=with_files.body[:-12]), "malformed_body")
    suite.refused("another boundary", with_files.header("Content-Type", "multipart/form-data; boundary=other"), "malformed_body")
    unnamed = with_files.header("Content-Type", "multipart/form-data")
    suite.refused("no boundary", unnamed, "malformed_body")
    suite.refused(
        "a signature in a part of another name", multipart({**fields, "signature": None, "Signature": signature}), "malformed_body"
    )
    digit = mac(b"test-signing-key", (time + "6" + TOKEN).encode()).hex()
    suite.delivery("a token that begins with a digit", sent(token="6" + TOKEN), ("delivered", "6" + TOKEN))
    suite.refused("a digit of the token in the time", sent(time=time + "6", signature=digit), "malformed_body")
    suite.refused("a digit of the time in the token", sent(time=time[:-1], token=time[-1] + TOKEN), "malformed_body")
    suite.refused("a time in another form", sent(time="soon"), "malformed_body")
    suite.refused("an array of numbers", Sent(b"[" + b"1," * 1000 + b"1]"), "malformed_body")
    return suite
