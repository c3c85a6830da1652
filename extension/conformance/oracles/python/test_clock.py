"""Both draw the line between fresh and stale at the same second."""

from __future__ import annotations

from collections.abc import Callable

import signer
from knocker import Knocker
from oracle import Oracle


def test_both_agree_on_age(oracle: Oracle, knocker: Knocker, clock: Callable[[int], None], ran: Callable[[Oracle, str], None]) -> None:
    case = oracle.loaded
    request = signer.sign(case)
    for name, now_ms, valid in case.moments():
        clock(now_ms)
        verdict = knocker.verify(case, request, case.secret, now_ms)
        assert verdict.valid is valid, f"Knocker and {name}: {verdict}"
        assert valid or verdict.reason == "timestamp_out_of_tolerance"
        accepts = oracle.accepts(request, case.secret)
        assert accepts is oracle.expected(name, valid), f"the library and {name}"
        ran(oracle, name)
