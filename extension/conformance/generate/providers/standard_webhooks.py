"""Standard Webhooks itself: shared secrets and public keys."""

from .. import family, traps
from ..signing import ED25519_PUBLIC, base64_text, seconds, sign_ed25519
from ..standard import standard_webhooks
from ..suite import NOW, Sent


def own(suite, entry, sent, good):
    traps.versions(suite, entry, good)
    published = Sent(
        b'{"test": 2432232314}',
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
    )
    secret = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
    suite.delivery("the published example", published, (None, "msg_p5jXN8AQM9LWM0D4loKWxJek"), secrets=secret, now=1614265330000)
    time = good.header("webhook-timestamp", str(NOW))
    suite.refused("a timestamp in milliseconds", time, "bad_signature")
    # Another split of the same signed bytes: the id takes in the time and the body as far as a second time in it.
    told = entry.sign(sent.to(body=b'{"type":"note","text":"x.1767225601.y"}'))
    start, end = told.body.split(b".1767225601.")
    taken = f"{told.value('webhook-id')}.{told.value('webhook-timestamp')}.{start.decode()}"
    forged = told.header("webhook-id", taken).header("webhook-timestamp", "1767225601").to(body=end)
    suite.refused("an id that takes in the time and the beginning of the body", forged, "malformed_header")
    public = "whpk_" + base64_text(ED25519_PUBLIC)
    message = entry.signed(sent, seconds(NOW))
    signature = "v1a," + base64_text(sign_ed25519(message))
    asymmetric = good.header(entry.header, signature)
    suite.delivery("a public key", asymmetric, *entry.items, secrets=[public])
    suite.delivery("a public key beside a shared secret", asymmetric, *entry.items, secrets=[entry.secret, public])
    suite.delivery("a shared secret beside a public key", good, *entry.items, secrets=[public, entry.secret])
    suite.refused("a changed body under a public key", asymmetric.to(body=sent.body + b" "), "bad_signature", secrets=[public])
    suite.delivery("a public key with its version before it", asymmetric, *entry.items, secrets=["v1a," + public])
    both = [entry.other, public]
    suite.refused("too old under a public key", asymmetric, "timestamp_out_of_tolerance", secrets=both, now=NOW + 301_000)
    suite.refused("too old under a shared secret", good, "timestamp_out_of_tolerance", secrets=[public, entry.secret], now=NOW + 301_000)
    wrong = "v1a," + base64_text(b"x" * 64)
    full = " ".join([wrong] * 7 + [signature])
    suite.delivery("as many public-key signatures as are looked at", good.header(entry.header, full), *entry.items, secrets=[public])
    suite.refused("a public-key signature more", good.header(entry.header, f"{wrong} {full}"), "malformed_header", secrets=[public])
    suite.refused(
        "a body of a megabyte with 700 of them", good.header(entry.header, " ".join([wrong] * 700)), "malformed_header", secrets=[public]
    )
    other = "whpk_" + base64_text(family.OTHER_ED25519_PUBLIC)
    suite.refused("another public key", asymmetric, "bad_signature", secrets=[other])
    forged = entry.sign(sent, "whsec_" + base64_text(ED25519_PUBLIC))
    suite.refused("a public key taken as a shared secret", forged, "malformed_header", secrets=[public])
    swapped = good.header(entry.header, signature.replace("v1a,", "v1,"))
    suite.refused("a signature under the wrong version", swapped, "malformed_header", secrets=[public])


def suite():
    return family.suite(
        standard_webhooks("standard-webhooks", "webhook", '{"type":"user.created","data":{"id":"u1"}}', "user.created", extra=own)
    )
