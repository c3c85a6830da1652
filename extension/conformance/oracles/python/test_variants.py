"""The traps of each provider: what is nearly right, and what only looks wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import signer
from case import NOW_MS, Case
from knocker import Knocker
from oracle import Oracle

Record = Callable[[Oracle, str], None]
pytestmark = pytest.mark.usefixtures("clock")


def test_both_agree_on_the_variants(oracle: Oracle, knocker: Knocker, clock: Callable[[int], None], ran: Record) -> None:
    case = oracle.loaded
    for changes in case.variants:
        name, now_ms = changes["name"], changes.get("now_ms", NOW_MS)
        clock(now_ms)
        agree(oracle, knocker, case.variant(changes), name, changes["valid"], now_ms)
        ran(oracle, name)


def test_both_refuse_a_cut_and_a_padded_signature(oracle: Oracle, knocker: Knocker, ran: Record) -> None:
    case = oracle.loaded
    request = signer.sign(case)
    encoding = case.signature.encoding
    whole = signer.decode(encoding, case.signature.read(request))
    for name, value in {"cut signature": whole[:-1], "padded signature": whole + b"0"}.items():
        altered = case.signature.write(request, signer.encode(encoding, value))
        assert not knocker.verify(case, altered, case.secret).valid, name
        assert oracle.accepts(altered, case.secret) is (name in oracle.differs), f"{oracle}: {name}"
        ran(oracle, name)


def test_a_blank_secret_verifies_nothing(oracle: Oracle, knocker: Knocker, ran: Record) -> None:
    case = oracle.loaded
    if case.blank_secret is None:
        return
    blank = replace(case, secret=case.blank_secret)
    agree(oracle, knocker, blank, "blank secret", False)
    assert knocker.verify(blank, signer.sign(blank), blank.secret).reason == "no_secret"
    ran(oracle, "blank secret")


def agree(oracle: Oracle, knocker: Knocker, case: Case, name: str, valid: bool, now_ms: int = NOW_MS) -> None:
    """Knocker says `valid`, and the library the same unless it is known to differ."""
    request = signer.sign(case, now_ms)
    verdict = knocker.verify(case, request, case.secret, now_ms)
    assert verdict.valid is valid, f"{name}: {verdict}"
    assert oracle.accepts(request, case.secret) is (valid is not (name in oracle.differs)), f"{oracle}: {name}"
