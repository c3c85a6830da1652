"""The traps of each provider: what is nearly right, and what only looks wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

import signer
from case import NOW_MS, Case
from knocker import Knocker, Verdict
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
    for name, value in {"a cut signature": whole[:-1], "a padded signature": whole + b"0"}.items():
        altered = case.signature.write(request, signer.encode(encoding, value))
        verdict = knocker.verify(case, altered, case.secret)
        assert not verdict.valid, f"Knocker and {name}"
        accepts = oracle.accepts(altered, case.secret)
        assert accepts is oracle.expected(name, valid=False), f"the library and {name}"
        ran(oracle, name)


def test_a_blank_secret_verifies_nothing(oracle: Oracle, knocker: Knocker, ran: Record) -> None:
    case = oracle.loaded
    if case.blank_secret is None:
        return
    verdict = agree(oracle, knocker, replace(case, secret=case.blank_secret), "a blank secret", False)
    assert verdict.reason == "no_secret"
    ran(oracle, "a blank secret")


def agree(oracle: Oracle, knocker: Knocker, case: Case, name: str, valid: bool, now_ms: int = NOW_MS) -> Verdict:
    """Knocker says `valid`, and the library the same unless it is known to differ."""
    request = signer.sign(case, now_ms)
    verdict = knocker.verify(case, request, case.secret, now_ms)
    assert verdict.valid is valid, f"Knocker and {name}: {verdict}"
    accepts = oracle.accepts(request, case.secret)
    assert accepts is oracle.expected(name, valid), f"the library and {name}"
    return verdict
