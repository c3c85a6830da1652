"""docs/rescue.md on a file of Knocker's: the queries are run by a SQLite into which no Knocker is loaded.

rescue.py make FILE           a file with one of everything, with Knocker
rescue.py read FILE VERSION   every query of the page, without
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "rescue.md"
ORDER = b'{"order": "order-1", "email": "ada@example.com"}'
ITEMS = [b'{"eventId":1,"subscriptionType":"contact.creation"}', b'{"eventId":2,"subscriptionType":"deal.creation"}']
BATCH = b"[" + b",".join(ITEMS) + b"]"


def make(path: str) -> None:
    """Handled and repeated, waiting for another attempt, dead, of a batch, leased, refused, pruned."""
    import knocker
    from knocker.testing import FrozenClock, drain, sign

    def fail(event: knocker.Event, tx: object) -> None:
        raise ValueError("no such customer")

    def give_up(event: knocker.Event, tx: object) -> None:
        raise knocker.Dead("no such order")

    # What fails here is to fail.
    logging.disable()
    clock = FrozenClock()
    with knocker.open(path, clock=clock) as hooks:
        inbox = hooks.endpoint("inbox")
        for _ in range(2):
            inbox.ingest(ORDER, valid=True, type="order", key="order-1")
        inbox.ingest(b"{}", valid=True, type="refund")
        inbox.ingest(b"{}", valid=True, type="chargeback")
        inbox.add_handler("order", lambda event, tx: None)
        inbox.add_handler("refund", fail)
        inbox.add_handler("chargeback", give_up)
        assert [attempt.status for attempt in drain(hooks)] == ["handled", "failed", "dead"]
        hubspot = hooks.endpoint("hubspot", provider="hubspot", secrets=["a-secret"])
        assert hubspot.receive(sign("hubspot", BATCH, "a-secret", now=clock())).outcome == "accepted"
        assert hubspot.receive(sign("hubspot", BATCH, "another", now=clock())).outcome == "invalid"
        hooks.prune_deliveries(outcome="invalid", before=0)
        # A worker that has one and is gone.
        hooks.database.rows("SELECT knocker_claim('a-worker', 1, 60, '{\"endpoints\": [\"hubspot\"]}', ?)", [clock()])


def read(path: str, version: str) -> None:
    """Runs each block as the page has it, in its order."""
    assert sqlite3.sqlite_version == version or version == "any", sqlite3.sqlite_version
    os.chdir(Path(path).parent)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("SELECT knocker_version()")
    except sqlite3.OperationalError as error:
        assert "no such function" in str(error), error
    else:
        raise AssertionError("Knocker is loaded here")
    blocks = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    answers = []
    for block in blocks:
        if block.startswith("ATTACH"):
            connection.executescript(block)
            continue
        rows = connection.execute(block).fetchall()
        assert rows, f"nothing is found by: {block}"
        answers.append(rows)
    connection.close()

    (body,) = [rows for rows in answers if rows == [(ORDER,)]]
    assert body, "the bytes of the first event"
    # The items of a batch, through the tables alone.
    (events,) = [rows for rows in answers if len(rows[0]) == 8 and rows[0][-1] == ORDER and len(rows) == 5]
    assert [row[-1] for row in events[3:]] == ITEMS
    assert any(row[1:3] == ("dead", "no such order") for rows in answers for row in rows), "what was raised"
    rescued = sqlite3.connect("rescued.db")
    statuses = dict(rescued.execute("SELECT status, count(*) FROM events GROUP BY status"))
    assert statuses == {"dead": 1, "failed": 1, "processing": 1, "received": 1}
    rescued.close()
    os.remove("rescued.db")

    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    exec(compile(code.replace("file:shop.db", f"file:{Path(path).name}"), str(PAGE), "exec"), {})
    assert sorted(file.name for file in Path().glob("event-*.json")) == ["event-2.json", "event-3.json", "event-4.json", "event-5.json"]
    for file in Path().glob("event-*.json"):
        file.unlink()
    print(f"SQLite {sqlite3.sqlite_version}: {len(blocks)} queries of docs/rescue.md")


if __name__ == "__main__":
    {"make": make, "read": read}[sys.argv[1]](*sys.argv[2:])
