"""A disk that fails: nothing is acknowledged that a power failure would take, and everything goes on when it works again."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import DRIVER
from faults import run


def test_after_a_failed_commit_nothing_is_acknowledged_until_the_log_is_checkpointed(tmp_path: Path) -> None:
    script = """
with knocker.open(path) as hooks:
    endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
    print(outcome(lambda: endpoint.receive(push(1))))
    # The sync of the commit fails, and every descriptor that is open reports it once more.
    lose("-wal")
    print(outcome(lambda: endpoint.receive(push(2))))
    lose("-wal")
    before = count("sync", "app.db")
    print(eventually(lambda: outcome(lambda: endpoint.receive(push(2))), "accepted"))
    print(count("sync", "app.db") > before, hooks.stats().events.received)
"""
    assert run(script, tmp_path / "app.db") == ["accepted", "io_error", "accepted", "True 2"]


def test_a_log_that_cannot_be_synced_is_written_to_no_more(tmp_path: Path) -> None:
    script = """
with knocker.open(path) as hooks:
    endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
    endpoint.receive(push(0))
    fail("sync", "-wal", 1_000_000)
    print({outcome(lambda: endpoint.receive(push(n))) for n in range(1, 20)})
    fail("sync", "-wal", 0)
    print(eventually(lambda: outcome(lambda: endpoint.receive(push(1))), "accepted"))
    print(sorted(event.key for event in hooks.events()))
"""
    assert run(script, tmp_path / "app.db") == ["{'io_error'}", "accepted", "['delivery-0', 'delivery-1']"]


def test_receipts_are_refused_while_checkpoints_fail(tmp_path: Path) -> None:
    script = """
from knocker import checkpoints
checkpoints.LOG_PAGES = 20
with knocker.open(path) as hooks:
    endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
    fail("sync", "app.db", 1_000_000)
    print(eventually(lambda: outcome(lambda: endpoint.receive(push(1))), "io_error"))
    print({outcome(lambda: endpoint.receive(push(n))) for n in range(1, 20)})
    fail("sync", "app.db", 0)
    print(eventually(lambda: outcome(lambda: endpoint.receive(push(2))), "accepted"))
"""
    assert run(script, tmp_path / "app.db") == ["io_error", "{'io_error'}", "accepted"]


def test_the_log_is_checkpointed_in_time_by_receipts_and_by_workers(tmp_path: Path) -> None:
    script = """
with knocker.open(path) as hooks:
    endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
    hooks.database.rows("CREATE TABLE padding (data BLOB)")
    largest = 0
    def size():
        import os
        return os.path.getsize(path + "-wal") // 4120
    for n in range(600):
        endpoint.receive(push(n, body=b'{"n": "%s"}' % (b"x" * 9000)))
        largest = max(largest, size())
    receiving, before = largest, count("sync", "app.db")
    endpoint.add_handler("*", lambda event, tx: tx.execute("INSERT INTO padding VALUES (zeroblob(9000))"))
    from knocker.testing import drain
    print(len(drain(hooks)))
    print(count("sync", "app.db") > before, 500 < receiving < 3000, size() < 3000, hooks.database.rows("PRAGMA integrity_check"))
"""
    assert run(script, tmp_path / "app.db") == ["600", "True True True [('ok',)]"]


def test_a_result_that_could_not_be_synced_is_written_again(tmp_path: Path) -> None:
    script = """
with knocker.open(path) as hooks:
    inbox = hooks.endpoint("inbox")
    hooks.database.rows("CREATE TABLE orders (id)")
    def handler(event, tx):
        tx.execute("INSERT INTO orders VALUES (?)", [event.id])
        if event.attempt == 1:
            lose("-wal")
    inbox.add_handler("*", handler)
    inbox.ingest(b"{}", valid=True)
    from knocker.testing import drain
    print([attempt.status for attempt in drain(hooks)])
    # The small result after the failed one is there, the writes of the handler are not; and receipts are taken again.
    print(hooks.database.rows("SELECT count(*) FROM orders"), [attempt.error for attempt in hooks.attempts()])
    print(eventually(lambda: outcome(lambda: inbox.ingest(b"{}", valid=True)), "accepted"))
"""
    lines = run(script, tmp_path / "app.db")
    assert lines[0] == "['failed']"
    assert lines[1].startswith("[(0,)]")
    assert "disk I/O error" in lines[1]
    assert lines[2] == "accepted"


# pysqlite3 does not tell at opening.
@pytest.mark.parametrize("times", [1] if DRIVER == "pysqlite3" else [1, 2])
def test_a_connection_that_came_up_read_only_is_opened_again(tmp_path: Path, times: int) -> None:
    # Once is seen where it is opened, twice where it is written to.
    script = (
        f"times = {times}"
        + """
with knocker.open(path) as hooks:
    endpoint = hooks.endpoint("github", provider="github", secrets=[SECRET])
    # SQLite takes what it can open for reading where it cannot open it for writing.
    fail("open", "app.db", times)
    print(outcome(lambda: endpoint.receive(push(1))))
    # The pooled ones as well.
    hooks.database._close_idle()
    fail("open", "app.db", times)
    print(hooks.update_endpoint("github", enabled=True))
"""
    )
    assert run(script, tmp_path / "app.db") == ["accepted", "1"]


def test_a_worker_whose_connections_came_up_read_only_goes_on(tmp_path: Path) -> None:
    script = """
with knocker.open(path) as hooks:
    inbox = hooks.endpoint("inbox")
    inbox.add_handler("*", lambda event, tx: None)
    inbox.ingest(b"{}", valid=True)
    fail("open", "app.db", 4)
    with hooks.start_worker(lease_s=2):
        # Where the driver cannot tell, a verdict is what finds a handler's connection read-only:
        # the event is handled again after its lease.
        print(eventually(lambda: [event.status for event in hooks.events()], ["handled"]))
"""
    assert run(script, tmp_path / "app.db") == ["['handled']"]
