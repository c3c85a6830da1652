"""Prints the public classes and functions of the Python package as Markdown: what griffe, the reader of pdoc's and mkdocstrings' kind, finds in the sources."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import griffe

SOURCES = Path(sys.argv[1])
MODULES = ["knocker", "knocker.testing", "knocker.sqlalchemy"]
ROLE = re.compile(r":(?:[a-z]+:)?[a-z]+:`~?([^`]+)`")


def prose(docstring: griffe.Docstring | None) -> str:
    """The docstring with names in one pair of backticks, and its indented parts as blocks."""
    if not docstring:
        return ""
    text = ROLE.sub(lambda found: f"`{found[1].removeprefix('.')}`", docstring.value)
    text = re.sub(r"``([^`]+)``", r"`\1`", text).replace("::\n", ":\n")
    lines, code = [], False
    for line in text.splitlines():
        if line.startswith("    ") and not code:
            code = True
            lines += ["```python"]
        elif line.strip() and not line.startswith("    ") and code:
            code = False
            while not lines[-1]:
                lines.pop()
            lines += ["```", ""]
        lines.append(line[4:] if code else line)
    return "\n".join([*lines, "```"] if code else lines)


def parameters(function: griffe.Function) -> str:
    shown, star = [], False
    for parameter in function.parameters:
        if parameter.name in ("self", "cls"):
            continue
        kind = parameter.kind
        if kind is griffe.ParameterKind.keyword_only and not star:
            star = True
            shown.append("*")
        star = star or kind is griffe.ParameterKind.var_positional
        mark = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}.get(kind, "")
        typed = f": {parameter.annotation}" if parameter.annotation else ""
        default = f" = {parameter.default}" if parameter.default is not None and not mark else ""
        shown.append(f"{mark}{parameter.name}{typed}{default}")
    joined = ", ".join(shown)
    return joined if len(joined) < 90 else "\n    " + ",\n    ".join(shown) + ",\n"


def signature(function: griffe.Function) -> str:
    returned = f" -> {function.returns}" if function.returns else ""
    return f"{'async ' if 'async' in function.labels else ''}def {function.name}({parameters(function)}){returned}"


def block(code: str) -> str:
    return f"```python\n{code}\n```"


def target(member: Any) -> Any:
    return member.final_target if member.is_alias else member


def members(of: griffe.Class, shown: set[str]) -> list[Any]:
    """Those of the class, and those it has from classes that have no section of their own."""
    own = [member for name, member in of.members.items() if not name.startswith("_")]
    there = {member.name for member in own}
    above = [target(member) for name, member in of.inherited_members.items() if not name.startswith("_") and name not in there]
    found = [*map(target, own), *(member for member in above if member.parent.name not in shown)]
    # What makes a record of a row is of no use to who has the record.
    return [member for member in found if member.name != "read"]


def class_(name: str, of: griffe.Class, shown: set[str]) -> list[str]:
    bases = ", ".join(str(base) for base in of.bases if not str(base).startswith("_"))
    fields, parts = [], []
    for member in members(of, shown):
        if member.is_function:
            parts += [f"### {name}.{member.name}", block(signature(member)), prose(member.docstring)]
        elif member.is_attribute:
            typed = f": {member.annotation}" if member.annotation else ""
            said = re.sub(r"\s+", " ", prose(member.docstring))
            fields.append(f"    {member.name}{typed}" + (f"  # {said}" if said else ""))
    head = f"class {name}({bases})" if bases else f"class {name}"
    return [f"## {name}", block("\n".join([f"{head}:", *fields]) if fields else head), prose(of.docstring), *parts]


# What one begins with, and then what it takes and gives.
LAST = ["settings", "filters", "records", "errors"]


def order(of: Any) -> tuple[int, str]:
    module = of.canonical_path.split(".")[1]
    return (LAST.index(module) + 1 if module in LAST else 0, "" if of.name == "open_hooks" else of.name.lower())


def public(module: griffe.Module) -> list[str]:
    if module.exports is not None:
        return sorted({str(name) for name in module.exports}, key=str.lower)
    return [name for name, member in module.members.items() if not name.startswith("_") and not member.is_alias and not member.is_module]


def page(loader: griffe.GriffeLoader, path: str) -> list[str]:
    module = loader.modules_collection[path]
    parts = [] if path == "knocker" else [f"## {path}", prose(module.docstring)]
    names = public(module)
    errors = {name: of for name in names if (of := target(module.members[name])).is_class and is_error(of)}
    for name in sorted(set(names) - set(errors), key=lambda name: order(target(module.members[name]))):
        of = target(module.members[name])
        if of.is_class:
            parts += class_(name, of, set(names))
        elif of.is_function:
            shown = signature(of).replace(f"def {of.name}(", f"def {name}(", 1)
            parts += [f"## {path}.{name}", block(shown), prose(of.docstring)]
        elif of.is_attribute and of.docstring:
            parts += [f"## {path}.{name}", block(f"{name} = {of.value}"), prose(of.docstring)]
    return [*parts, "## Errors", table(errors)] if errors else parts


def is_error(of: griffe.Class) -> bool:
    """Errors differ in their names and what they say alone."""
    return of.canonical_path.startswith("knocker.errors.") and of.name != "KnockerError"


def table(errors: dict[str, griffe.Class]) -> str:
    rows = []
    for name, of in sorted(errors.items()):
        said = re.sub(r"\s+", " ", prose(of.docstring)).replace("|", r"\|")
        rows.append(f"| `{name}` | {', '.join(f'`{base}`' for base in of.bases)} | {said} |")
    return "\n".join(["| error | is a | meaning |", "|---|---|---|", *rows])


def main() -> None:
    loader = griffe.GriffeLoader(search_paths=[SOURCES])
    loader.load("knocker")
    loader.expand_exports(loader.modules_collection["knocker"])
    loader.resolve_aliases(external=False)
    parts = [part for module in MODULES for part in page(loader, module)]
    print("\n\n".join(part for part in parts if part))


main()
