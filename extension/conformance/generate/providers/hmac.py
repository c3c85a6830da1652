"""Any HMAC, by options."""

import hashlib

from ..signing import base64_text, iso8601, mac, milliseconds, named, packed, seconds
from ..suite import NOW, URL, Sent, Suite

BODY = b'{"id":7,"event":{"name":"paid"},"empty":"","list":[{"id":"deep"}]}'


def suite():
    suite = Suite("hmac", ["test-secret"])
    secret = b"test-secret"
    plain = Sent(BODY, {"X-Signature": mac(secret, BODY).hex()})
    item = (None, None)
    suite.delivery("the defaults", plain, item)
    suite.delivery("hex in capitals, as some senders write it", plain.header("x-signature", mac(secret, BODY).hex().upper()), item)
    suite.delivery("the second of two secrets", plain, item, secrets=["other", "test-secret"])
    _compressed(suite, secret)
    suite.twice("equal bytes are two events by default", plain, plain, [item], 2)
    suite.twice("equal bytes are one event by the digest", plain, plain, [(None, named(BODY))], 1, options={"id_fallback": "digest"})
    suite.refused("another secret", plain, "bad_signature", secrets=["other"])
    suite.refused("a changed body", plain.to(body=BODY + b"\n"), "bad_signature")
    suite.refused("no header", Sent(BODY), "missing_header")
    suite.refused("a short signature", plain.header("X-Signature", mac(secret, BODY).hex()[:62]), "bad_signature")
    suite.refused("not hex", plain.header("X-Signature", "signature"), "malformed_header")
    suite.refused("blank secrets only", plain, "no_secret", secrets=[" "])
    for algorithm in ["sha1", "sha256", "sha512"]:
        options = {"header": "X-Hook", "prefix": f"{algorithm}=", "algorithm": algorithm, "encoding": "base64"}
        sent = Sent(BODY, {"X-Hook": f"{algorithm}={base64_text(mac(secret, BODY, algorithm))}"})
        suite.delivery(f"{algorithm} in base64 with a prefix", sent, item, options=options)
        suite.refused(
            f"{algorithm} without the prefix",
            sent.header("X-Hook", sent.value("X-Hook")[len(algorithm) + 1 :]),
            "malformed_header",
            options=options,
        )
    for unit, write in {"s": seconds, "ms": milliseconds, "iso8601": iso8601}.items():
        options = {"template": "v0:{timestamp}:{body}", "timestamp_header": "X-Time", "timestamp_unit": unit, "tolerance_s": 60}
        sent = Sent(BODY, {"X-Time": write(NOW), "X-Signature": mac(secret, f"v0:{write(NOW)}:".encode() + BODY).hex()})
        suite.delivery(f"a timestamp in {unit}", sent, item, options=options, now=NOW + 60_000)
        suite.refused(f"an old timestamp in {unit}", sent, "timestamp_out_of_tolerance", options=options, now=NOW + 61_000)
        suite.refused(f"an early timestamp in {unit}", sent, "timestamp_out_of_tolerance", options=options, now=NOW - 61_000)
        suite.refused(f"no timestamp in {unit}", sent.header("X-Time", None), "missing_header", options=options)
    joined = {"template": "{timestamp}{body}", "timestamp_header": "X-Time", "tolerance_s": 0}
    sent = Sent(BODY, {"X-Time": seconds(NOW), "X-Signature": mac(secret, seconds(NOW).encode() + BODY).hex()})
    suite.delivery("time and body with nothing between them", sent, item, options=joined)
    suite.refused(
        "a byte of the body in the time", sent.header("X-Time", seconds(NOW) + "{").to(body=BODY[1:]), "malformed_header", options=joined
    )
    suite.refused(
        "a byte of the time in the body", sent.header("X-Time", seconds(NOW)[:-1]).to(body=b"0" + BODY), "malformed_header", options=joined
    )
    beside = {"template": "{header:X-Id}{body}"}
    sent = Sent(BODY, {"X-Id": "h1", "X-Signature": mac(secret, b"h1" + BODY).hex()})
    suite.delivery("a header and the body with nothing between them", sent, item, options=beside)
    taken = sent.header("X-Id", 'h1{"id":7,"event":').to(body=BODY.removeprefix(b'{"id":7,"event":'))
    suite.refused("a header that takes in the beginning of the body", taken, "malformed_header", options=beside)
    for between, cut in [("", "webhooks"), (".", "com")]:
        options = {"template": "{url}%s{body}" % between}
        signed = mac(secret, f"{URL}{between}".encode() + BODY).hex()
        suite.delivery(f"a URL, {between!r} and the body", Sent(BODY, {"X-Signature": signed}), item, options=options)
        start = URL.index(cut)
        moved = Sent(URL[start:].encode() + between.encode() + BODY, {"X-Signature": signed}, URL[:start].removesuffix(between or "\0"))
        suite.refused(f"a URL, {between!r} and a body that takes in some of it", moved, "malformed_body", options=options)
        form = Sent(b"a=1", {"X-Signature": mac(secret, f"{URL}{between}a=1".encode()).hex()})
        suite.refused(f"a URL, {between!r} and a form", form, "malformed_body", options=options)
    apart = {"template": "{url}\n{body}"}
    form = Sent(b"a=1", {"X-Signature": mac(secret, f"{URL}\na=1".encode()).hex()})
    suite.delivery("a URL, a line end and a form", form, item, options=apart)
    pair = {"template": "{header:X-Id}.{header:X-Kind} {body}"}
    signed = {"X-Signature": mac(secret, b"a.b.c " + BODY).hex()}
    suite.refused(
        "a header with the sign that sets it apart", Sent(BODY, {"X-Id": "a", "X-Kind": "b.c", **signed}), "malformed_header", options=pair
    )
    suite.refused("the same cut elsewhere", Sent(BODY, {"X-Id": "a.b", "X-Kind": "c", **signed}), "malformed_header", options=pair)
    template = {"template": "{method} {url} {header:X-Id}|{body}"}
    signed = f"POST {URL} h1|".encode() + BODY
    everything = Sent(BODY, {"X-Id": "h1", "X-Signature": mac(secret, signed).hex()})
    key = "sha256:" + hashlib.sha256(b"POST" + URL.encode() + b"h1" + BODY).hexdigest()
    suite.delivery("method, URL and a header are signed", everything, item, options=template)
    digest = {**template, "id_fallback": "digest"}
    suite.delivery("the digest takes what is signed", everything, (None, key), options=digest)
    suite.refused("another method", everything.to(method="PUT"), "bad_signature", options=template)
    suite.refused("another header", everything.header("X-Id", "h2"), "bad_signature", options=template)
    suite.refused("the signed header is missing", everything.header("X-Id", None), "missing_header", options=template)
    internal = everything.to(url="http://10.0.0.7/webhooks/in")
    suite.delivery("the URL from public_url", internal, (None, key), options={**digest, "public_url": "https://example.com"})
    suite.delivery("identity and type by path", plain, ("paid", "paid:7"), options={"id_path": "id", "type_path": "event.name"})
    suite.delivery("a path into an array", plain, (None, "deep"), options={"id_path": "list.0.id"})
    suite.delivery("an empty text is no key", plain, item, options={"id_path": "empty", "type_path": "empty"})
    suite.delivery("identity by the digest", plain, (None, named(BODY)), options={"id_fallback": "digest"})
    suite.delivery("an object is no key", plain, item, options={"id_path": "event"})
    headers = {"id_header": "X-Id", "id_path": "id", "type_header": "X-Type", "type_path": "event.name"}
    typed = {"type_header": "X-Type", "id_fallback": "digest"}
    created, paid = (plain.header("X-Type", kind) for kind in ("created", "paid"))
    keys = [[(kind, f"{kind}:{named(BODY)}")] for kind in ("created", "paid")]
    suite.twice("equal bytes of two types", created, paid, keys[0], 2, options=typed, again=keys[1])
    suite.delivery("headers come before paths", plain.with_headers({"X-Id": "h1", "X-Type": "t1"}), ("t1", "t1:h1"), options=headers)
    long = plain.header("X-Id", "x" * 256)
    suite.delivery("a key of 255 bytes", plain.header("X-Id", "x" * 255), (None, "x" * 255), options={"id_header": "X-Id"})
    suite.delivery("a key of 256 bytes is hashed", long, (None, named(b"x" * 256)), options={"id_header": "X-Id"})
    suite.delivery("an empty body has no key", Sent(b"", {"X-Signature": mac(secret, b"").hex()}), (None, None))
    raw = {"secret_encoding": "hex"}
    suite.delivery("a secret in hex", Sent(BODY, {"X-Signature": mac(b"\x01\xff", BODY).hex()}), item, secrets=["01fF"], options=raw)
    suite.delivery(
        "a secret in base64",
        Sent(BODY, {"X-Signature": mac(b"\x01\xff", BODY).hex()}),
        item,
        secrets=["Af8="],
        options={"secret_encoding": "base64"},
    )
    suite.refused("a secret that is not hex", plain, "no_secret", options=raw)
    return suite


def _compressed(suite, secret):
    """Bodies that were compressed after they were signed, or before."""
    options = {"id_path": "id", "type_path": "event.name"}
    item = ("paid", "paid:7")
    gzip = packed(BODY)
    signed_text, signed_bytes = (Sent(BODY, {"X-Signature": mac(secret, signed).hex()}) for signed in (BODY, gzip))
    sent = {"text": signed_text.to(body=gzip), "bytes": signed_bytes.to(body=gzip)}
    for what, request in sent.items():
        suite.delivery(f"gzip whose {what} is signed", request.header("Content-Encoding", "gzip"), item, options=options)
        changed = request.header("Content-Encoding", "gzip").to(body=packed(BODY.replace(b"7", b"8")))
        suite.refused(f"gzip whose {what} is signed, of another text", changed, "bad_signature", options=options)
    first, again = sent["text"].header("content-encoding", "GZIP"), signed_text
    suite.twice("compressed and plain are one event", first, again, [item], 1, options=options)
    digest = {"id_fallback": "digest"}
    suite.twice("compressed and plain have one digest", first, again, [(None, named(BODY))], 1, options=digest)
    unpacked = signed_text.header("Content-Encoding", "gzip")
    suite.delivery("what a server has unpacked and still calls compressed", unpacked, item, options=options)
    suite.refused("gzip whose text is signed and of which nothing is said", sent["text"], "bad_signature", options=options)
    suite.delivery("gzip whose bytes are signed and of which nothing is said", sent["bytes"], (None, None))
    cut = Sent(gzip[:-1], {"X-Signature": mac(secret, gzip[:-1]).hex(), "Content-Encoding": "gzip"})
    suite.delivery("what cannot be unpacked is what was sent", cut, (None, None))
    suite.refused("what cannot be unpacked and is not signed", cut.header("X-Signature", mac(secret, BODY).hex()), "bad_signature")
