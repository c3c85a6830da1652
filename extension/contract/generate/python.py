"""Python: errors, records, settings, filters."""

from __future__ import annotations

from contract import NOTICE, PRIVATE, Contract, Named, Spelling, meaning_of, wrapped

FOLDER = "packages/python/src/knocker"
WIDTH = 140

SPELLING = Spelling(
    name=lambda name: name,
    method=lambda method: "knocker.open()" if method == "open" else f"hooks.{method}()",
    code="``",
    words={"null": "None", "true": "True", "false": "False"},
)
# A hint is read in a terminal.
HINT_SPELLING = Spelling(SPELLING.name, SPELLING.method, "`", {})

# Where Python has more to say than the contract.
HINTS = {
    "library_not_found": "Set KNOCKER_EXTENSION to the path of libknocker, or install the knocker-sqlite wheel of this platform.",
    "cannot_load": "`python -m knocker path` prints which library is used; it must be built for this platform.",
    "forked": "Fork before workers start, start them in the child, or begin the child anew (multiprocessing's spawn, subprocess).",
}

TYPES = {
    "text": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "time": "datetime",
    "bytes": "bytes",
    "object": "Mapping[str, Any]",
    "headers": "Mapping[str, Any]",
    "texts": "Mapping[str, str]",
}

SETTINGS = ["BackoffSettings", "EndpointSettings"]


def files(contract: Contract) -> dict[str, str]:
    """The generated files by their paths."""
    others = [argument["name"] for argument in contract.generated_arguments() if argument["name"] not in SETTINGS]
    return {
        f"{FOLDER}/contract.py": constants(contract),
        f"{FOLDER}/errors.py": errors(contract),
        f"{FOLDER}/records.py": records(contract),
        f"{FOLDER}/settings.py": arguments(contract, SETTINGS, "The settings of an endpoint"),
        f"{FOLDER}/filters.py": arguments(contract, others, "What actions, filters and policies may say"),
    }


def docstring(text: str, indent: str = "") -> str:
    """A docstring of one line, or of several."""
    if len(indent) + len(text) + 6 <= WIDTH:
        return f'{indent}"""{text}"""\n'
    lines = wrapped(text, WIDTH, indent + '"""', indent)
    if len(lines[-1]) + 3 > WIDTH:
        return "\n".join(lines) + f'\n{indent}"""\n'
    return "\n".join(lines) + '"""\n'


def literal(text: str, indent: str, before: int) -> str:
    """A text, in several pieces where the line would be too long. ``before`` is the length of what stands before it in its line."""
    quoted = quote(text)
    if before + len(quoted) <= WIDTH:
        return quoted
    pieces = [text] if len(indent) + 4 + len(quoted) <= WIDTH else wrapped(text, 110)
    pieces = [piece + " " for piece in pieces[:-1]] + pieces[-1:]
    return "(\n" + "".join(f"{indent}    {quote(piece)}\n" for piece in pieces) + f"{indent})"


def quote(text: str) -> str:
    if '"' in text and "'" not in text:
        return f"'{text}'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def module(about: str, *imports: str) -> str:
    return (
        f"# {NOTICE}\n" + docstring(f"{about}.") + "\nfrom __future__ import annotations\n" + "".join(f"\n{block}\n" for block in imports)
    )


def exports(names: list[str]) -> str:
    return "\n__all__ = [\n" + "".join(f'    "{name}",\n' for name in sorted(names)) + "]\n"


def constants(contract: Contract) -> str:
    library = contract.data["library"]
    text = module("What the library and the package agree on")
    text += f'\nVERSION = "{contract.data["version"]}"\n"""The version that this package was made with: the library must not be older."""\n'
    text += (
        f'\nENTRY_POINT = "{library["entry_point"]}"\n"""The library\'s function that SQLite calls; not every loader derives its name."""\n'
    )
    text += f'\nOLDEST_SQLITE = "{library["oldest_sqlite"]}"\n"""The oldest SQLite that the library works with."""\n'
    names = {"linux": "linux", "macos": "darwin", "windows": "win32"}
    pairs = "".join(f'    "{names[system]}": "{name}",\n' for system, name in library["files"].items())
    text += f'\nLIBRARY_FILES = {{\n{pairs}}}\n"""The library\'s file name by ``sys.platform``."""\n'
    metrics = contract.data["metrics"]
    formats = "".join(f'    "{one["name"]}": "{one["content_type"]}",\n' for one in metrics["formats"])
    text += f'\nMETRICS_CONTENT_TYPES = {{\n{formats}}}\n"""What a response says of the formats of metrics."""\n'
    bounds = ", ".join(str(bound) for bound in metrics["receive_bounds_us"])
    text += f'\nRECEIVE_BOUNDS_US = ({bounds})\n"""The bounds between which it is counted how long receipts took, in microseconds."""\n'
    pairs = "".join(f'    {result}: "{code}",\n' for result, code in result_codes(contract))
    text += f'\nRESULT_CODES = {{\n{pairs}}}\n"""The codes that SQLite\'s primary result codes stand for; every other one is ``sqlite_error``."""\n'
    return text


def result_codes(contract: Contract) -> list[tuple[int, str]]:
    return sorted((int(result), code) for result, code in contract.data["errors"]["result_codes"].items())


def errors(contract: Contract) -> str:
    about = "Errors: one class tree under :class:`KnockerError`, a class for each code"
    names = ["KnockerError"] + [f"{name}Error" for name, _, _ in contract.classes()]
    text = module(about, "from knocker.knocker_error import KnockerError") + exports(names)
    for name, base, facts in contract.classes():
        text += f"\n\nclass {name}Error({base}Error):\n" + docstring(contract.told(facts["about"], SPELLING), "    ")
        if "code" not in facts:
            continue
        text += f'\n    code = "{facts["code"]}"\n    retryable = {facts["retryable"]}\n'
        hint = HINTS.get(facts["code"]) or contract.told(facts["hint"], HINT_SPELLING)
        text += f"    hint = {literal(hint, '    ', 11)}\n"
    text += "\n\nERRORS: dict[str, type[KnockerError]] = {\n"
    text += "".join(f'    "{error["code"]}": {error["class"]}Error,\n' for error in contract.errors)
    return text + '}\n"""Every class by its code."""\n'


def records(contract: Contract) -> str:
    known = contract.generated_records()
    lists = [one for one in contract.lists.values() if any(field["type"] == one["name"] for record in known for field in record["fields"])]
    about = "Results of calls and rows of the views. Times are aware datetimes in UTC; what a newer library adds is passed over"
    text = module(
        about,
        "import json\nfrom collections.abc import Mapping\nfrom dataclasses import dataclass, field\nfrom datetime import datetime\n"
        "from typing import Any, Literal",
        "from knocker.event import made, to_datetime",
    )
    text += exports([one["name"] for one in lists] + [record["name"] for record in known])
    for one in lists:
        text += "\n" + alias(contract, one)
    for record in known:
        text += record_class(contract, record)
    return text


def alias(contract: Contract, one: Named) -> str:
    words = ", ".join(f'"{word["name"]}"' for word in one["words"])
    line = f"{one['name']} = Literal[{words}]\n"
    if len(line) > WIDTH:
        line = f"{one['name']} = Literal[\n" + "".join(f'    "{word["name"]}",\n' for word in one["words"]) + "]\n"
    return line + docstring(contract.told(one["about"], SPELLING))


def field_type(contract: Contract, field: Named) -> str:
    kind = TYPES.get(field["type"], field["type"])
    if field.get("list"):
        kind = f"tuple[{kind}, ...]"
    return f"{kind} | None" if field["nullable"] else kind


def record_class(contract: Contract, record: Named) -> str:
    name = record["name"]
    text = f"\n\n@dataclass(frozen=True)\nclass {name}:\n" + docstring(contract.told(record["about"], SPELLING), "    ") + "\n"
    for field in record["fields"]:
        line = f"    {field['name']}: {field_type(contract, field)}"
        if field["name"] in PRIVATE:
            line += f" = field({'default=None, ' if field['name'] == 'body' and field['nullable'] else ''}repr=False)"
        text += line + "\n" + docstring(contract.told(field["about"], SPELLING), "    ")
    text += f"\n    @classmethod\n    def read(cls, values: Mapping[str, Any]) -> {name}:\n"
    source = "a row of the view" if name in contract.rows() else "a result"
    text += f'        """From {source}."""\n        return made(\n            cls,\n'
    text += "".join(f"            {field['name']}={reading(contract, field, name in contract.rows())},\n" for field in record["fields"])
    return text + "        )\n"


def reading(contract: Contract, field: Named, in_row: bool) -> str:
    """The expression that reads one field of ``values``."""
    value = f'values["{field["name"]}"]'
    kind = field["type"]
    is_record = kind in contract.records
    if field.get("list"):
        return f"tuple([{kind}.read(one) for one in {value}])" if is_record else f"tuple({value})"
    if in_row and (is_record or kind in ("object", "headers", "texts")):
        value = f"json.loads({value})"
    if is_record:
        value = f"{kind}.read({value})"
    elif kind == "time":
        value = f"to_datetime({value})"
    elif kind == "boolean" and in_row:
        value = f"bool({value})"
    if not field["nullable"]:
        return value
    plain = f'values.get("{field["name"]}")'
    return plain if value.startswith("values[") else f"None if {plain} is None else {value}"


def argument_type(contract: Contract, key: Named) -> str:
    name, kind = key["name"], TYPES.get(key["type"], key["type"])
    if key["type"] == "time":
        kind = "Moment"
    elif key.get("unit") == "seconds":
        kind = "float | timedelta" if key["type"] == "number" else "int | timedelta"
    elif key["type"] == "headers":
        kind = "HeadersLike"
    if key.get("list"):
        kind = f"{kind} | Collection[{kind}]"
    # The default is what None means.
    return kind if name == "valid" else f"{kind} | None"


def arguments(contract: Contract, names: list[str], about: str) -> str:
    known = [contract.arguments[name] for name in names]
    types = {argument_type(contract, key) for argument in known for key in argument["keys"]}
    words = {key["type"]: contract.lists[key["type"]] for argument in known for key in argument["keys"] if key["type"] in contract.lists}
    in_records = {field["type"] for record in contract.generated_records() for field in record["fields"]}
    imported = sorted(name for name in words if name in in_records)
    own = [one for name, one in words.items() if name not in in_records]
    uses = " ".join(sorted(types)) + ("Literal[" if own else "")
    collections = [name for name in ("Collection", "Mapping") if f"{name}[" in uses]
    standard = [f"from collections.abc import {', '.join(collections)}"] if collections else []
    if "timedelta" in uses:
        standard.append("from datetime import timedelta")
    typing = [name for name in ("Any", "Literal") if name + ("]" if name == "Any" else "[") in uses] + ["TypedDict"]
    standard.append(f"from typing import {', '.join(typing)}")
    ours = []
    if "Moment" in uses:
        ours.append("from knocker.event import Moment")
    if imported:
        ours.append(f"from knocker.records import {', '.join(imported)}")
    if "HeadersLike" in uses:
        ours.append("from knocker.request import HeadersLike")
    text = module(about, "\n".join(standard), *(["\n".join(ours)] if ours else []))
    text += exports([argument["name"] for argument in known] + [one["name"] for one in own])
    for one in own:
        text += "\n" + alias(contract, one)
    for argument in known:
        text += (
            f"\n\nclass {argument['name']}(TypedDict, total=False):\n"
            + docstring(contract.told(argument["about"], SPELLING), "    ")
            + "\n"
        )
        for key in argument["keys"]:
            text += f"    {key['name']}: {argument_type(contract, key)}\n" + docstring(contract.told(meaning_of(key), SPELLING), "    ")
    return text
