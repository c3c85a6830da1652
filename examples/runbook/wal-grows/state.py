"""A program that reads an old state and does not let go of it, while others write."""

import logging
import os
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from shop import ready, receive, shop

logging.disable()
hooks, stripe = shop()
receive(stripe, 0)
with ready():
    reader = sqlite3.connect("app.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM knocker_events").fetchall()
    with hooks.database.connection() as writer:
        writer.execute("CREATE TABLE reports (page BLOB)")
        writer.executemany("INSERT INTO reports VALUES (?)", [[os.urandom(4000)] for _ in range(3000)])
