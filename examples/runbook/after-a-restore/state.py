"""A file with a backup of it, and a webhook that came after."""

import logging
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from shop import HOUR, MINUTE, past, receive, shop, stay

logging.disable()
hooks, stripe = shop()
stripe.add_handler("*", lambda event, tx: None)
past.ago_s = 2 * HOUR
receive(stripe, 1)
hooks.worker().drain()
receive(stripe, 2)
hooks.close()
subprocess.run(["knocker", "--db", "app.db", "backup", "backup.db"], check=True, stdout=subprocess.DEVNULL)
hooks, stripe = shop()
past.ago_s = 10 * MINUTE
receive(stripe, 3)
hooks.close()
stay()
