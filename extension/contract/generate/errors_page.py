"""``docs/errors.md``: the codes, what they mean, and what to do."""

from __future__ import annotations

from contract import Contract, Named, Spelling

SPELLING = Spelling(name=lambda name: name, method=lambda name: f"{name}()", code="`", words={})

HEAD = """<!-- Generated from extension/contract/contract.json by `make contract`; do not edit. -->
# Errors

Every failure has a code. In SQL the text of an error is `knocker: <code>: <message>`; each package raises a class of its own for each code, which has the code, whether it is worth to
try again (`retryable`), and a hint. The class has the code's name: `bad_state` is `BadStateError`; [vocabulary.md](vocabulary.md) has them all. Above them stand the classes of the families.

A code that a package does not know, because the library is newer, is an error of the base class with that code.
"""


def files(contract: Contract) -> dict[str, str]:
    """The generated file by its path."""
    text = HEAD + "\n" + table(contract, "extension", "## Of the extension", "what to do in SQL")
    text += "\n" + table(contract, "packages", "## Of the packages alone", "what to do")
    text += "\n## Of SQLite itself\n\nWhere SQLite fails outside of a function of ours, its primary result code stands for one of these; every other one is `sqlite_error`.\n\n"
    text += "| result code | code |\n|---|---|\n"
    text += "".join(f"| {result} | `{code}` |\n" for result, code in sorted(results(contract)))
    return {"docs/errors.md": text}


def table(contract: Contract, of: str, heading: str, advice: str) -> str:
    rows = [f"{heading}\n\n| code | family | again | meaning | {advice} |\n|---|---|---|---|---|\n"]
    for error in contract.errors:
        if error["of"] == of:
            family = f"`{error['family']}Error`" if error["family"] else ""
            again = "yes" if error["retryable"] else ""
            rows.append(
                f"| `{error['code']}` | {family} | {again} | {contract.told(error['about'], SPELLING)} | {hint(contract, error)} |\n"
            )
    return "".join(rows)


def hint(contract: Contract, error: Named) -> str:
    return str(error.get("sql_hint") or contract.told(error["hint"], SPELLING))


def results(contract: Contract) -> list[tuple[int, str]]:
    return [(int(result), code) for result, code in contract.data["errors"]["result_codes"].items()]
