"""The Python package as a receiver that is killed: ``driver.py FILE SOCKET CALLERS``, where SOCKET is Litestream's, or empty.

It says ``ready``, waits for a line, and then receives with so many callers at once for as long as it lives; each key that was acknowledged is a line.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading

import knocker

path, socket, callers = sys.argv[1:]
hooks = knocker.open(path, busy_timeout_s=60, replicated=socket or None, replicated_timeout_s=60)
inbox = hooks.endpoint("inbox")
numbers = itertools.count()


def receive() -> None:
    for number in numbers:
        key = f"key-{number}"
        inbox.ingest(b'{"paid": true}', valid=True, type="order.paid", key=key)
        os.write(1, f"{key}\n".encode())


os.write(1, b"ready\n")
sys.stdin.readline()
for _ in range(int(callers)):
    threading.Thread(target=receive).start()
