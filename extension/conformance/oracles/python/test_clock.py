"""Both draw the line between fresh and stale at the same second."""

from __future__ import annotations

from collections.abc import Callable

import signer
from case import NOW_MS
from knocker import Knocker
from oracle import Oracle


def test_both_agree_on_age(oracle: Oracle, knocker: Knocker, clock: Callable[[int], None], ran: Callable[[Oracle, str], None]) -> None:
    case = oracle.loaded
    if case.tolerance_s is None:
        assert not {"limit", "stale", "future"} & set(oracle.differs), "a case without a tolerance has nothing to differ in"
        return
    tolerance_ms = case.tolerance_s * 1000
    moments = {
        "limit": (NOW_MS + tolerance_ms, True),
        "stale": (NOW_MS + tolerance_ms + 1000, False),
        "future": (NOW_MS - tolerance_ms - 1000, case.future == "accepted"),
    }
    request = signer.sign(case)
    for name, (now_ms, valid) in moments.items():
        clock(now_ms)
        verdict = knocker.verify(case, request, case.secret, now_ms)
        assert verdict.valid is valid, f"{name}: {verdict}"
        assert valid or verdict.reason == "timestamp_out_of_tolerance"
        assert oracle.accepts(request, case.secret) is (valid is not (name in oracle.differs)), f"{oracle}: {name}"
        ran(oracle, name)
