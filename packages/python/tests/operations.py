"""The operations of the conformance data, as the contract lists them: what they are called, and the arguments that they take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONTRACT = json.loads((Path(__file__).resolve().parents[3] / "extension/contract/contract.json").read_text())
# A function without a method of the package, but a test needs it; and reads, which have views and a text in place of records.
_SIGN = "knocker_sign"
_READS: dict[str, dict[str, bool]] = {"jobs": {"worker": False}, "select": {"view": False, "where": True}, "metrics": {}}


def _operations() -> dict[str, dict[str, bool]]:
    called = [function for function in CONTRACT["functions"] if "method" in function or function["name"] == _SIGN]
    # Each takes the clock, which a runner injects.
    arguments = {one["name"]: {a["name"]: a["optional"] for a in one["arguments"] if a["name"] != "now"} for one in called}
    return {name.removeprefix("knocker_"): given for name, given in arguments.items()} | _READS


OPERATIONS = _operations()
"""Arguments by operation, and whether each may be left out."""


def check_arguments(op: str, given: dict[str, Any]) -> None:
    """Raises AssertionError for an operation or an argument that the contract does not know, and where one is missing."""
    assert op in OPERATIONS, f"the contract knows no operation {op}"
    names = {"body" if name == "body_base64" else name for name in given}
    assert names <= OPERATIONS[op].keys(), f"{op} takes no {names - OPERATIONS[op].keys()}"
    # No body is an empty one.
    required = {name for name, optional in OPERATIONS[op].items() if not optional} - {"body"}
    assert required <= names, f"{op} needs {required - names}"
