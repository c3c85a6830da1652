"""The examples, run as their README says, over real HTTP; and the README's code, which is cut from them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import knocker
from knocker.testing import sign
from servers import PATIENCE_S, SOURCE, Server, gunicorn, serving, uvicorn

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples" / "python"
PAYLOADS = ROOT / "examples" / "payloads"
PAGES = [Path(__file__).resolve().parents[1] / "README.md", ROOT / "docs/src/content/docs/reference/python-in-depth.md"]
SECRETS = {"STRIPE_WEBHOOK_SECRET": "whsec_test", "GITHUB_WEBHOOK_SECRET": "test-secret"}

Start = Callable[..., AbstractContextManager[Server]]


def checkout() -> knocker.WebhookRequest:
    return sign("stripe", (PAYLOADS / "stripe-checkout-session-completed.json").read_bytes(), "whsec_test")


def push() -> knocker.WebhookRequest:
    headers = {"X-GitHub-Event": "push", "X-GitHub-Delivery": "a-delivery"}
    return sign("github", (PAYLOADS / "github-push.json").read_bytes(), "test-secret", headers=headers)


def wait_for_handled(hooks: knocker.Hooks, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while hooks.stats().events.handled < count and time.monotonic() < deadline:
        hooks.database.changed.wait(hooks.database.changed.changes, 0.02)
    assert hooks.stats().events.handled == count


@pytest.mark.parametrize(("start", "app"), [(uvicorn, "fastapi_app:app"), (gunicorn, "flask_app:app")], ids=["fastapi", "flask"])
def test_the_shop_takes_orders(start: Start, app: str, tmp_path: Path) -> None:
    environment = {**SECRETS, "SHOP_DB": str(tmp_path / "shop.db")}
    worker = serving(["-m", "knocker", "worker", "shop:hooks"], 0, "worker started", EXAMPLES, **environment)
    with start(app, EXAMPLES, **environment) as server, worker, knocker.open(tmp_path / "shop.db") as hooks:
        assert [server.send("/webhooks/stripe", checkout())[0] for _ in range(2)] == [200, 200]
        assert server.send("/webhooks/github", push())[0] == 200
        assert server.send("/webhooks/stripe", knocker.WebhookRequest(b"{}"))[0] == 401
        wait_for_handled(hooks, 2)
        session = json.loads((PAYLOADS / "stripe-checkout-session-completed.json").read_text())["data"]["object"]
        revision = json.loads((PAYLOADS / "github-push.json").read_text())["after"]
        assert hooks.database.rows("SELECT id, total FROM orders") == [(session["id"], session["amount_total"])]
        assert hooks.database.rows("SELECT revision FROM builds") == [(revision,)]
        status, _, body = server.send("/health", knocker.WebhookRequest(b"", method="GET"))
        assert (status, json.loads(body)) == (200, {"waiting": 0, "dead": 0})


def test_the_quick_start_serves_and_works(tmp_path: Path) -> None:
    (tmp_path / "quickstart.py").write_text((EXAMPLES / "quickstart.py").read_text())
    worker = serving(["-m", "knocker", "worker", "quickstart:hooks"], 0, "worker started", tmp_path, **SECRETS)
    with uvicorn("quickstart:app", tmp_path, **SECRETS) as server, worker, knocker.open(tmp_path / "app.db") as hooks:
        assert server.send("/webhooks/stripe", checkout())[0] == 200
        wait_for_handled(hooks, 1)
        assert len(hooks.database.rows("SELECT id FROM orders")) == 1


def test_the_shop_can_be_operated(tmp_path: Path) -> None:
    database = str(tmp_path / "shop.db")
    with knocker.open(database) as hooks:
        github = hooks.endpoint("github", provider="github", secrets=["test-secret"])
        github.add_handler("push", lambda event, tx: 1 / 0)
        github.configure(provider="github", max_attempts=1)
        github.receive(push())
        hooks.worker().drain()
        output = run("operate.py", SHOP_DB=database)
        assert "1 github push ZeroDivisionError: division by zero" in output
        assert "1 requeued" in output
        assert "bad_state" in output
        assert "1 waiting, 0 dead" in output
        assert hooks.policies()[0].policy.handled_s == 30 * 86400


@pytest.mark.parametrize("module", ["sqlalchemy_handlers", "django_shop"])
def test_handlers_write_with_an_orm(module: str, tmp_path: Path) -> None:
    database = tmp_path / "shop.db"
    with knocker.open(database) as hooks:
        stripe = hooks.endpoint("stripe", provider="stripe", secrets=["whsec_test"])
        stripe.receive(checkout())
        command = f"from {module} import hooks; print([status for _, status in hooks.worker().drain()])"
        assert run("-c", command, SHOP_DB=str(database)) == "['handled']\n"
        session = json.loads((PAYLOADS / "stripe-checkout-session-completed.json").read_text())["data"]["object"]
        (table,) = [name for (name,) in hooks.database.rows("SELECT name FROM sqlite_schema WHERE name LIKE '%sale%' AND type = 'table'")]
        assert hooks.database.rows(f"SELECT id, total FROM {table}") == [(session["id"], session["amount_total"])]


def test_sqlalchemys_session_holds_row_and_event(tmp_path: Path) -> None:
    output = run("sqlalchemy_orders.py", SHOP_DB=str(tmp_path / "shop.db"))
    assert output == "[('shipment.created', 's-1', 'received')]\n"


def run(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=EXAMPLES,
        env={**os.environ, **SECRETS, "PYTHONPATH": SOURCE, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tests_of_the_examples_pass(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "knocker.pytest_plugin", "-p", "no:cacheprovider"]
    environment = {**os.environ, **SECRETS, "SHOP_DB": str(tmp_path / "shop.db"), "PYTHONPATH": SOURCE, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=EXAMPLES, env=environment, capture_output=True, text=True, check=False)
    assert "12 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_python_block_of_the_documentation_is_cut_from_an_example(page: Path) -> None:
    """Each block follows a comment that names its file; lines that are left out are told by an ellipsis."""
    text = page.read_text()
    blocks = re.findall(r"(?:<!-- from (\S+) -->\n)?```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 3
    for source, block in blocks:
        assert source, f"no file is named for:\n{block}"
        content = (ROOT / source).read_text()
        for part in re.split(r"^ *# …\n", block, flags=re.MULTILINE):
            assert part.strip("\n") in content, f"not in {source}:\n{part}"
