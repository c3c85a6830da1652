"""An oracle: one function of somebody else's library that verifies one case."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

import case as cases
import oracles
from case import Case, Request

# In place of a library: written here, after the provider's documentation.
DOCUMENTED = "documentation"


@dataclass(frozen=True)
class Oracle:
    """How a library verifies the requests of one case.

    `verify` answers true or false; an exception of `refusals` is false as well, any other fails the test. `differs` names the
    checks in which the library is expected to say the opposite of Knocker, each with the reason.
    """

    case: str
    library: str
    verify: Callable[[Request, str], object]
    sign: Callable[[Case], Request] | None = None
    refusals: tuple[type[Exception], ...] = ()
    differs: Mapping[str, str] = field(default_factory=dict)

    @property
    def loaded(self) -> Case:
        """Its case."""
        return cases.load(self.case)

    @property
    def version(self) -> str:
        """The installed version of the library."""
        return "" if self.library == DOCUMENTED else version(self.library)

    def accepts(self, request: Request, secret: str) -> bool:
        """Whether the library takes the request for genuine."""
        try:
            return bool(self.verify(request, secret))
        except self.refusals:
            return False

    def expected(self, check: str, valid: bool) -> bool:
        """What the library should say in this check: what Knocker says, or the opposite where it is known to differ."""
        return valid is not (check in self.differs)

    def __str__(self) -> str:
        return f"{self.case}-{self.library}"


def load_all() -> list[Oracle]:
    """The oracles of every module in `oracles/`."""
    modules = [importlib.import_module(f"oracles.{module.name}") for module in pkgutil.iter_modules(oracles.__path__)]
    return [oracle for module in modules for oracle in module.ORACLES]
