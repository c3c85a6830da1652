"""A folder of files by a path with a ``*``, which stands for the tenant's name."""

from __future__ import annotations

import os
import stat
from typing import Any

from knocker.errors import UnknownTenantError
from knocker.file_path import FilePath

_SHOWN = 100


class TenantPattern:
    """What the ``*`` stands for, and where. Whether there is exactly one, the library says: see :class:`ChangedFiles`."""

    def __init__(self, pattern: FilePath) -> None:
        given = os.fsdecode(pattern)
        # Files are opened later as well, wherever the process has gone by then.
        self.text = given if os.path.isabs(given) else os.path.join(os.getcwd(), given)
        self._before, _, self._after = self.text.partition("*")

    def name_of(self, path: str) -> str:
        """The tenant of a path that the library gave for this pattern."""
        return path[len(self._before) : len(path) - len(self._after)]

    def path_of(self, name: str) -> str:
        """Where that tenant's file is, or would be. Raises UnknownTenantError for what can be no tenant's name."""
        if not _is_name(name):
            raise unknown(name, "no file can have that name")
        return f"{self._before}{name}{self._after}"

    def existing(self, name: str) -> str:
        """As :meth:`path_of`, of a file that is there."""
        path = self.path_of(name)
        if not is_file(path):
            raise unknown(name, "it has no file")
        return path


def unknown(name: Any, why: str) -> UnknownTenantError:
    """The error for a name, which a stranger may have sent."""
    shown = repr(name)
    return UnknownTenantError(f"there is no tenant {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'}: {why}")


def is_file(path: str) -> bool:
    """Whether a database can be there. A link is none: SQLite keeps the log beside what it leads to."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False


def _is_name(name: Any) -> bool:
    """As the library has it for the ``*``: no path, no hidden file, nothing that a log or a terminal would take for more than a name."""
    if not isinstance(name, str) or not name or name.startswith("."):
        return False
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return not any(letter in "/\\:" or letter < " " or "\x7f" <= letter <= "\x9f" for letter in name)
