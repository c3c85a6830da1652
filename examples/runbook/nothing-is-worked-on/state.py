"""Two events that wait, no worker, and one that a killed worker holds."""

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from shop import MINUTE, past, receive, shop, stay

logging.disable()
hooks, stripe = shop()
stripe.add_handler("*", lambda event, tx: None)
past.ago_s = 50 * MINUTE
receive(stripe, 1)
hooks.worker().drain()
past.ago_s = 40 * MINUTE
receive(stripe, 2)
hooks.leases("web-1:4711:0c0ffee0").claim(1, 60)
for number in (3, 4):
    past.ago_s = (34 - number) * MINUTE
    receive(stripe, number)
hooks.close()
stay()
