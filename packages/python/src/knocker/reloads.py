"""A module that is run again, by ``importlib.reload`` or a development server: what its former run has started is to end.

Its former workers would go on with the handlers as they were, and take the jobs of the new ones.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from types import CodeType
from typing import Any

Place = tuple[str, str, str]

_STARTED: dict[Place, tuple[CodeType, list[Callable[[], Any]]]] = {}


def ends_with_its_module(started: Any, path: str) -> None:
    """Calls ``stop_workers()`` of what the module that is being run has opened on that file in a former run; a later run will of this.

    Nothing happens where the code is the same: a module may open a file twice, and so may functions of one that is run once.
    """
    module = _running_module()
    if module is None:
        return
    code, name = module
    place = (name, code.co_filename, path)
    former_code, former = _STARTED.get(place, (code, []))
    if former_code is not code:
        for reference in former:
            if (earlier := reference()) is not None:
                earlier.stop_workers()
        former = []
    _STARTED[place] = code, [*(reference for reference in former if reference() is not None), weakref.ref(started)]


def _running_module() -> tuple[CodeType, str] | None:
    """The code of the module that is being run, by whatever functions of its own, and its name. None for what is typed in, cell by cell."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None or frame.f_code.co_filename.startswith("<"):
        return None
    return frame.f_code, str(frame.f_globals.get("__name__"))
