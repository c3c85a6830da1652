"""``docs/vocabulary.md``: one concept, one name, in each language's spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from contract import Contract, Spelling, camel, pascal
from golang import error_name

SPELLING = Spelling(name=lambda name: name, method=lambda name: f"{name}()", code="`", words={})

HEAD = """<!-- Generated from extension/contract/contract.json by `make contract`; do not edit. -->
# Vocabulary

The same concept has the same name in SQL, in Rust and in each package, in that language's spelling. Fields, settings and the keys of filters are spelled as the methods are:
`max_attempts` in SQL, Rust, Python, Ruby and Elixir, `maxAttempts` in JavaScript, `MaxAttempts` in Go. Words in rows (`lease_expired`) are the same everywhere.

Four things that are easily confused have four names: a signature's **verdict** (`Verdict`), what a handler says (`Decision`), how one attempt ended (`AttemptResult`), and what became
of a delivery (`DeliveryOutcome`).

Go says settings and options as functions (`knocker.MaxAttempts(5)`, `knocker.Force()`), and has no types of their names. Ruby says words as
Symbols (`Knocker::EVENT_STATUSES` lists those of `EventStatus`), and settings and filters as keywords (`Knocker::BulkFilter::KEYS`). Elixir's calls are functions of `Knocker`, whose first argument is the name of the hooks.
"""

COLUMNS = ["what", "SQL", "Rust", "Python", "JavaScript", "Go", "Ruby", "Elixir", "meaning"]


def files(contract: Contract) -> dict[str, str]:
    """The generated file by its path."""
    rows = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    rows += [f"| {' | '.join(row)} |" for row in table(contract)]
    return {"docs/vocabulary.md": HEAD + "\n" + "\n".join(rows) + "\n"}


def table(contract: Contract) -> Iterator[list[str]]:
    """The rows."""
    rust = rust_names(contract.root)
    views = {view["record"]: view["name"] for view in contract.data["views"]}
    concepts = {concept["name"] for concept in contract.data["concepts"]}
    for concept in contract.data["concepts"]:
        yield typed("type", concept["name"], code(views.get(concept["name"], "")), "", concept["about"], contract)
    for name, record in contract.records.items():
        if name == "SignedRequest":
            # For tests: each package has a helper of its own kind.
            continue
        if name not in concepts:
            yield typed("record", name, code(views.get(name, "")), rust.get(name, ""), record["about"], contract)
    for name, argument in contract.arguments.items():
        if name not in concepts:
            yield typed("argument", name, "", rust.get(name, ""), argument["about"], contract)
    for name, one in contract.lists.items():
        yield typed("words", name, "", rust.get(name, ""), one["about"], contract)
    for function in contract.data["functions"]:
        if "method" not in function:
            continue
        of, name = function["method"]["of"], function["method"]["name"]
        about = contract.told(function["about"], SPELLING)
        where = of.lower()
        yield [
            "call", code(function["name"]), "", code(f"{where}.{name}()"), code(f"{where}.{camel(name)}()"), code(f"{where}.{pascal(name)}()"),
            code(f"{where}.{name}"), code(f"Knocker.Leases.{name}" if of == "Leases" else f"Knocker.{name}"), about,
        ]  # fmt: skip
    for error in contract.errors:
        name = f"{error['class']}Error"
        yield [
            "error", code(error["code"]), rust.get(error["code"], ""), code(name), code(name), code(error_name(error["class"])), code(f"Knocker::{name}"), code(f"Knocker.{name}"),
            contract.told(error["about"], SPELLING),
        ]  # fmt: skip


def rust_names(root: Path) -> dict[str, str]:
    """The types that the core has, and the variants of its codes."""
    sources = "".join(path.read_text() for path in (root / "extension/core/src").rglob("*.rs"))
    types = {name: code(name) for name in re.findall(r"\b(?:struct|enum) (\w+)", sources)}
    return types | {name: code(f"Code::{variant}") for variant, name in re.findall(r'(\w+) = "(\w+)", \w+, (?:true|false),', sources)}


def typed(what: str, name: str, sql: str, rust: str, about: str, contract: Contract) -> list[str]:
    """The row of a type."""
    told = contract.told(about, SPELLING)
    return [what, sql, rust, code(name), code(name), code(name), code(f"Knocker::{name}"), code(f"Knocker.{name}"), told]


def code(text: str) -> str:
    return f"`{text}`" if text else ""
