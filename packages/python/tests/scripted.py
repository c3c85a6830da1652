"""An app whose handlers follow a script of the conformance data, and what its hooks and its log are told."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import knocker
from knocker.testing import FrozenClock
from matching import Json
from scenario import Scenario

BODY = b'{"customer": "never-to-be-logged"}'
"""Of every event; no line of the log holds it."""

HOSTILE = {
    "lone_surrogate": "before \udcff after",
    "nul": "before \x00 after",
    "megabyte": "é" * 500_000,
}


class NoText(Exception):  # noqa: N818 - what it is called says what it has not
    def __str__(self) -> str:
        raise RuntimeError("no text")


class App:
    """Hooks on a file, with one endpoint, its scripted handlers, and the account of what was told."""

    def __init__(self, path: Path, clock: FrozenClock, given: Json, *, hooks_fail: bool = False, coroutines: bool = False) -> None:
        assert set(given) <= {"name", "endpoint", "handlers"}, given
        self.errors: list[Json] = []
        self.dead: list[Json] = []
        self.is_closed = False
        self.kept: Any = None
        self.ended_before: list[int] = []
        """For each call of a handler, how many attempts had ended, as others see it."""
        self._clock = clock
        self._hooks_fail = hooks_fail
        self._coroutines = coroutines
        self._calls: dict[tuple[int, int], int] = {}
        self._reading: list[Any] = []
        self.hooks = knocker.open(path, synchronous="normal", clock=clock, on_error=self._on_error, on_dead=self._on_dead)
        self.name = given.get("name", "inbox")
        self.endpoint = self.hooks.endpoint(self.name, **given.get("endpoint", {}))
        for number, handler in enumerate(given["handlers"]):
            assert set(handler) <= {"on", "do", "then"}, handler
            self.endpoint.add_handler(handler["on"], self._handler(number, handler))

    def _on_error(self, error: BaseException, event: knocker.Event) -> None:
        code = error.code if isinstance(error, knocker.KnockerError) else None
        says = "" if isinstance(error, NoText) else str(error)
        about = {"event_id": event.id, "endpoint": event.endpoint, "type": event.type, "attempt": event.attempt}
        self.errors.append({**about, "code": code, "says": says})
        if self._hooks_fail:
            raise RuntimeError("the error hook failed")

    def _on_dead(self, event: Any, reason: str | None) -> None:
        self.dead.append({"event_id": event.id, "endpoint": event.endpoint, "type": event.type, "reason": reason})
        if self._hooks_fail:
            raise RuntimeError("the dead hook failed")

    def _handler(self, number: int, given: Json) -> Callable[[knocker.Event, Any], Any]:
        def function(event: knocker.Event, tx: Any) -> None:
            call = (number, event.id)
            self._calls[call] = self._calls.get(call, 0) + 1
            script = given["do"] if self._calls[call] == 1 else given.get("then", given["do"])
            [(ended,)] = self.hooks.database.rows("SELECT count(*) FROM knocker_attempts")
            self.ended_before.append(ended)
            self._run(script, event, tx)

        async def coroutine(event: knocker.Event, tx: Any) -> None:
            function(event, tx)

        return coroutine if self._coroutines else function

    def _run(self, script: list[Json], event: knocker.Event, tx: Any) -> None:
        for action in script:
            [(kind, given)] = action.items()
            getattr(self, f"_{kind}")(given, event, tx)

    def _write(self, text: str, event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO written VALUES (?)", [_of(event, text)])

    def _sql(self, sql: str, event: knocker.Event, tx: Any) -> None:
        tx.execute(_of(event, sql)).fetchall()

    def _write_elsewhere(self, text: str, event: knocker.Event, tx: Any) -> None:
        connection = self.hooks.database.connect()
        try:
            connection.execute("PRAGMA busy_timeout = 0").fetchall()
            connection.execute("INSERT INTO written VALUES (?)", [_of(event, text)]).fetchall()
        finally:
            connection.close()

    def _begin_reading(self, sql: str, event: knocker.Event, tx: Any) -> None:
        cursor = tx.execute(sql)
        cursor.fetchone()
        # Kept, so that nothing ends it by itself.
        self._reading.append(cursor)

    def _keep_tx(self, _: Json, event: knocker.Event, tx: Any) -> None:
        self.kept = tx

    def _raise(self, text: Json, event: knocker.Event, tx: Any) -> None:
        raise NoText if text == {"hostile": "no_text"} else RuntimeError(_text(text))

    def _raise_knocker(self, code: str, event: knocker.Event, tx: Any) -> None:
        raise {"lease_lost": knocker.LeaseLostError, "busy": knocker.BusyError, "closed": knocker.ClosedError}[code]("met elsewhere")

    def _raise_no_error(self, _: Json, event: knocker.Event, tx: Any) -> None:
        raise SystemExit("no error")

    def _retry(self, given: Json, event: knocker.Event, tx: Any) -> None:
        raise knocker.Retry(given.get("after_s"), _text(given.get("reason")))

    def _ignore(self, reason: Json, event: knocker.Event, tx: Any) -> None:
        raise knocker.Ignore(_text(reason))

    def _dead(self, reason: Json, event: knocker.Event, tx: Any) -> None:
        raise knocker.Dead(_text(reason))

    def _advance_s(self, seconds: float, event: knocker.Event, tx: Any) -> None:
        self._clock.advance(seconds)

    def _operate(self, step: Json, event: knocker.Event, tx: Any) -> None:
        Scenario(self.hooks, {"event": event.id}).perform(step)

    def _try(self, given: Json, event: knocker.Event, tx: Any) -> None:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - the case says which
            self._run(given["do"], event, tx)
        assert "code" not in given or getattr(caught.value, "code", None) == given["code"], caught.value

    def _on_event(self, given: Json, event: knocker.Event, tx: Any) -> None:
        assert set(given) == {"id", "do"}, given
        if event.id == given["id"]:
            self._run(given["do"], event, tx)

    def _close(self, _: Json, event: knocker.Event, tx: Any) -> None:
        self.is_closed = True
        self.hooks.close()

    def _die(self, _: Json, event: knocker.Event, tx: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def _of(event: knocker.Event, text: str) -> str:
    return text.replace("$event", str(event.id))


def _text(given: Json) -> str | None:
    return HOSTILE[given["hostile"]] if isinstance(given, dict) else given


def main() -> None:
    """A worker in a process of its own, which its handlers end."""
    given = json.loads(sys.argv[1])
    app = App(Path(given["path"]), FrozenClock(given["now"]), given["app"], coroutines=given["coroutines"])
    if given["worker"]:
        app.hooks.run_worker()
    else:
        knocker.testing.drain(app.hooks, share_commits=given["share_commits"])


if __name__ == "__main__":
    main()
