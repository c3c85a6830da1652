"""The files that are open: so many at most, each for as long as somebody uses it, and closed for another one when nobody does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from knocker.database import Database
from knocker.errors import ClosedError, TooManyOpenError
from knocker.hooks import Hooks
from knocker.use_gate import UseGate

Role = Literal["receiving", "working"]
"""What a file is open for. Each has its own bound, so that neither keeps the other waiting; a file that is open for both is open once."""

CLOSED = "these tenants are closed; `with tenants:` opens them again"


class _File:
    """One that is open, or on its way to be or to be closed."""

    def __init__(self, role: Role) -> None:
        self.hooks: Hooks | None = None
        # What it is open for, and how many use it for that.
        self.uses: dict[Role, int] = {role: 1}
        self.used_at: dict[Role, float] = {}
        # Whose place it still takes while it is being closed.
        self.closes_for: Role | None = None
        self.is_changing = True

    @property
    def is_outdated(self) -> bool:
        """Whether nobody uses it, and it is of no more use: the path leads to another file by now, or its hooks were closed."""
        if self.is_changing or any(self.uses.values()):
            return False
        database = _of(self).database
        return database.was_replaced or database.is_closed


class OpenFiles:
    """Thread-safe. Whoever has taken a file gives it back."""

    def __init__(self, most: int, patience_s: float, open_file: Callable[[str], Hooks], gate: Callable[[], UseGate]) -> None:
        """``most`` is how many are open for each role; who finds all of them in use waits for ``patience_s``. Files are opened and closed
        inside the ``gate``."""
        self._most = most
        self._patience_s = patience_s
        self._open_file = open_file
        self._gate = gate
        self._files: dict[str, _File] = {}
        # Of files that were removed or replaced while they were open, and have left their log: it is not to be taken for the next one's.
        self._former: dict[str, Database] = {}
        self._news = threading.Condition()
        self._closed = False

    def try_take(self, name: str, role: Role) -> Hooks | None:
        """The hooks of a file that is open for the role, or None where that would take more than a moment."""
        with self._news:
            self._refuse_closed()
            file = self._files.get(name)
            if file is None or file.is_changing or role not in file.uses or file.is_outdated:
                return None
            file.uses[role] += 1
            return file.hooks

    def take(self, name: str, role: Role) -> Hooks:
        """The hooks of a file, which is opened if it is not. Raises TooManyOpenError where all are in use for too long."""
        deadline = time.monotonic() + self._patience_s
        with self._news:
            while True:
                self._refuse_closed()
                file = self._files.get(name)
                # Another file at its path is to be set up anew, and not only opened.
                outdated = file if file is not None and file.is_outdated else None
                if file is None or not file.is_changing:
                    if file is not None and outdated is None and role in file.uses:
                        file.uses[role] += 1
                        return _of(file)
                    victim = None if self._count(role, name) < self._most else self._longest_unused(role, name)
                    if victim is not None or self._count(role, name) < self._most:
                        break
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TooManyOpenError(f"{self._most} tenants' files are open for {role}, and each was in use for {self._patience_s} s")
                self._news.wait(left)
            closing = self._leave(victim, role) if victim is not None else None
            is_open = file is not None and outdated is None
            if file is not None and is_open:
                # For something else, which it does not end to be open for before there is room.
                mine, mine.uses[role], mine.is_changing = file, 1, True
            else:
                mine = self._files[name] = _File(role)
        try:
            # Before another one is opened, so that there are never more.
            if victim is not None and closing is not None:
                self._close(victim, closing)
            if outdated is not None:
                self._close(name, outdated)
            if not is_open:
                with self._gate():
                    self.make_way(name)
                    mine.hooks = self._open_file(name)
        except BaseException:
            with self._news:
                if is_open:
                    mine.uses[role] -= 1
                elif self._files.get(name) is mine:
                    del self._files[name]
            raise
        finally:
            with self._news:
                mine.is_changing = False
                self._news.notify_all()
        return _of(mine)

    def give_back(self, name: str, role: Role) -> None:
        """Ends a use. The file stays open until its place is needed."""
        with self._news:
            file = self._files.get(name)
            # A fork has ended the uses of the parent's threads.
            if file is not None and file.uses.get(role):
                file.uses[role] -= 1
                file.used_at[role] = time.monotonic()
            self._news.notify_all()

    def make_room(self, role: Role) -> None:
        """Closes the file that nobody has used for longest, where no other could be opened without that: so it is not waited for then."""
        with self._news:
            victim = self._longest_unused(role, "") if self._count(role, "") >= self._most else None
            closing = self._leave(victim, role) if victim is not None else None
        if victim is not None and closing is not None:
            self._close(victim, closing)

    def make_way(self, name: str, *, at_once: bool = False) -> None:
        """Before a file is opened: sets aside what another one has left at its path. As :meth:`Database.make_way`."""
        former = self._former.get(name)
        if former is not None:
            former.make_way(at_once=at_once)
            self._former.pop(name, None)

    def knows(self, name: str) -> bool:
        """Whether it is open, or was when it went: then only :meth:`take` may open what is there."""
        return name in self._files or name in self._former

    def drop(self, name: str) -> None:
        """Closes a file that is gone, unless somebody uses it: that one finds out."""
        with self._news:
            file = self._files.get(name)
            if file is None or file.is_changing or any(file.uses.values()):
                return
            file.is_changing = True
        self._close(name, file)

    def leave(self, role: Role) -> None:
        """Closes what nobody uses and is open for this alone."""
        with self._news:
            unused = [(name, file) for name, file in self._files.items() if not file.is_changing and file.uses.get(role) == 0]
            closing = [(name, left) for name, _ in unused if (left := self._leave(name, role)) is not None]
        for name, file in closing:
            self._close(name, file)

    def close(self) -> None:
        """Closes all, also under those who use them: what is queued is committed, and they get ClosedError."""
        with self._news:
            self._closed = True
            self._news.wait_for(lambda: not any(file.is_changing for file in self._files.values()))
            files = list(self._files.items())
            for _, file in files:
                file.is_changing = True
        for name, file in files:
            self._close(name, file)

    def open_again(self) -> None:
        """Undoes :meth:`close`."""
        with self._news:
            self._closed = False

    def after_fork_in_child(self) -> None:
        """Nobody uses them here, and what the parent's threads were about is not going on."""
        self._news = threading.Condition()
        self._files = {name: file for name, file in self._files.items() if not file.is_changing}
        for file in self._files.values():
            file.uses = dict.fromkeys(file.uses, 0)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise ClosedError(CLOSED)

    def _count(self, role: Role, but: str) -> int:
        return sum(role in file.uses or role == file.closes_for for name, file in self._files.items() if name != but)

    def _longest_unused(self, role: Role, but: str) -> str | None:
        unused = [
            (file.used_at.get(role, 0.0), name)
            for name, file in self._files.items()
            if name != but and file.uses.get(role) == 0 and not file.is_changing
        ]
        return min(unused)[1] if unused else None

    def _leave(self, name: str, role: Role) -> _File | None:
        """It is not open for that any more: returned where it is open for nothing, and to be closed."""
        file = self._files[name]
        del file.uses[role]
        if file.uses:
            return None
        file.is_changing, file.closes_for = True, role
        return file

    def _close(self, name: str, file: _File) -> None:
        database = _of(file).database
        try:
            with self._gate():
                _of(file).close()
        finally:
            if database.was_replaced and database.wal_path().exists():
                self._former[name] = database
            with self._news:
                if self._files.get(name) is file:
                    del self._files[name]
                self._news.notify_all()


def _of(file: _File) -> Hooks:
    assert file.hooks is not None
    return file.hooks
