"""What the states of this folder share: hooks whose clock can be set, signed requests, and the end of ``state.py``."""

import sys
import time
from contextlib import contextmanager

import knocker
from knocker.testing import sign

MINUTE = 60
HOUR = 60 * MINUTE


class Past:
    """A clock that stands somewhere before now."""

    ago_s = 0.0

    def __call__(self):
        return int((time.time() - self.ago_s) * 1000)


past = Past()


def shop(**settings):
    hooks = knocker.open("app.db", clock=past)
    return hooks, hooks.endpoint("stripe", provider="stripe", secrets=["whsec_test"], **settings)


def receive(endpoint, number, type="checkout.session.completed", secret="whsec_test", late_s=0):
    """One signed request; ``late_s`` is how old its signature is."""
    body = {"id": f"evt_{number}", "type": type, "data": {"object": {"id": f"cs_{number}"}}}
    return endpoint.receive(sign("stripe", body, secret, now=past() - late_s * 1000, url="https://shop.example/webhooks/stripe"))


@contextmanager
def ready():
    """Keeps the state until nobody looks at it any more."""
    yield
    print("ready", flush=True)
    sys.stdin.read()


def stay():
    with ready():
        pass
