"""What the contract names is there, under its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import knocker

CONTRACT: dict[str, Any] = json.loads((Path(__file__).parents[3] / "extension/contract/contract.json").read_text())
# A test's requests are signed by knocker.testing.
ELSEWHERE = {"SignedRequest"}


@pytest.mark.parametrize("part", ["concepts", "records", "arguments", "lists"])
def test_every_type_is_public(part: str) -> None:
    names = {one["name"] for one in CONTRACT[part]} - ELSEWHERE
    assert {name for name in names if name not in knocker.__all__ or not hasattr(knocker, name)} == set()


def test_every_call_is_a_method() -> None:
    methods = [function["method"] for function in CONTRACT["functions"] if "method" in function]
    assert len(methods) > 20
    assert [method for method in methods if not hasattr(getattr(knocker, method["of"]), method["name"])] == []
