"""What one side signs, the other verifies; what was altered by one byte, both refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import signer
from alterations import alterations
from case import Case, Request
from knocker import Knocker
from oracle import Oracle

Record = Callable[[Oracle, str], None]
pytestmark = pytest.mark.usefixtures("clock")


def test_knocker_accepts_what_the_library_signs(oracle: Oracle, knocker: Knocker, ran: Record) -> None:
    case = oracle.loaded
    for request in foreign_requests(oracle, case):
        assert oracle.accepts(request, case.secret)
        verdict = knocker.verify(case, request, case.secret)
        assert verdict.valid, verdict
        assert verdict.items, "a genuine delivery has an event"
    ran(oracle, "knocker accepts")


def test_the_library_accepts_what_knocker_signs(oracle: Oracle, knocker: Knocker, ran: Record) -> None:
    case = oracle.loaded
    request = knocker.sign(case)
    assert oracle.accepts(request, case.secret)
    assert knocker.verify(case, request, case.secret).valid
    ran(oracle, "library accepts")


def test_both_refuse_one_altered_byte(oracle: Oracle, knocker: Knocker, ran: Record) -> None:
    case = oracle.loaded
    for request in [*foreign_requests(oracle, case), knocker.sign(case)]:
        for altered in alterations(case, request):
            verdict = knocker.verify(case, altered.request, altered.secret)
            assert not verdict.valid, f"Knocker accepts an altered {altered.name}"
            expected = altered.name in oracle.differs
            assert oracle.accepts(altered.request, altered.secret) is expected, f"{oracle} and an altered {altered.name}"
            ran(oracle, altered.name.split()[0])


def foreign_requests(oracle: Oracle, case: Case) -> list[Request]:
    """The request as the library signs it, where it can, and as the independent signer does."""
    by_library = [oracle.sign(case)] if oracle.sign else []
    return [*by_library, signer.sign(case)]
