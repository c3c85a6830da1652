"""Adyen: eight fields of each item inside the body, or the whole body in a header."""

import json

from ..signing import base64_text, mac, named
from ..suite import Sent, Suite

SECRET = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
OTHER = "00782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
HEADER = "hmacsignature"


def item(reference, signature=None, secret=SECRET, **changes):
    fields = {
        "pspReference": reference,
        "originalReference": "",
        "merchantAccountCode": "TestMerchant",
        "merchantReference": "TestPayment-1407325143704",
        "amount": {"value": 1130, "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
        **changes,
    }
    amount = fields["amount"]
    order = ["pspReference", "originalReference", "merchantAccountCode", "merchantReference", None, None, "eventCode", "success"]
    values = [fields.get(name) or "" if name else None for name in order]
    values[4:6] = [str(amount["value"]), amount["currency"]]
    if signature is None:
        signature = base64_text(mac(bytes.fromhex(secret), ":".join(values).encode()))
    return {"NotificationRequestItem": {**fields, "additionalData": {"hmacSignature": signature}}}


def notification(*items):
    return Sent(json.dumps({"live": "false", "notificationItems": list(items)}).encode())


def suite():
    suite = Suite("adyen", [SECRET])
    one = ("AUTHORISATION", "7914073381342284:TestMerchant:AUTHORISATION:true")
    published = notification(item("7914073381342284", "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="))
    suite.delivery("the published example", published, one, response_body="[accepted]")
    suite.delivery("the second of two secrets", published, one, secrets=[OTHER, SECRET])
    suite.refused("another secret", published, "bad_signature", secrets=[OTHER])
    suite.refused("a changed amount", published.to(body=published.body.replace(b"1130", b"1131")), "bad_signature")
    two = notification(item("a1"), item("a2", success="false"))
    suite.delivery(
        "two items", two, ("AUTHORISATION", "a1:TestMerchant:AUTHORISATION:true"), ("AUTHORISATION", "a2:TestMerchant:AUTHORISATION:false")
    )
    suite.refused("one of two items is forged", notification(item("a1"), item("a2", secret=OTHER)), "bad_signature")
    suite.refused("two items of two secrets", notification(item("a1"), item("a2", secret=OTHER)), "bad_signature", secrets=[SECRET, OTHER])
    suite.refused("an empty signature", notification(item("a1", "")), "bad_signature")
    suite.refused("a signature that is not base64", notification(item("a1", "?")), "malformed_body")
    bare = Sent(b'{"live":"false","notificationItems":[{"NotificationRequestItem":{"pspReference":"a1"}}]}')
    suite.refused("an item without a signature", bare, "malformed_body")
    loose = item("a1")["NotificationRequestItem"]
    suite.refused("an item outside its wrapper", notification(loose), "malformed_body")
    suite.refused("one of two items outside its wrapper", notification(item("a1"), loose), "malformed_body")
    suite.refused("an item that is a number", notification(1), "malformed_body")
    suite.refused("no items", notification(), "malformed_body")
    suite.refused("a secret that is not hex", published, "no_secret", secrets=["test-secret"])
    suite.refused("no secret", published, "no_secret", secrets=[])
    published = notification(item("7914073381342284"))
    suite.twice("a retry", published, published, [one], 1, later=60_000, response_body="[accepted]")
    cut = published.to(body=published.body.replace(b'"additionalData": {', b'"additionalData": {"shopperStatement": "cut \\ud83d",'))
    suite.delivery("a text that was cut inside a character", cut, one)
    failed = notification(item("7914073381342284", success="false"))
    other = ("AUTHORISATION", "7914073381342284:TestMerchant:AUTHORISATION:false")
    suite.twice("the same payment failed", published, failed, [one], 2, again=[other], response_body="[accepted]")

    # The reference of a report is its file's name, and the merchants of a company have files of one name.
    report = dict(eventCode="REPORT_AVAILABLE", amount={"value": 0, "currency": "EUR"})
    name = "settlement_detail_report_batch_3.csv"
    first, second = (notification(item(name, merchantAccountCode=merchant, **report)) for merchant in ("ShopEU", "ShopUS"))
    keys = [[("REPORT_AVAILABLE", f"{name}:{merchant}:REPORT_AVAILABLE:true")] for merchant in ("ShopEU", "ShopUS")]
    suite.twice("reports of one name of two merchants", first, second, keys[0], 2, again=keys[1])

    def in_header(body):
        return Sent(body, {HEADER: base64_text(mac(bytes.fromhex(SECRET), body))})

    body = b'{"type":"balancePlatform.transfer.updated","timestamp":"2026-01-01T00:00:00+01:00","data":{"id":"1","status":"authorised"}}'
    booked = body.replace(b"authorised", b"booked")
    event = "balancePlatform.transfer.updated"
    header = in_header(body)
    suite.delivery("the body signed in a header", header, (event, named(body)))
    suite.twice("two updates in one second", header, in_header(booked), [(event, named(body))], 2, again=[(event, named(booked))])
    bare = in_header(b'{"type":"balancePlatform.transfer.updated","data":{"id":"1"}}')
    suite.twice("a body that does not say when is new each time", bare, bare, [(event, None)], 2)
    made = in_header(b'{"type":"balancePlatform.transfer.updated","data":{"id":"1","creationDate":"2026-01-01T00:00:00Z"}}')
    suite.twice("a body that says only when its object was made", made, made, [(event, None)], 2)
    suite.refused("the header's body changed", header.to(body=body + b" "), "bad_signature")
    suite.refused("neither items nor a header", Sent(body), "missing_header")
    return suite
