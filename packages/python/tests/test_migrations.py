"""Migration tools on a file with Knocker's tables: Alembic, and Django's commands and test cases. The real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

import knocker
from knocker.tables import is_knockers

ENVIRONMENT = """
from alembic import context
from sqlalchemy import Column, Integer, MetaData, NullPool, Table, create_engine

{imports}

metadata = MetaData()
Table("orders", metadata, Column("id", Integer, primary_key=True))
with create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=NullPool).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True{options})
    with context.begin_transaction():
        context.run_migrations()
"""


def environment(folder: Path, database: Path, imports: str = "", options: str = "") -> Config:
    """A folder of migrations whose models are one table of orders."""
    config = Config(str(folder) + ".ini")
    command.init(config, str(folder))
    config.set_main_option("script_location", str(folder))
    config.set_main_option("sqlalchemy.url", f"sqlite:///{database}")
    (folder / "env.py").write_text(ENVIRONMENT.format(imports=imports, options=options))
    return config


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A file with a receipt in it."""
    path = tmp_path / "app.db"
    with knocker.open(path) as hooks:
        hooks.endpoint("inbox").ingest(b"{}", valid=True)
    return path


def still_works(database: Path) -> None:
    with knocker.open(database) as hooks:
        assert [event.status for event in hooks.events()] == ["received"]
        inbox = hooks.endpoint("inbox")
        inbox.add_handler("*", lambda event, tx: None)
        assert [status for _, status in hooks.worker().drain()] == ["handled"]


def test_alembic_leaves_knockers_tables_alone(tmp_path: Path, database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = environment(tmp_path / "alone", database)
    command.revision(alone, "without", autogenerate=True)
    (without,) = (tmp_path / "alone" / "versions").glob("*.py")
    # What the option is for.
    assert "drop_table('_knocker_events')" in without.read_text()

    config = environment(
        tmp_path / "migrations", database, "import knocker.sqlalchemy", ", include_object=knocker.sqlalchemy.include_object"
    )
    command.revision(config, "orders", autogenerate=True)
    (revision,) = (tmp_path / "migrations" / "versions").glob("*.py")
    assert "create_table('orders'" in revision.read_text()
    assert "_knocker" not in revision.read_text()
    assert "_honker" not in revision.read_text()
    command.upgrade(config, "head")
    still_works(database)
    # Nothing is left to be done.
    command.check(config)


def test_djangos_test_runner_tests_handlers_on_its_own_file(tmp_path: Path) -> None:
    project = Path(__file__).parent / "apps" / "django_tests"
    path = os.pathsep.join([str(project), str(Path(knocker.__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "APP_DB": str(tmp_path / "app.db")}
    command = [sys.executable, "-m", "django", "test", "shop", "--settings", "shop_settings"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Ran 2 tests" in done.stderr
    # What the handler raised is to be seen.
    assert "ValueError: broken" in done.stderr
    with knocker.open(tmp_path / "app.db") as hooks:
        assert list(hooks.events()) == []


def test_every_table_and_view_of_the_file_is_known_as_knockers(hooks: knocker.Hooks) -> None:
    rows = hooks.database.rows("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite!_%' ESCAPE '!'")
    assert [name for (name,) in rows if not is_knockers(name)] == []
    assert not is_knockers("knocker_orders")
