"""Providers that put a signature into a header: the same cases for all, from a table of what differs."""

from collections.abc import Callable
from dataclasses import dataclass, field

from . import repeats
from .signing import ED25519_PUBLIC, P256_OTHER_PUBLIC, P256_PUBLIC, base64_text, mac, named, seconds, sign_ed25519, sign_p256
from .suite import NOW, Sent, Suite

BINARY = b"\xff\xfe not UTF-8 \x00 and a line end\r\n"
OTHER_ED25519_PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


def text(secret):
    return secret.encode()


@dataclass(frozen=True)
class Family:
    """What differs between two providers."""

    provider: str
    header: str
    body: str
    items: list
    """Type and key of each occurrence in `body`."""
    form: str = "{signature}"
    """The header's value: `{signature}`, and `{time}` where the timestamp stands beside it."""
    encoding: str = "hex"
    algorithm: str = "sha256"
    """A hash for HMAC, or `ed25519`, or `p256`."""
    signed: Callable = lambda sent, time: sent.body
    """The signed bytes of a request."""
    key: Callable = text
    """How a secret becomes a key."""
    secret: str = "test-secret-1"
    other: str = "other-secret-2"
    headers: dict = field(default_factory=dict)
    signed_headers: tuple = ()
    """Those of `headers` that are signed."""
    time_header: str | None = None
    time: Callable = seconds
    step: int = 1000
    """The grain of the timestamp in milliseconds."""
    tolerance_s: int = 0
    future: str = "passes"
    """What becomes of a timestamp in the future: `passes` or `refused`."""
    binary_type: str | None = None
    """The type of a body that is not JSON: that of a header, or none."""
    binary_key: str | None = "body"
    """The key of a body that is not JSON: that of a header, or `body` for its hash."""
    binary_status: int = 200
    only_json: bool = False
    """Whether a body that is not JSON is refused, as nothing tells where it ends and what is signed beside it begins."""
    options: dict = field(default_factory=dict)
    refused_status: int = 401
    response_body: str | None = None
    capitals: bool = False
    """Whether hex may be in capitals, as the provider's own library has it."""
    extra: Callable | None = None
    """Adds cases of its own: called with the suite and `sign`."""

    @property
    def has_time(self):
        return self.time_header is not None or "{time}" in self.form

    def encode(self, signature):
        return signature.hex() if self.encoding == "hex" else base64_text(signature)

    def raw(self, message, secret):
        if self.algorithm == "ed25519":
            return sign_ed25519(message)
        if self.algorithm == "p256":
            return sign_p256(message)
        return mac(self.key(secret), message, self.algorithm)

    def sign(self, sent, secret=None, now=NOW, change=lambda signature: signature, time=None):
        """The request as the provider sends it; `change` alters the raw signature, and `time` is signed in place of `now`."""
        time = self.time(now) if time is None else time
        signature = self.encode(change(self.raw(self.signed(sent, time), secret or self.secret)))
        if self.time_header is not None:
            sent = sent.header(self.time_header, time)
        return sent.header(self.header, self.form.format(signature=signature, time=time))


def suite(family):
    suite = Suite(family.provider, [family.secret], family.options, refused_status=family.refused_status)
    sent = Sent(family.body.encode(), dict(family.headers))
    good = family.sign(sent)
    header = family.header
    more = {} if family.response_body is None else {"response_body": family.response_body}

    suite.delivery("a valid signature", good, *family.items, **more)
    suite.delivery("the second of two secrets", good, *family.items, secrets=[family.other, family.secret])
    suite.refused("another secret", good, "bad_signature", secrets=[family.other])
    suite.refused("a changed body", good.to(body=good.body.replace(b"{", b"{ ", 1)), "bad_signature")
    suite.refused("no signature header", good.header(header, None), "missing_header")
    suite.refused("two signature headers that differ", good.header(header, [good.value(header), "x"]), "malformed_header")
    suite.delivery("two signature headers that agree", good.header(header, [good.value(header)] * 2), *family.items)
    suite.delivery(
        "header names in capitals", good.to(headers={name.upper(): value for name, value in good.headers.items()}), *family.items
    )
    suite.refused("a signature without its last byte", family.sign(sent, change=lambda raw: raw[:-1]), "bad_signature")
    suite.refused("a signature with a byte more", family.sign(sent, change=lambda raw: raw + b"\0"), "bad_signature")
    suite.refused("an empty signature", good.header(header, family.form.format(signature="", time=family.time(NOW))), "bad_signature")
    suite.refused("no secret", good, "no_secret", secrets=[])
    suite.refused("blank secrets only", good, "no_secret", secrets=["", " \t"])
    suite.refused("secrets that nobody sees", good, "no_secret", secrets=["\0", "\u200b\ufeff", "\xa0\u3164"])
    encodings(suite, family, good)
    binary = family.sign(Sent(BINARY, dict(family.headers)))
    key = named(BINARY) if family.binary_key == "body" else family.binary_key
    if family.only_json:
        suite.refused("a body that is not UTF-8 and ends with a line", binary, "malformed_body")
    else:
        suite.delivery("a body that is not UTF-8 and ends with a line", binary, (family.binary_type, key), status=family.binary_status)
    suite.refused("the same body without its line end", binary.to(body=BINARY.rstrip(b"\r\n")), "bad_signature")
    for name in family.signed_headers:
        suite.refused(f"another {name}", good.header(name, "another"), "bad_signature")
        suite.refused(f"no {name}", good.header(name, None), "missing_header")
    if family.has_time:
        times(suite, family, sent, good)
    if family.extra is not None:
        family.extra(suite, family, sent, good)
    repeats.cases(suite, family, sent, good)
    return suite


def encodings(suite, family, good):
    value = good.value(family.header)
    if family.encoding == "hex":
        signature = family.encode(family.raw(family.signed(good, family.time(NOW)), family.secret))
        capitals = good.header(family.header, value.replace(signature, signature.upper()))
        if family.capitals:
            suite.delivery("a signature in capitals", capitals, *family.items)
        else:
            suite.refused("a signature in capitals", capitals, "malformed_header")
        as_base64 = value.replace(signature, base64_text(bytes.fromhex(signature)))
        suite.refused("a signature in base64", good.header(family.header, as_base64), "malformed_header")
    elif value.endswith("="):
        suite.refused("a signature without its padding", good.header(family.header, value.rstrip("=")), "malformed_header")
    prefix = family.form.partition("{")[0]
    if prefix:
        suite.refused("a signature without its prefix", good.header(family.header, value.removeprefix(prefix)), "malformed_header")


def moved(suite, family, good):
    """No byte moves between the time and the body, whatever tolerance is set."""
    time = good.value(family.time_header)
    for name, other, body in [
        ("the body's first byte behind the time", time + good.body[:1].decode(), good.body[1:]),
        ("the time's last byte before the body", time[:-1], time[-1:].encode() + good.body),
        ("all of the time before the body", "", time.encode() + good.body),
    ]:
        sent = good.header(family.time_header, other).to(body=body)
        same = family.signed(sent, other) == family.signed(good, time)
        reason = "malformed_header" if same else "bad_signature"
        suite.refused(name, sent, reason)
        suite.refused(f"{name} with tolerance_s 0", sent, reason, options={**family.options, "tolerance_s": 0})


def times(suite, family, sent, good):
    for options in [family.options, {**family.options, "tolerance_s": 0}]:
        name = "a signed time in another form" + (" with tolerance_s 0" if options.get("tolerance_s") == 0 else "")
        suite.refused(name, family.sign(sent, time="soon"), "malformed_header", options=options)
    if family.time_header is not None:
        moved(suite, family, good)
    if family.time_header is not None:
        suite.refused("another timestamp", good.header(family.time_header, family.time(NOW + 60_000)), "bad_signature")
        suite.refused("no timestamp", good.header(family.time_header, None), "missing_header")
    else:
        later = good.value(family.header).replace(family.time(NOW), family.time(NOW + 60_000))
        suite.refused("another timestamp", good.header(family.header, later), "bad_signature")
    day = 86_400_000
    if family.tolerance_s == 0:
        suite.delivery("a day old, as no age is too great by default", good, *family.items, now=NOW + day)
        strict = {**family.options, "tolerance_s": 300}
        suite.refused(
            "too old for the option tolerance_s", good, "timestamp_out_of_tolerance", now=NOW + 300_000 + family.step, options=strict
        )
        return
    limit = family.tolerance_s * 1000
    suite.delivery("as old as is allowed", good, *family.items, now=NOW + limit)
    suite.refused("too old", good, "timestamp_out_of_tolerance", now=NOW + limit + family.step)
    if family.future == "passes":
        suite.delivery("from the future, which passes", good, *family.items, now=NOW - day)
    else:
        suite.delivery("as early as is allowed", good, *family.items, now=NOW - limit)
        suite.refused("too early", good, "timestamp_out_of_tolerance", now=NOW - limit - family.step)
    two = [family.other, family.secret]
    suite.refused("too old under the second of two secrets", good, "timestamp_out_of_tolerance", secrets=two, now=NOW + limit + family.step)
    suite.delivery("a day old with tolerance_s 0", good, *family.items, now=NOW + day, options={**family.options, "tolerance_s": 0})
    suite.refused(
        "an old signature of another secret is just wrong", family.sign(sent), "bad_signature", now=NOW + day, secrets=[family.other]
    )


def hex_key(secret):
    return bytes.fromhex(secret)


ED25519 = dict(algorithm="ed25519", secret=ED25519_PUBLIC.hex(), other=OTHER_ED25519_PUBLIC.hex())
P256 = dict(algorithm="p256", encoding="base64", secret=base64_text(P256_PUBLIC), other=base64_text(P256_OTHER_PUBLIC))
