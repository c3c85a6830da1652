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
        accepts = oracle.accepts(request, case.secret)
        assert accepts, "the library and what it or the independent signer signed"
        verdict = knocker.verify(case, request, case.secret)
        assert verdict.valid, verdict
        assert verdict.items, "a genuine delivery has an event"
    ran(oracle, "knocker accepts")


def test_the_library_accepts_what_knocker_signs(oracle: Oracle, knocker: Knocker, ran: Record) -> None:
    case = oracle.loaded
    request = knocker.sign(case)
    accepts = oracle.accepts(request, case.secret)
    assert accepts, "the library and what Knocker signed"
    verdict = knocker.verify(case, request, case.secret)
    assert verdict.valid, verdict
    ran(oracle, "library accepts")


def test_both_refuse_one_altered_byte(oracle: Oracle, knocker: Knocker, ran: Record) -> None:
    case = oracle.loaded
    for request in [*foreign_requests(oracle, case), knocker.sign(case)]:
        for altered in alterations(case, request):
            verdict = knocker.verify(case, altered.request, altered.secret)
            assert not verdict.valid, f"Knocker and an altered {altered.name}"
            accepts = oracle.accepts(altered.request, altered.secret)
            assert accepts is oracle.expected(altered.name, valid=False), f"the library and an altered {altered.name}"
            ran(oracle, altered.name)


def foreign_requests(oracle: Oracle, case: Case) -> list[Request]:
    """The request as the library signs it, where it can, and as the independent signer does."""
    by_library = [oracle.sign(case)] if oracle.sign else []
    return [*by_library, signer.sign(case)]
