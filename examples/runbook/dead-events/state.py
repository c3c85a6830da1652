"""A handler with a bug: two events are dead after three attempts each, a third one fails."""

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from shop import HOUR, MINUTE, past, receive, shop, stay

logging.disable()
hooks, stripe = shop(max_attempts=3)


@stripe.on("checkout.session.completed")
def fulfil(event, tx):
    return {}["total"]


past.ago_s = HOUR
receive(stripe, 1)
receive(stripe, 2)
for minutes in (60, 50, 40):
    past.ago_s = minutes * MINUTE
    hooks.worker().drain()
hooks.close()
stay()
