"""People who bring their own connections: SQLAlchemy and Django."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

import knocker.sqlalchemy

INGEST = text("SELECT knocker_ingest('orders', :fields, '{}')")


def test_a_session_writes_its_rows_and_the_receipt_in_one_transaction(tmp_path: Path) -> None:
    engine = knocker.sqlalchemy.install(create_engine(f"sqlite:///{tmp_path / 'app.db'}"))
    with Session(engine) as session:
        # Its first statement is a SELECT: the driver alone would have committed it at once.
        session.execute(text("SELECT knocker_bootstrap()"))
        session.execute(text("SELECT knocker_endpoint('orders', '{}')"))
        session.execute(text("CREATE TABLE orders (id)"))
        session.commit()
        session.execute(INGEST, {"fields": json.dumps({"valid": True, "key": "o-1"})})
        session.execute(text("INSERT INTO orders VALUES (1)"))
        session.rollback()
        assert session.execute(text("SELECT count(*) FROM knocker_events")).scalar() == 0
        session.execute(INGEST, {"fields": json.dumps({"valid": True, "key": "o-1"})})
        session.execute(text("INSERT INTO orders VALUES (1)"))
        session.commit()
        counts = session.execute(text("SELECT (SELECT count(*) FROM knocker_events), (SELECT count(*) FROM orders)")).one()
        assert tuple(counts) == (1, 1)
        settings = [session.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous", "foreign_keys")]
        assert settings == ["wal", 2, 1]
    engine.dispose()


def test_hooks_on_the_same_file_see_what_the_session_committed(tmp_path: Path) -> None:
    with knocker.open(tmp_path / "app.db") as hooks:
        hooks.endpoint("orders")
        engine = knocker.sqlalchemy.install(create_engine(f"sqlite:///{tmp_path / 'app.db'}"))
        with engine.begin() as connection:
            connection.execute(INGEST, {"fields": json.dumps({"valid": True, "key": "o-1"})})
        assert [event.key for event in hooks.events()] == ["o-1"]
        with pytest.raises(OperationalError, match="knocker: unknown_endpoint"), engine.begin() as connection:
            connection.execute(text("SELECT knocker_ingest('nowhere', '{\"valid\": true}', '')"))
        engine.dispose()


def test_djangos_transactions_hold_the_receipt(tmp_path: Path) -> None:
    script = """
import sys, knocker.django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["knocker.django"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1], "OPTIONS": knocker.django.options()}},
)
import django
django.setup()
from django.db import connection, transaction
cursor = connection.cursor()
def value(sql):
    return cursor.execute(sql).fetchone()[0]
value("SELECT knocker_bootstrap()")
value("SELECT knocker_endpoint('orders', '{}')")
ingest = "SELECT knocker_ingest('orders', '{\\"valid\\": true, \\"key\\": \\"o-1\\"}', '')"
try:
    with transaction.atomic():
        value(ingest)
        raise KeyError
except KeyError:
    print(value("SELECT count(*) FROM knocker_events"))
with transaction.atomic():
    value(ingest)
print(value("SELECT count(*) FROM knocker_events"), value("PRAGMA journal_mode"), value("PRAGMA synchronous"), value("PRAGMA foreign_keys"))
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "app.db")], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["0", "1", "wal", "2", "1"], done.stderr
