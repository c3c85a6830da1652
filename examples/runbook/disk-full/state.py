"""A small file, and handled events that are older than a month."""

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from shop import HOUR, past, receive, shop, stay

logging.disable()
hooks, stripe = shop()
stripe.add_handler("*", lambda event, tx: None)
for number in range(200):
    past.ago_s = (60 * 24 - 6 * number) * HOUR
    receive(stripe, number)
    hooks.worker().drain()
hooks.close()
stay()
