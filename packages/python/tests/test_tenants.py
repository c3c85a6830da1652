"""Many files: which tenants there are, how their files are opened, and who is received for."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

import knocker
from conftest import LOCK_PATIENCE_S, SECRET, Log, PushOf
from knocker.connection import find_driver
from knocker.database import Database
from knocker.tenants import opening
from knocker.tenants.changed_files import ChangedFiles
from tenants import as_long, data, handled, ingest, set_up, until
from test_http import over_asgi, over_wsgi

NAMES = data("names.json")
PATTERNS = data("patterns.json")


def opened(folder: Path, *names: str, pattern: str = "*.db", **options: Any) -> knocker.Tenants:
    tenants = knocker.open_many(os.path.join(folder, pattern), set_up, **{"busy_timeout_s": LOCK_PATIENCE_S, **options})
    for name in names:
        tenants.create(name)
    return tenants


def everything(folder: Path) -> set[str]:
    """All that is in the folder, but for what SQLite makes and removes beside a file that is opened."""
    beside = ("-wal", "-shm")
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not str(path).endswith(beside)}


@pytest.fixture
def strangers(tmp_path: Path) -> Iterator[knocker.Tenants]:
    """The folder that the names of the data are tried on."""
    for folder in NAMES["folders"]:
        (tmp_path / folder).mkdir(parents=True)
    for file in NAMES["files"]:
        sqlite3.connect(tmp_path / file).close()
        (tmp_path / file).touch()
    for link, target in NAMES["links"].items():
        (tmp_path / link).symlink_to(target)
    with opened(tmp_path, pattern=NAMES["pattern"]) as tenants:
        yield tenants


@pytest.mark.parametrize("case", NAMES["cases"], ids=lambda case: repr(case["name"])[:40])
def test_a_stranger_reaches_the_tenants_that_there_are_and_makes_none(
    case: dict[str, Any], strangers: knocker.Tenants, tmp_path: Path
) -> None:
    name, before = as_long(case["name"]), everything(tmp_path)
    request = knocker.WebhookRequest(b"{}")
    answers = [
        over_asgi(strangers.asgi(lambda scope: name), "/nothing", request)[0],
        over_wsgi(strangers.wsgi(lambda environ: name), "/nothing", request)[0],
    ]
    assert answers == [404, 404]
    if case["known"]:
        with strangers.hooks(name) as hooks:
            file = hooks.database.rows("PRAGMA database_list")[0]
        assert file[2] == str(tmp_path / "tenants" / f"{name}.db")
        ingest(strangers, name, "1")
    else:
        with pytest.raises(knocker.UnknownTenantError) as raised, strangers.hooks(name):
            pass
        assert raised.value.code == "unknown_tenant"
        assert len(str(raised.value)) < 400
    assert everything(tmp_path) == before


@pytest.mark.parametrize("case", PATTERNS["cases"], ids=lambda case: case["pattern"])
def test_the_files_of_a_pattern_are_its_tenants(case: dict[str, Any], tmp_path: Path) -> None:
    for file in case["files"]:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    with opened(tmp_path, pattern=case["pattern"]) as tenants:
        assert tenants.names() == sorted(case["names"])
        for name, file in case["names"].items():
            with tenants.hooks(name) as hooks:
                assert hooks.database.path == str(tmp_path / file)


@pytest.mark.parametrize("pattern", PATTERNS["wrong"])
def test_what_is_no_pattern_is_refused_at_once(pattern: str, tmp_path: Path) -> None:
    with pytest.raises(knocker.InvalidArgumentError):
        opened(tmp_path, pattern=pattern or "acme.db")


def test_a_relative_pattern_stays_where_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with knocker.open_many("*.db", set_up) as tenants:
        monkeypatch.chdir("/")
        tenants.create("acme")
        assert (tmp_path / "acme.db").is_file()
        assert tenants.names() == ["acme"]


def test_a_tenant_is_made_once_and_with_all_that_is_declared(tmp_path: Path) -> None:
    with opened(tmp_path, "acme", pattern="tenants-*/app.db") as tenants:
        assert (tmp_path / "tenants-acme" / "app.db").is_file()
        with tenants.hooks("acme") as hooks:
            assert hooks.database.rows("SELECT name FROM knocker_endpoints") == [("inbox",)]
        with pytest.raises(knocker.UsageError, match="acme"):
            tenants.create("acme")
        for hostile in ("../zoe", "", ".hidden", "a/b", "a\0"):
            with pytest.raises(knocker.UnknownTenantError):
                tenants.create(hostile)
        assert os.listdir(tmp_path) == ["tenants-acme"]


def test_a_file_is_opened_once_and_closed_when_its_place_is_needed(tmp_path: Path) -> None:
    set_ups: list[str] = []

    def counted(hooks: knocker.Hooks, tenant: str) -> None:
        set_ups.append(tenant)
        set_up(hooks, tenant)

    with knocker.open_many(tmp_path / "*.db", counted, max_open=2) as tenants:
        for name in ("acme", "max", "zoe"):
            tenants.create(name)
        set_ups.clear()
        ingest(tenants, "zoe", "1")
        ingest(tenants, "max", "1")
        ingest(tenants, "zoe", "2")
        assert set_ups == [], "both are open still"
        ingest(tenants, "acme", "1")
        ingest(tenants, "zoe", "3")
        assert set_ups == ["acme"], "the one that nobody had used for longest was closed"
        ingest(tenants, "max", "2")
        assert set_ups == ["acme", "max"]


def test_no_more_files_are_open_than_were_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, now_open, most = threading.Lock(), 0, 0

    def count(by: int) -> None:
        nonlocal now_open, most
        with lock:
            now_open += by
            most = max(most, now_open)

    class Counted(Database):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            count(1)
            try:
                super().__init__(*arguments, **options)
            except BaseException:
                count(-1)
                raise

        def close(self) -> None:
            super().close()
            count(-1)

    monkeypatch.setattr(opening, "Database", Counted)
    names = [f"tenant-{n}" for n in range(30)]
    with opened(tmp_path, *names, max_open=3) as tenants:

        def use(own: list[str]) -> None:
            for name in own:
                ingest(tenants, name, "1")

        users = [threading.Thread(target=use, args=(names[n::6],)) for n in range(6)]
        for user in users:
            user.start()
        for user in users:
            user.join()
        assert most == 3
        with tenants.start_worker():
            until(lambda: all(handled(tenants, name) == ["1"] for name in names))
        # Three for receiving, and three for working.
        assert most <= 6
    assert now_open == 0


def test_who_finds_all_files_in_use_waits_and_is_told_in_the_end(tmp_path: Path, log: Log) -> None:
    with opened(tmp_path, "acme", "max", "zoe", max_open=2, busy_timeout_s=0.2) as tenants:
        with tenants.hooks("acme"), tenants.hooks("max"), tenants.hooks("max"):
            with pytest.raises(knocker.TooManyOpenError) as raised, tenants.hooks("zoe"):
                pass
            assert (raised.value.code, raised.value.retryable) == ("too_many_open", True)
            request = knocker.WebhookRequest(b"{}")
            assert over_asgi(tenants.asgi(lambda scope: "zoe"), "/inbox", request)[0] == 503
            assert over_wsgi(tenants.wsgi(lambda environ: "zoe"), "/inbox", request)[0] == 503
        ingest(tenants, "zoe", "1")
    with opened(tmp_path, max_open=1) as patient:
        got = threading.Event()

        def wait() -> None:
            ingest(patient, "zoe", "2")
            got.set()

        with patient.hooks("acme"):
            waiting = threading.Thread(target=wait)
            waiting.start()
            assert not got.wait(0.1)
        waiting.join()
        assert got.is_set()


def test_a_use_in_a_coroutine_waits_in_a_thread_and_leaves_nothing_behind_when_cancelled(tmp_path: Path) -> None:
    async def story(tenants: knocker.Tenants) -> None:
        async with tenants.hooks("acme") as hooks:
            assert hooks.endpoints["inbox"]

            async def wait() -> None:
                async with tenants.hooks("max"):
                    raise AssertionError("it was cancelled before")

            waiting = asyncio.ensure_future(wait())
            await asyncio.sleep(0.05)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        async with tenants.hooks("acme"):
            pass
        async with tenants.hooks("max"):
            pass

    with opened(tmp_path, "acme", "max", max_open=1) as tenants:
        asyncio.run(story(tenants))


def receiving(hooks: knocker.Hooks, tenant: str) -> None:
    hooks.endpoint("github", provider="github", secrets=[f"{SECRET}-{tenant}" if tenant != "acme" else SECRET])


def test_a_request_is_stored_for_the_tenant_it_is_for_and_by_that_tenants_secret(tmp_path: Path, push: PushOf) -> None:
    def of_path(path: str) -> str | None:
        return path.split("/")[2] if path.count("/") == 3 else None

    with knocker.open_many(tmp_path / "*.db", receiving) as tenants:
        tenants.create("acme")
        tenants.create("zoe")
        asgi = tenants.asgi(lambda scope: of_path(scope["path"]), mount="/webhooks")
        wsgi = tenants.wsgi(lambda environ: of_path(environ["PATH_INFO"]), mount="/webhooks")
        assert over_asgi(asgi, "/webhooks/acme/github", push(1))[0] == 200
        assert over_wsgi(wsgi, "/webhooks/acme/github", push(2))[0] == 200
        # Signed with the secret of another tenant.
        assert over_asgi(asgi, "/webhooks/zoe/github", push(3))[0] == 401
        assert over_wsgi(wsgi, "/webhooks/zoe/github", push(4))[0] == 401
        for path in ("/webhooks/nobody/github", "/webhooks/acme/other", "/webhooks/github", "/elsewhere", "/webhooks/../github"):
            assert over_asgi(asgi, path, push(5))[0] == 404, path
            assert over_wsgi(wsgi, path, push(5))[0] == 404, path
        with tenants.hooks("acme") as hooks:
            assert len(list(hooks.events())) == 2
        with tenants.hooks("zoe") as hooks:
            assert list(hooks.events()) == []


def test_what_is_not_below_the_mount_goes_elsewhere(tmp_path: Path, push: PushOf) -> None:
    async def teapot(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def wsgi_teapot(environ: Any, start_response: Any) -> list[bytes]:
        start_response("418 I'm a teapot", [])
        return [b""]

    with knocker.open_many(tmp_path / "*.db", receiving) as tenants:
        tenants.create("acme")
        asgi = tenants.asgi(lambda scope: "acme", mount="/webhooks", otherwise=teapot)
        wsgi = tenants.wsgi(lambda environ: "acme", mount="/webhooks", otherwise=wsgi_teapot)
        assert [over_asgi(asgi, path, push(1))[0] for path in ("/elsewhere", "/webhooks/github")] == [418, 200]
        assert [over_wsgi(wsgi, path, push(2))[0] for path in ("/elsewhere", "/webhooks/github")] == [418, 200]


def test_a_body_that_comes_slowly_keeps_no_file_open(tmp_path: Path, push: PushOf) -> None:
    async def story(tenants: knocker.Tenants) -> None:
        app, request, sent = tenants.asgi(lambda scope: "acme"), push(1), []
        begun, goes_on = asyncio.Event(), asyncio.Event()

        async def receive() -> Any:
            begun.set()
            await goes_on.wait()
            return {"type": "http.request", "body": request.body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        headers: Any = request.headers
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/github",
            "headers": [(b"host", b"shop.example"), (b"content-length", b"7")]
            + [(name.lower().encode(), value.encode()) for name, value in headers],
        }
        slow = asyncio.ensure_future(app(scope, receive, send))
        await begun.wait()
        async with tenants.hooks("zoe") as hooks:
            assert hooks.endpoints["github"]
        goes_on.set()
        await slow
        assert sent[0]["status"] == 200

    with knocker.open_many(tmp_path / "*.db", receiving, max_open=1, busy_timeout_s=5) as tenants:
        tenants.create("acme")
        tenants.create("zoe")
        asyncio.run(story(tenants))


def test_a_tenant_whose_set_up_fails_is_an_error_of_its_own(tmp_path: Path, push: PushOf, log: Log) -> None:
    def failing(hooks: knocker.Hooks, tenant: str) -> None:
        if tenant == "acme":
            raise KeyError(f"never-to-be-{len(tenant)}")
        receiving(hooks, tenant)

    with opened(tmp_path, "acme", "zoe"):
        pass
    with knocker.open_many(tmp_path / "*.db", failing) as tenants:
        with pytest.raises(KeyError), tenants.hooks("acme"):
            pass
        assert over_asgi(tenants.asgi(lambda scope: "acme"), "/github", push(1))[0] == 500
        assert over_wsgi(tenants.wsgi(lambda environ: "acme"), "/github", push(1))[0] == 500
        with tenants.hooks("zoe") as hooks:
            assert hooks.endpoints["github"]
    assert "never-to-be-4" not in "".join(record.getMessage() for record in log.records)
    told = [record for record in log.records if getattr(record, "record", "") == "receipt_failed"]
    assert [(vars(record)["tenant"], vars(record)["endpoint"]) for record in told] == [("acme", "github")] * 2
    assert all(record.getMessage().startswith("tenant acme, endpoint github: ") for record in told)


def test_a_receipt_that_fails_in_an_open_file_names_its_tenant(tmp_path: Path, push: PushOf, log: Log) -> None:
    def failing(_: knocker.WebhookRequest) -> list[str]:
        raise KeyError("never-to-be-5")

    def set_up(hooks: knocker.Hooks, tenant: str) -> None:
        hooks.endpoint("github", provider="github", secrets=failing)

    with knocker.open_many(tmp_path / "*.db", set_up) as tenants:
        tenants.create("acme")
        assert over_asgi(tenants.asgi(lambda scope: "acme"), "/github", push(1))[0] == 500
        assert over_wsgi(tenants.wsgi(lambda environ: "acme"), "/github", push(1))[0] == 500
    told = [record for record in log.records if getattr(record, "record", "") == "receipt_failed"]
    assert [vars(record)["tenant"] for record in told] == ["acme", "acme"]


def test_a_tenant_whose_file_went_is_unknown_and_one_that_came_back_is_another(tmp_path: Path) -> None:
    with opened(tmp_path, "acme", "zoe") as tenants:
        ingest(tenants, "acme", "1")
        for file in tmp_path.glob("acme.db*"):
            file.unlink()
        with pytest.raises(knocker.UnknownTenantError), tenants.hooks("acme"):
            pass
        assert not (tmp_path / "acme.db").exists()
        tenants.create("acme")
        with tenants.hooks("acme") as hooks:
            assert list(hooks.events()) == []


def keys_of(tenants: knocker.Tenants, tenant: str) -> list[str | None]:
    """None yet where there is no file, or one that has just come."""
    try:
        with tenants.hooks(tenant) as hooks:
            return [event.key for event in hooks.events()]
    except (knocker.UnknownTenantError, knocker.FileReplacedError):
        return []


@pytest.mark.parametrize("is_seen_gone", [False, True])
@pytest.mark.parametrize("works", [False, True])
def test_a_backup_in_the_place_of_a_file_is_taken_without_the_log_of_the_former_one(
    is_seen_gone: bool, works: bool, tmp_path: Path
) -> None:
    (tmp_path / "tenants").mkdir()
    with knocker.open(tmp_path / "backup") as hooks:
        hooks.endpoint("inbox").ingest(b"{}", valid=True, type="order", key="backup")
    with opened(tmp_path / "tenants", "acme") as tenants, tenants.start_worker() if works else nullcontext():
        ingest(tenants, "acme", "former")
        file = tmp_path / "tenants" / "acme.db"
        if is_seen_gone:
            file.unlink()
            assert keys_of(tenants, "acme") == []
        (tmp_path / "backup").rename(file)
        until(lambda: keys_of(tenants, "acme") == ["backup"])


def test_a_tenant_is_made_anew_where_another_has_left_its_log(tmp_path: Path) -> None:
    with opened(tmp_path, "acme") as tenants:
        ingest(tenants, "acme", "former")
        (tmp_path / "acme.db").unlink()
        assert keys_of(tenants, "acme") == []
        tenants.create("acme")
        assert keys_of(tenants, "acme") == []
        ingest(tenants, "acme", "new")
        assert keys_of(tenants, "acme") == ["new"]


def test_hooks_that_somebody_has_closed_are_opened_again(tmp_path: Path) -> None:
    with opened(tmp_path, "acme") as tenants:
        with tenants.hooks("acme") as hooks:
            hooks.close()
        ingest(tenants, "acme", "1")
        with tenants.start_worker():
            until(lambda: handled(tenants, "acme") == ["1"])


def test_after_the_end_nothing_is_received_until_they_are_opened_again(tmp_path: Path) -> None:
    tenants = opened(tmp_path, "acme")
    tenants.close()
    with pytest.raises(knocker.ClosedError), tenants.hooks("acme"):
        pass
    with tenants:
        ingest(tenants, "acme", "1")
        assert handled(tenants, "acme") == []


@pytest.mark.parametrize("most", [0, -1, 1.5, True, "32", 100_000])
def test_a_bound_that_is_none_is_refused(most: Any, tmp_path: Path) -> None:
    with pytest.raises(knocker.UsageError, match="max_open"):
        opened(tmp_path, max_open=most)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_that_is_forked_while_files_are_opened_and_closed_uses_them_as_its_parent_does(tmp_path: Path) -> None:
    def fork(n: int) -> int:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                ingest(tenants, "zoe", f"of child {n}")
                ingest(tenants, "acme", f"of child {n}")
                status = 0
            finally:
                os._exit(status)
        return child

    with opened(tmp_path, "acme", "zoe", max_open=1) as tenants, tenants.start_worker():
        for n in range(8):
            # The worker begins with it at this moment.
            ingest(tenants, "acme", f"of its parent {n}")
            child = fork(n)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        keys = [f"of child {n}" for n in range(8)]
        until(lambda: sorted(handled(tenants, "zoe")) == keys)
        until(lambda: sorted(handled(tenants, "acme")) == keys + [f"of its parent {n}" for n in range(8)])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_is_told_of_files_for_itself(tmp_path: Path) -> None:
    with opened(tmp_path, "acme"):
        pass
    files = ChangedFiles(str(tmp_path / "*.db"), find_driver(None), None)
    assert files.since_last() == [str(tmp_path / "acme.db")]
    (tmp_path / "zoe.db").touch()
    child = os.fork()
    if child == 0:
        # Had it taken what the kernel told of the new file, its parent would never hear of it.
        os._exit(0 if len(files.since_last()) == 2 and files.since_last() == [] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert files.since_last() == [str(tmp_path / "zoe.db")]
    files.close()
