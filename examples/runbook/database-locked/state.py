"""A program that has begun to write, and does something else before it commits."""

import logging
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from shop import ready, receive, shop

logging.disable()
hooks, stripe = shop()
receive(stripe, 1)
hooks.close()
with ready():
    other = sqlite3.connect("app.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
