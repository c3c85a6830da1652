"""Which file is meant, by a name or by a URI, wherever the process goes."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import pytest

import knocker
from knocker.file_path import file_name


@pytest.mark.parametrize("path", ["app.db", "file:app.db", "file:app.db?cache=private", "file:a%20b.db"])
def test_a_relative_path_stays_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with knocker.open(path) as hooks:
        inbox = hooks.endpoint("inbox")
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert inbox.ingest(b"{}", valid=True).outcome == "accepted"
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / os.path.basename(file_name(path))).exists()


@pytest.mark.parametrize(
    "path", ["", ":memory:", "file::memory:", "file:", "file:app.db?mode=memory", "file:app.db?cache=shared&mode=memory"]
)
def test_a_database_in_memory_is_refused(path: str) -> None:
    with pytest.raises(knocker.UsageError, match="memory"):
        knocker.open(path)


def test_every_form_of_a_path_is_understood(tmp_path: Path) -> None:
    file = tmp_path / "app.db"
    for path in (file, str(file), os.fsencode(file), f"file:{quote(str(file))}", f"file://{file}", f"file://localhost{file}"):
        with knocker.open(path) as hooks:
            hooks.database.rows("CREATE TABLE IF NOT EXISTS seen (id)")
            hooks.database.rows("INSERT INTO seen VALUES (1)")
    with knocker.open(file) as hooks:
        assert hooks.database.rows("SELECT count(*) FROM seen") == [(6,)]
