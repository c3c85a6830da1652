"""``python -m knocker``. How a worker stops is in test_worker.py."""

from __future__ import annotations

from pathlib import Path

import pytest

import knocker
from knocker.__main__ import main


@pytest.mark.parametrize(
    ("reference", "message"),
    [("shop", "MODULE:OBJECT"), (":hooks", "MODULE:OBJECT"), ("json:loads", "function"), ("json:nothing", "no nothing in json")],
)
def test_a_reference_that_leads_nowhere_is_explained(reference: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", reference]) == 1
    assert message in capsys.readouterr().err


def test_a_module_without_handlers_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty_shop.py").write_text("import knocker\nclass app:\n    hooks = knocker.open('app.db')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["worker", "empty_shop:app.hooks"]) == 1
    assert "no handlers" in capsys.readouterr().err


def test_the_path_of_the_library_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["path"]) == 0
    assert capsys.readouterr().out == f"{knocker.loadable_path()}\n"


def test_without_a_command_there_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "worker" in capsys.readouterr().err
