"""An application's own table of webhooks: two that are done, and one that waits."""

import json
import sqlite3
import sys
from pathlib import Path

import knocker

Path("libknocker.so").symlink_to(knocker.loadable_path())
Path("move.sql").symlink_to(Path(__file__).resolve().parent / "move.sql")
with sqlite3.connect("app.db") as app:
    app.execute("CREATE TABLE webhooks (id INTEGER PRIMARY KEY, event_id TEXT UNIQUE, type TEXT, body BLOB, processed_at TEXT)")
    for number in (1, 2, 3):
        body = json.dumps({"id": f"evt_{number}", "type": "invoice.paid", "data": {"object": {"id": f"in_{number}"}}})
        done = None if number == 3 else f"2026-01-0{number} 12:00:00"
        app.execute("INSERT INTO webhooks VALUES (?, ?, ?, ?, ?)", [number, f"evt_{number}", "invoice.paid", body.encode(), done])
app.close()
print("ready", flush=True)
sys.stdin.read()
