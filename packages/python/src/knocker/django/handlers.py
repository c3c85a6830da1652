"""Django's ORM in a handler: the models write through ``tx``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.sqlite3.base import register_functions
from django.db.transaction import Atomic, TransactionManagementError

from knocker.errors import UsageError
from knocker.shared_connection import SharedConnection, attempt_of


@contextmanager
def using(tx: Any, alias: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Inside the block Django's database of that alias is the handler's ``tx``: what models write is committed together with the event, or
    rolled back with it. The transaction begins at the first query.

    ``transaction.atomic()`` is a savepoint in it, and functions given to ``transaction.on_commit()`` are called after the worker's commit.
    For handlers that are plain functions, as Django's ORM wants it.
    """
    attempt = attempt_of(tx, "using")
    former: Any = connections[alias]
    _check_file(tx, former)
    wrapper = former.copy()
    wrapper.connection = SharedConnection(tx, attempt)
    if not getattr(tx, "knocker_django", False):
        register_functions(tx.knocker_unguarded)
        tx.knocker_django = True
    # As inside an atomic block of the worker's, so that Django neither begins, commits nor rolls back.
    wrapper.autocommit = False
    wrapper.in_atomic_block = True
    wrapper.atomic_blocks.append(Atomic(alias, savepoint=True, durable=False))
    connections[alias] = wrapper
    try:
        yield
        if wrapper.needs_rollback:
            raise TransactionManagementError("the block was marked for a rollback: raise an exception to roll back")
        attempt.after_commit += [entry[1] for entry in wrapper.run_on_commit]
    finally:
        connections[alias] = former


def _check_file(tx: Any, wrapper: Any) -> None:
    """Raises UsageError where the database is another one than the file of the hooks."""
    name = wrapper.settings_dict["NAME"]
    path = tx.knocker_unguarded.execute("PRAGMA database_list").fetchall()[0][2]
    if wrapper.vendor != "sqlite" or not os.path.exists(name) or not os.path.samefile(name, path):
        raise UsageError(f"the hooks are on {path}, and DATABASES[{wrapper.alias!r}] is {name}: open both on the same file")
