"""The app that the HTTP cases are sent to, under whatever server imports it. The runner says over a pipe which case comes next."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import re
import shutil
import sqlite3
import tempfile
import threading
from pathlib import Path
from typing import Any

import fastapi

import knocker
from knocker.records import DeliveryRecord

MOUNT = "/webhooks"
DATABASES = ("locked", "full", "newer", "removed", "closed")
Json = Any


class Stage:
    """The hooks of the current case, with its endpoints and settings, and what is wrong with its file."""

    def __init__(self, case: Json) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="knocker-http-"))
        self.path = self.folder / "app.db"
        self.database = case.get("database")
        assert self.database is None or self.database in DATABASES, self.database
        self.settings = case.get("app", {})
        assert set(self.settings) <= {"public_url", "trust_proxy"}, self.settings
        self.seen = 0
        self.hooks = knocker.open(
            self.path,
            synchronous="normal",
            busy_timeout_s=0.05 if self.database == "locked" else 60,
            public_url=self.settings.get("public_url"),
            trusted_proxies=["*"] if self.settings.get("trust_proxy") else [],
        )
        if self.database == "full":
            self._limit_pages()
        for name, settings in case["endpoints"].items():
            self._declare(name, **settings)
        self._declare("fence", provider="token", secrets=["test-token"])
        self.asgi = self.hooks.asgi(MOUNT, elsewhere_asgi)
        self.wsgi = self.hooks.wsgi(MOUNT, elsewhere_wsgi)
        self.fastapi = fastapi.FastAPI()
        self.fastapi.mount(MOUNT, self.hooks.asgi())
        self.other: sqlite3.Connection | None = None
        self._break()

    def _declare(self, name: str, secrets: Json = (), **settings: Any) -> None:
        self.hooks.endpoint(name, secrets=raises if secrets == "raises" else secrets, **settings)

    def _limit_pages(self) -> None:
        """The limit is the writing connection's own, so the writer itself sets it."""
        pages = self.hooks.database.rows("PRAGMA page_count")[0][0]
        self.hooks.database.close()
        self.hooks = knocker.open(self.path, synchronous="normal")
        opened = self.hooks.database.open

        def open_limited(**named: Any) -> Any:
            connection = opened(**named)
            connection.execute(f"PRAGMA max_page_count = {pages + 8}").fetchall()
            return connection

        self.hooks.database.open = open_limited  # type: ignore[method-assign]

    def _break(self) -> None:
        if self.database == "locked":
            self.other = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            self.other.execute("BEGIN IMMEDIATE")
        elif self.database == "newer":
            self._version("version + 4711")
        elif self.database == "removed":
            self.path.unlink()
        elif self.database == "closed":
            self.hooks.close()

    def _version(self, version: str) -> None:
        other = sqlite3.connect(self.path, isolation_level=None)
        other.execute(f"UPDATE _knocker_schema SET version = {version} WHERE version = (SELECT max(version) FROM _knocker_schema)")
        other.close()

    def stored(self) -> list[Json]:
        """What was stored since the last time."""
        if self.other is not None:
            self.other.execute("ROLLBACK")
            self.other.close()
            self.other = None
        if self.database == "newer":
            self._version("version - 4711")
        if self.database == "removed":
            return []
        if self.database == "closed":
            with knocker.open(self.path, synchronous="normal") as hooks:
                return self._rows(hooks)
        return self._rows(self.hooks)

    def _rows(self, hooks: knocker.Hooks) -> list[Json]:
        rows = list(hooks.deliveries(after=self.seen, with_body=True))
        self.seen = max([self.seen, *(row.id for row in rows)])
        return [as_json(row) for row in rows if row.endpoint != "fence"]

    def close(self) -> None:
        self.hooks.close()
        shutil.rmtree(self.folder)


def raises(request: knocker.WebhookRequest) -> list[str]:
    raise KeyError("vault.internal: the secret of a tenant")


def as_json(row: DeliveryRecord) -> Json:
    body: Json = row.body
    if row.body is not None:
        try:
            body = row.body.decode()
        except UnicodeDecodeError:
            body = {"$base64": base64.b64encode(row.body).decode()}
    headers = {name: re.sub(", *", ", ", value if isinstance(value, str) else ", ".join(value)) for name, value in row.headers.items()}
    columns = {name: getattr(row, name) for name in ("endpoint", "outcome", "reason", "method", "url", "body_size")}
    return {**columns, "headers": headers, "body": body}


class Reported(logging.Handler):
    """The codes of the errors that the app is told of."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.codes: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.codes.append(getattr(record, "code", record.getMessage()))


stage: Stage | None = None
kept: str = ""
reads_body = False
reported = Reported()
logging.getLogger("knocker").addHandler(reported)
loop: asyncio.AbstractEventLoop | None = None


def begin(case: Json) -> Json:
    """Sets the stage for a case; the one of the case before, where it is the same and nothing is wrong with its file."""
    global stage, kept, reads_body
    wanted = json.dumps([case["endpoints"], case.get("app"), case.get("database")])
    if stage is None or wanted != kept or stage.database is not None:
        if stage is not None:
            stage.close()
        stage = Stage(case)
        kept = wanted
    reads_body = case.get("reads_body", False)
    reported.codes.clear()
    return {}


def end() -> Json:
    """What came out of the case."""
    assert stage is not None
    return {"stored": stage.stored(), "reported": list(reported.codes)}


def leftovers() -> Json:
    """What is open and running in this process."""
    tasks = len(asyncio.all_tasks(loop)) if loop is not None else 0
    return {"files": len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0, "tasks": tasks}


def listen(commands: Any, replies: Any) -> None:
    """Follows the runner until it goes away."""
    for line in commands:
        try:
            name, argument = json.loads(line)
            reply = begin(argument) if name == "begin" else end() if name == "end" else leftovers()
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


async def elsewhere_asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"14")]})
    await send({"type": "http.response.body", "body": b"the app itself"})


def elsewhere_wsgi(environ: Any, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [("Content-Length", "14")])
    return [b"the app itself"]


async def asgi(scope: Any, receive: Any, send: Any, mounted: bool = False) -> None:
    """The app for ASGI servers."""
    global loop
    loop = asyncio.get_running_loop()
    if scope["type"] != "http":
        await elsewhere_asgi(scope, receive, send)
        return
    assert stage is not None
    if reads_body and not scope["path"].endswith("/fence"):
        while (await receive()).get("more_body", False):
            pass
    app: Any = stage.fastapi if mounted else stage.asgi
    await app(scope, receive, send)


async def mounted(scope: Any, receive: Any, send: Any) -> None:
    """The same below a mount of a framework."""
    await asgi(scope, receive, send, mounted=True)


def wsgi(environ: Any, start_response: Any) -> Any:
    """The app for WSGI servers."""
    assert stage is not None
    if reads_body and not environ["PATH_INFO"].endswith("/fence"):
        length = environ.get("CONTENT_LENGTH")
        environ["wsgi.input"].read(int(length) if length else -1 if environ.get("wsgi.input_terminated") else 0)
    return stage.wsgi(environ, start_response)


pipes = [os.fdopen(int(number), mode) for number, mode in zip(os.environ["KNOCKER_TEST_PIPES"].split(","), "rw", strict=True)]
threading.Thread(target=listen, args=pipes, daemon=True).start()
