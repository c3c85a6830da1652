"""An inbox on a port, before there is an app."""

import os
import subprocess
import sys
import time
from pathlib import Path

SHOWN_PORT = 4910
PORT = os.environ["PORT"]

with open("listen.log", "w") as log:
    inbox = subprocess.Popen(
        ["knocker", "listen", "stripe", "--secret-env", "STRIPE_WEBHOOK_SECRET", "--port", PORT], stdout=log, stderr=subprocess.STDOUT
    )
try:
    while PORT not in Path("listen.log").read_text() and inbox.poll() is None:
        time.sleep(0.05)
    Path("invoice.json").write_text('{"id": "evt_1", "type": "invoice.paid", "data": {"object": {"id": "in_1"}}}\n')
    print("ready", flush=True)
    sys.stdin.read()
finally:
    inbox.terminate()
    inbox.wait()
