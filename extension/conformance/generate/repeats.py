"""Two requests to one endpoint: what is a retry and what is another occurrence, for the providers whose identity is a field or a digest."""

from .signing import named
from .suite import NOW


def cases(suite, family, sent, good):
    """Adds those of the family's provider, if it has any here."""
    if family.provider in OF:
        OF[family.provider](Pair(suite, family, sent, good))


class Pair:
    """The first request of a family, and what may follow it."""

    def __init__(self, suite, family, sent, good):
        self.suite, self.family, self.sent, self.good = suite, family, sent, good

    def retry(self, name, seconds, sent=None, anew=True):
        """One occurrence: the same request, or `sent`, so much later; signed anew, or with the first signature."""
        later = seconds * 1000
        again = self.family.sign(sent or self.sent, now=NOW + later) if anew else self.good
        self.suite.twice(name, self.good, again, self.family.items, len(self.family.items), later=later)

    def other(self, name, sent, items, new=1, later=0):
        """Another occurrence, `new` events more."""
        again = self.family.sign(sent, now=NOW + later)
        self.suite.twice(name, self.good, again, self.family.items, len(self.family.items) + new, again=items, later=later)

    def always_new(self, name, sent, items, seconds=0):
        """Nothing tells it from the next one."""
        later = seconds * 1000
        first, again = self.family.sign(sent), self.family.sign(sent, now=NOW + later)
        self.suite.twice(name, first, again, items, 2 * len(items), later=later)

    def body(self, old, new):
        """The first request with something else in its body."""
        assert old.encode() in self.sent.body, (self.family.provider, old)
        return self.sent.to(body=self.sent.body.replace(old.encode(), new.encode(), 1))


def identified(seconds, value="another-1", renewed=(b"", b"")):
    """The body has an id: a retry keeps it, whatever else is `renewed`, and what has another one is another occurrence."""

    def add(pair):
        retried = pair.sent.to(body=pair.sent.body.replace(*renewed, 1))
        pair.retry("a retry is the same occurrence", seconds, retried)
        first_type, key = pair.family.items[0]
        again = [(first_type, value), *pair.family.items[1:]]
        pair.other("another id in the same second", pair.body(f'"{key}"', f'"{value}"'), again)
        pair.always_new("a body without an id is new each time", pair.sent.to(body=b"{}"), [(pair.family.binary_type, None)])

    return add


def in_header(name, seconds, value="another-1"):
    """A header has the id."""

    def add(pair):
        pair.retry("a retry is the same occurrence", seconds)
        first_type, _ = pair.family.items[0]
        pair.other("another id with the same body", pair.sent.header(name, value), [(first_type, value)])

    return add


def paystack(pair):
    pair.retry("a retry is the same occurrence", 3 * 86_400)
    other = pair.body("302961", "302962")
    pair.other("another payment", other, [("charge.success", named(other.body))])
    customer = pair.sent.to(body=b'{"event":"customeridentification.success","data":{"customer_code":"CUS_1","email":"a@example.com"}}')
    pair.always_new("what names neither a payment nor a time", customer, [("customeridentification.success", None)], 86_400)
    reminder = b'{"event":"charge.dispute.remind","data":{"id":358950,"status":"awaiting-merchant-feedback","createdAt":"2026-01-01T00:00:00.000Z"}}'
    pair.always_new("a reminder has the bytes of the one before", pair.sent.to(body=reminder), [("charge.dispute.remind", None)], 86_400)
    transfer = pair.sent.to(body=b'{"event":"transfer.success","data":{"id":37272792,"transfer_code":"TRF_1"}}')
    signed = pair.family.sign(transfer)
    pair.suite.twice("a transfer's retry", signed, signed, [("transfer.success", named(transfer.body))], 1, later=86_400_000)


def sendgrid(pair):
    pair.retry("a retry with the first signature", 86_400, anew=False)
    pair.retry("a retry signed anew", 86_400)
    more = pair.body("]", ',{"event":"click","sg_event_id":"e3"}]')
    pair.other("a retry with another event beside them", more, [*pair.family.items, ("click", "e3")])
    old = b'{"event":"open","timestamp":1767225600}'
    pair.other("an event without an id", pair.sent.to(body=b"[%s,0]" % old), [("open", named(old))])
    first, second = (b'{"event":"click","sg_event_id":"e9","url":"%s"}' % url for url in (b"a", b"b"))
    shared = pair.sent.to(body=b"[%s,%s,%s]" % (first, second, first))
    items = [("click", "e9"), ("click", "e9:" + named(second)), ("click", "e9")]
    signed = pair.family.sign(shared)
    pair.suite.twice("two events of one batch that share an id", signed, signed, items, 2)


def sentry(pair):
    pair.retry("the same request again", 300)
    other = [("issue.created", "r2")]
    pair.other("an attempt of Sentry's has another Request-ID, as another occurrence has", pair.sent.header("Request-ID", "r2"), other)


def shopify(pair):
    in_header("X-Shopify-Webhook-Id", 4 * 3600)(pair)
    bare = pair.sent.header("X-Shopify-Webhook-Id", None)
    dated = bare.to(body=b'{"id":1,"updated_at":"2026-01-01T00:00:00-05:00"}')
    created, paid = (pair.family.sign(dated.header("X-Shopify-Topic", topic)) for topic in ("orders/create", "orders/paid"))
    items = [[(topic, f"{topic}:{named(dated.body)}")] for topic in ("orders/create", "orders/paid")]
    pair.suite.twice("without an id the digest of a body with a time", created, created, items[0], 1)
    pair.suite.twice("without an id one order under two topics", created, paid, items[0], 2, again=items[1])
    pair.always_new("without an id and a time", bare.to(body=b'{"id":1}'), [("orders/create", None)])


def slack(pair):
    identified(360)(pair)
    command = b"token=t&command=%2Fdeploy&text=now&trigger_id="
    first, again = (pair.family.sign(pair.sent.to(body=command + trigger)) for trigger in (b"1.2.a", b"1.2.b"))
    items = [[("/deploy", named(command + trigger))] for trigger in (b"1.2.a", b"1.2.b")]
    pair.suite.twice("the same command given twice", first, again, items[0], 2, again=items[1])
    pair.suite.twice("one command received twice", first, first, items[0], 1)
    closed = pair.sent.to(body=b"payload=%7B%22type%22%3A%22view_closed%22%7D")
    pair.always_new("a form that says nothing of when", closed, [("view_closed", None)])


def telnyx(pair):
    counted = b'{"data":{"event_type":"message.received","id":"0ccc7b54","payload":{"id":"m1"}},"meta":{"attempt":%d}}'
    first, again = (pair.sent.to(body=counted % attempt) for attempt in (1, 2))
    signed = pair.family.sign(first), pair.family.sign(again, now=NOW + 60_000)
    pair.suite.twice("a retry counts its attempts", *signed, pair.family.items, 1, later=60_000)
    identified(60)(pair)


def twitch(pair):
    pair.retry("a retry with the first signature", 600, anew=False)
    pair.retry("a retry signed anew", 3600)
    pair.other("another message", pair.sent.header("Twitch-Eventsub-Message-Id", "m2"), [("channel.follow", "m2")])
    kind = "drop.entitlement.grant"
    drops = b'{"subscription":{"type":"drop.entitlement.grant"},"events":[%s]}'
    one = pair.sent.to(body=drops % b'{"id":"ev-1","data":{}}')
    two = one.to(body=drops % b'{"id":"ev-1","data":{}},{"id":"ev-2","data":{}}').header("Twitch-Eventsub-Message-Id", "m2")
    again = [(kind, "ev-1"), (kind, "ev-2")]
    pair.suite.twice("a drop that comes again in another batch", pair.family.sign(one), pair.family.sign(two), again[:1], 2, again=again)


def webflow(pair):
    pair.retry("the last retry with the first signature", 1800, anew=False)
    pair.retry("the last retry signed anew", 1800)
    kind = "ecomm_inventory_changed"
    stock = pair.sent.to(body=b'{"triggerType":"ecomm_inventory_changed","payload":{"id":"sku-1","quantity":5,"inventoryType":"finite"}}')
    digest = named(stock.body)
    times = [NOW, NOW + 3_600_000]
    first, again = (pair.family.sign(stock, now=now) for now in times)
    items = [[(kind, f"{now}:{digest}")] for now in times]
    pair.suite.twice("a stock of 5 once more an hour later", first, again, items[0], 2, again=items[1], later=3_600_000)
    pair.suite.twice("the same message received twice", first, first, items[0], 1, later=1_800_000)


def woocommerce(pair):
    pair.retry("the same request received twice", 1)
    other = pair.body("727", "728")
    pair.other("another order in the same second", other, [("order.created", f"a1b2c3d4e5:{named(other.body)}")])
    header = "X-WC-Webhook-Delivery-ID"
    pair.other("the same bytes a second later", pair.sent.header(header, "d2"), [("order.created", f"d2:{named(pair.sent.body)}")])
    bare = pair.sent.header(header, None)
    pair.always_new("without a delivery id and a time", bare, [("order.created", None)])
    dated = bare.to(body=b'{"id":727,"date_modified_gmt":"2026-01-01T00:00:00"}')
    created, updated = (pair.family.sign(dated.header("X-WC-Webhook-Topic", topic)) for topic in ("order.created", "order.updated"))
    items = [[(topic, f"{topic}:{named(dated.body)}")] for topic in ("order.created", "order.updated")]
    pair.suite.twice("without a delivery id one order under two topics", created, updated, items[0], 2, again=items[1])


def xero(pair):
    pair.retry("a retry is the same occurrence", 86_400)
    event = '{"resourceId":"1","eventDateUtc":"2026-01-01T00:00:00.001","eventType":"UPDATE","eventCategory":"INVOICE"}'
    more = pair.body('"events":[', f'"events":[{event},0,')
    pair.other("a retry with another event before it", more, [("INVOICE.UPDATE", named(event.encode())), *pair.family.items])
    doubled = pair.family.sign(pair.sent.to(body=b'{"events":[%s,%s]}' % (event.encode(), event.encode())))
    items = [("INVOICE.UPDATE", named(event.encode())), ("INVOICE.UPDATE", named(event.encode()) + ":2")]
    pair.suite.twice("what one batch lists twice happened twice", doubled, doubled, items, 2)
    timeless = pair.sent.to(body=b'{"events":[{"resourceId":"1","eventType":"UPDATE","eventCategory":"INVOICE"}]}')
    pair.always_new("an event that does not say when", timeless, [("INVOICE.UPDATE", None)])


def zendesk(pair):
    pair.retry("a retry with the first signature", 86_400, anew=False)
    in_header("X-Zendesk-Webhook-Invocation-Id", 60)(pair)


def zoom(pair):
    pair.retry("the last retry with the first signature", 85 * 60, anew=False)
    pair.retry("the last retry signed anew", 85 * 60)
    other = pair.body("1767225600000", "1767225600001")
    pair.other("a millisecond later", other, [("meeting.started", named(other.body))])
    timeless = pair.sent.to(body=b'{"event":"meeting.started","payload":{}}')
    pair.always_new("a body that does not say when", timeless, [("meeting.started", None)])


OF = {
    "mux": identified(86_400),
    "notion": identified(86_400, renewed=(b'"attempt_number":1', b'"attempt_number":8')),
    "openai": in_header("webhook-id", 3 * 86_400),
    "paddle": identified(3 * 86_400),
    "pagerduty": identified(3600),
    "paystack": paystack,
    "polar": in_header("webhook-id", 86_400),
    "razorpay": in_header("X-Razorpay-Event-Id", 86_400),
    "resend": in_header("svix-id", 99_305),
    "sendgrid": sendgrid,
    "sentry": sentry,
    "shopify": shopify,
    "slack": slack,
    "square": identified(86_400),
    "standard-webhooks": in_header("webhook-id", 86_400),
    "stripe": identified(3 * 86_400),
    "svix": in_header("svix-id", 99_305),
    "telnyx": telnyx,
    "trello": identified(210),
    "twitch": twitch,
    "typeform": identified(36_000),
    "vercel": identified(86_400),
    "webflow": webflow,
    "woocommerce": woocommerce,
    "workos": identified(3 * 86_400),
    "xero": xero,
    "zendesk": zendesk,
    "zoom": zoom,
}
