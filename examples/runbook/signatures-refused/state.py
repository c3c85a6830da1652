"""Three webhooks that were accepted, and six after the secret was changed at the provider alone."""

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from shop import HOUR, MINUTE, past, receive, shop, stay

logging.disable()
hooks, stripe = shop()
stripe.add_handler("*", lambda event, tx: None)
for number in range(1, 4):
    past.ago_s = 3 * HOUR - number * MINUTE
    receive(stripe, number)
hooks.worker().drain()
for number in range(4, 10):
    past.ago_s = HOUR - number * MINUTE
    receive(stripe, number, secret="the-new-one")


hooks.close()
stay()
