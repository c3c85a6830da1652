"""The Go package's part of the contract: errors, records, settings of endpoints, and filters."""

from __future__ import annotations

import copy
import re

from contract import Contract, Named, Spelling, default_of, snake, wrapped

Json = Named

# The form that Go's own tools know generated files by.
HEADER = "// Code generated from extension/contract/contract.json by `make contract`. DO NOT EDIT.\n\npackage knocker\n"
FOLDER = "packages/go"
WIDTH = 140

# What stands before a word in the name of its constant, where that is not the list's own name.
PREFIXES = {
    "AttemptResult": "Attempt",
    "DeliveryOutcome": "Delivery",
    "EventStatus": "Event",
    "OnRedelivery": "Redelivery",
    "PruneKind": "Prune",
    "ReceiptOutcome": "Receipt",
    "VerdictKind": "Verdict",
}
# The package's own words for what a handler decides.
NOT_WRITTEN = {"Decision"}
# Named otherwise than the setting, because a type or a function of that name is there.
OPTION_NAMES = {"options": "ProviderOptions", "backoff": "WithBackoff", "unhandled": "WithUnhandled", "on_redelivery": "WithOnRedelivery"}
ARGUMENTS = ["IngestFields", "BulkFilter", "PruneEventsFilter", "PruneDeliveriesFilter", "RetentionSettings", "BackoffSettings"]
INITIALISMS = {"id": "ID", "url": "URL", "sha256": "SHA256", "io": "IO", "sqlite": "SQLite", "json": "JSON", "ids": "IDs"}
UNITS = {"_ms": "time.Millisecond", "_s": "time.Second"}
# The types of keys that take some words of a list only.
WORDS_OF = {"PrunableStatus": "EventStatus", "LooseOutcome": "DeliveryOutcome"}


def files(contract: Contract) -> dict[str, str]:
    """Each generated file's path and text."""
    contract = spelled(contract)
    return {
        f"{FOLDER}/errors_gen.go": errors(contract),
        f"{FOLDER}/records_gen.go": records(contract),
        f"{FOLDER}/settings_gen.go": settings(contract),
        f"{FOLDER}/filters_gen.go": filters(contract),
        f"{FOLDER}/metrics_gen.go": metrics(contract),
    }


def spelled(contract: Contract) -> Contract:
    """The same with every meaning in Go's spelling."""
    contract = copy.deepcopy(contract)

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("about"), str):
                value["about"] = contract.told(value["about"], SPELLING)
            for one in value.values():
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    # The parts by name are those of the data.
    walk(contract.data)
    return contract


def exported(name: str) -> str:
    """`max_attempts` as `MaxAttempts`, `event_id` as `EventID`."""
    return "".join(INITIALISMS.get(part, part[:1].upper() + part[1:]) for part in name.split("_"))


def uncapped(text: str) -> str:
    """As it follows a name; names and abbreviations keep their capitals."""
    return text if text[1:2].isupper() or not text[:1].isupper() else text[0].lower() + text[1:]


def error_name(class_name: str) -> str:
    """`UnknownEndpoint` as `ErrUnknownEndpoint`, `Io` as `ErrIO`."""
    return "Err" + class_name.replace("Sqlite", "SQLite").replace("Io", "IO")


def comment(text: str, indent: str = "") -> str:
    """A doc comment, wrapped."""
    lines = wrapped(text, WIDTH - len(indent.expandtabs(4)) - 3)
    return "".join(f"{indent}// {line}\n" for line in lines)


def quoted(text: str) -> str:
    """A Go string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def method(name: str) -> str:
    return "Open" if name == "open" else f"Hooks.{exported(name)}"


def spelled_name(name: str) -> str:
    """A key or a field by the name that it has in Go, without the unit that its type has."""
    return exported(re.sub(r"_m?s$", "", name))


SPELLING = Spelling(name=spelled_name, method=method, code="", words={"null": "nil"})


# --- metrics ---


def metrics(contract: Contract) -> str:
    known = contract.data["metrics"]
    bounds = known["receive_bounds_us"]
    out = [HEADER, "\nconst (\n"]
    longest = max(len(one["name"]) for one in known["formats"])
    for one in known["formats"]:
        name = f"{one['name']}Type".ljust(longest + len("Type"))
        out.append(f"\t{name} = {quoted(one['content_type'])}\n")
    numbers = ", ".join(map(str, bounds))
    out.append(")\n\n// receiveBoundsUS are the bounds between which it is counted how long receipts took, in microseconds.\n")
    out.append(f"var receiveBoundsUS = [{len(bounds)}]int64{{{numbers}}}\n")
    return "".join(out)


# --- errors ---


def errors(contract: Contract) -> str:
    version, oldest = quoted(contract.data["version"]), quoted(contract.data["library"]["oldest_sqlite"])
    out = [
        HEADER,
        f"\n// contractVersion is the version of the library that this module was written for.\nconst contractVersion = {version}\n\n// oldestSQLite is the oldest SQLite that the library works with.\nconst oldestSQLite = {oldest}\n\n// What [errors.Is] finds in an [Error]: one code each, but for those that say they are a family.\nvar (\n",
    ]
    blocks = []
    for family in contract.families.values():
        name = error_name(family["class"])
        blocks.append(
            comment(f"{name} is a family: {uncapped(family['about'])}", "\t")
            + f"\t{name} = &Error{{Code: {quoted(snake(family['class']))}}}\n"
        )
    for code in contract.errors:
        name = error_name(code["class"])
        blocks.append(comment(f"{name}: {uncapped(code['about'])}", "\t") + f"\t{name} = &Error{{Code: {quoted(code['code'])}}}\n")
    out += ["\n".join(blocks), ")\n\n// factsOf says what is known of a code.\nfunc factsOf(code string) facts {\n\tswitch code {\n"]
    for code in contract.errors:
        family = quoted(snake(code["family"])) if code["family"] else '""'
        retryable = "true" if code["retryable"] else "false"
        out.append(
            f"\tcase {quoted(code['code'])}:\n\t\treturn facts{{{family}, {retryable}, {quoted(contract.told(code['hint'], SPELLING))}}}\n"
        )
    out.append(
        "\t}\n\treturn facts{}\n}\n\n// codeOfResult is the code that a primary result code of SQLite stands for.\nfunc codeOfResult(result int) string {\n\tswitch result {\n"
    )
    codes: dict[str, list[str]] = {}
    for result, code in contract.data["errors"]["result_codes"].items():
        codes.setdefault(code, []).append(result)
    for code, results in codes.items():
        out.append(f"\tcase {', '.join(results)}:\n\t\treturn {quoted(code)}\n")
    out.append('\t}\n\treturn "sqlite_error"\n}\n')
    return "".join(out)


# --- records ---


def unit_of(field: Json) -> str | None:
    return next((suffix for suffix in UNITS if field["name"].endswith(suffix) and field.get("unit")), None)


def field_name(field: Json) -> str:
    """Without its unit, which the type has."""
    unit = unit_of(field)
    return exported(field["name"].removesuffix(unit) if unit else field["name"])


def plain_type(kind: str) -> str:
    """The Go type of a value that JSON and SQLite have as it is."""
    kind = WORDS_OF.get(kind, kind)
    return {
        "integer": "int64", "number": "float64", "text": "string", "boolean": "bool", "bytes": "[]byte", "object": "map[string]any",
        "texts": "map[string]string", "headers": "http.Header", "time": "time.Time",
    }.get(kind, kind)  # fmt: skip


def type_of(field: Json, *, argument: bool = False) -> str:
    """Null is the zero value, but for a duration that may be zero and none."""
    if unit_of(field):
        pointer = not argument and field.get("nullable") and field["name"].endswith("_ms")
        return "*time.Duration" if pointer else "time.Duration"
    name = plain_type(field["type"])
    return f"[]{name}" if field.get("list") else name


def struct(name: str, about: str, fields: list[Json], *, argument: bool = False, tags: bool = False) -> str:
    out = [comment(f"{name}: {uncapped(about)}"), f"type {name} struct {{\n"]
    rows = []
    for field in fields:
        tag = f' `json:"{field["name"]}"`' if tags else ""
        rows.append(
            comment(f"{field_name(field)}: {uncapped(field['about'])}", "\t")
            + f"\t{field_name(field)} {type_of(field, argument=argument)}{tag}\n"
        )
    return "".join([*out, "\n".join(rows), "}\n"])


def records(contract: Contract) -> str:
    views = {view["record"]: view["name"] for view in contract.data["views"]}
    parts = []
    for words in contract.data["lists"]:
        if words["name"] not in NOT_WRITTEN:
            parts.append(word_list(words))
    for record in contract.generated_records():
        fields = record["fields"]
        needs_mirror = any(unit_of(field) or field["type"] == "time" for field in fields) and record["name"] not in views
        parts.append(struct(record["name"], record["about"], fields, tags=not needs_mirror and record["name"] not in views))
        if record["name"] in views:
            parts.append(from_row(record, views[record["name"]]))
        elif needs_mirror:
            parts.append(from_json(record))
    imports = 'import (\n\t"database/sql/driver"\n\t"encoding/json"\n\t"net/http"\n\t"time"\n)\n'
    return "\n".join([HEADER, imports, *parts])


def word_list(words: Json) -> str:
    name = words["name"]
    prefix = PREFIXES.get(name, name)
    rows = [
        comment(f"{prefix}{exported(word['name'])}: {uncapped(word['about'])}", "\t")
        + f"\t{prefix}{exported(word['name'])} {name} = {quoted(word['name'])}\n"
        for word in words["words"]
    ]
    text = f"{name}: {uncapped(words['about'])} A newer library may know more."
    return comment(text) + f"type {name} string\n\nconst (\n" + "\n".join(rows) + ")\n"


def from_row(record: Json, view: str) -> str:
    """How a row of a view is read."""
    name, fields = record["name"], record["fields"]
    lower = name[0].lower() + name[1:]
    columns = ", ".join(field["name"] for field in fields)
    lines = []
    failing = []
    for position, field in enumerate(fields):
        target, value = field_name(field), f"row[{position}]"
        kind = WORDS_OF.get(field["type"], field["type"])
        if kind in ("headers", "object", "Backoff", "RetentionPolicy"):
            failing.append(f"\tif err := readJSON({value}, &read.{target}); err != nil {{\n\t\treturn read, err\n\t}}\n" if kind != "headers"
                           else f"\tvar err error\n\tif read.{target}, err = headerOf(text({value})); err != nil {{\n\t\treturn read, err\n\t}}\n")  # fmt: skip
        elif unit_of(field):
            call = "optionalDuration" if type_of(field).startswith("*") else "duration"
            lines.append(f"\tread.{target} = {call}({value}, {UNITS[unit_of(field)]})\n")  # type: ignore[index]
        else:
            call = {"integer": "integer", "text": "text", "boolean": "boolean", "bytes": "blob", "time": "moment"}.get(kind)
            lines.append(f"\tread.{target} = {call}({value})\n" if call else f"\tread.{target} = {kind}(text({value}))\n")
    return (
        f"const {lower}Columns = {quoted(columns)}\n\n// {lower}Of reads a row of {view}.\n"
        f"func {lower}Of(row []driver.Value) (read {name}, err error) {{\n{''.join(lines)}{''.join(failing).replace(chr(9) + 'var err error' + chr(10), '')}\treturn read, nil\n}}\n"
    )


def from_json(record: Json) -> str:
    """How a result with times and durations is read."""
    name, fields = record["name"], record["fields"]
    mirror, lines = [], []
    for field in fields:
        kind = type_of(field)
        target = field_name(field)
        if unit_of(field):
            # As JSON has them: numbers, perhaps null.
            mirror.append((target, "*float64", field["name"]))
            call = "optionalDurationOf" if kind.startswith("*") else "durationOf"
            lines.append(f"\tr.{target} = {call}(raw.{target}, {UNITS[unit_of(field)]})\n")  # type: ignore[index]
        elif field["type"] == "time":
            mirror.append((target, "*int64", field["name"]))
            lines.append(f"\tr.{target} = momentOf(raw.{target})\n")
        else:
            mirror.append((target, kind, field["name"]))
            lines.append(f"\tr.{target} = raw.{target}\n")
    rows = "\n".join(f'\t\t{target} {kind} `json:"{key}"`\n' for target, kind, key in mirror)
    return (
        f"// UnmarshalJSON reads what the library gives; what it does not know is passed over.\nfunc (r *{name}) UnmarshalJSON(data []byte) error {{\n"
        f"\tvar raw struct {{\n{rows}\t}}\n\tif err := json.Unmarshal(data, &raw); err != nil {{\n\t\treturn err\n\t}}\n{''.join(lines)}\treturn nil\n}}\n"
    )


# --- settings and filters ---


def settings(contract: Contract) -> str:
    keys = contract.arguments["EndpointSettings"]["keys"]
    declared = "".join(f"\t{quoted(key['name'])},\n" for key in keys if key["name"] != "enabled")
    parts = [f"// declaredSettings get their default where the code leaves them out.\nvar declaredSettings = []string{{\n{declared}}}\n"]
    for key in keys:
        name = OPTION_NAMES.get(key["name"], exported(key["name"]))
        kind = {"integer": "int64"}.get(key["type"], plain_type(key["type"]))
        value = "value.values()" if key["type"] == "BackoffSettings" else "value"
        parts.append(
            comment(f"{name}: {uncapped(key['about'])}{bounds_of(key)}")
            + f"func {name}(value {kind}) EndpointOption {{ return set({quoted(key['name'])}, {value}) }}\n"
        )
    return "\n".join([HEADER, *parts])


def bounds_of(key: Json) -> str:
    """Range and default of a key, in words; a duration says its unit by its type."""
    text = ""
    if "range" in key:
        text += f" {key['range'][0]:,} to {key['range'][1]:,}{' ' + key['unit'] if 'unit' in key else ''}."
    default = default_of(key)
    return text + (f" Default {default}." if default is not None else "")


def filters(contract: Contract) -> str:
    parts = []
    for argument in (contract.arguments[name] for name in ARGUMENTS):
        keys = argument["keys"]
        about = [{**key, "about": key["about"] + bounds_of(key)} for key in keys]
        parts.append(struct(argument["name"], argument["about"], about, argument=True))
        parts.append(to_values(argument["name"], keys))
    return "\n".join([HEADER, 'import (\n\t"net/http"\n\t"time"\n)\n', *parts])


def to_values(name: str, keys: list[Json]) -> str:
    """The argument as the SQL functions take it; what is zero is left out."""
    lines = []
    for key in keys:
        target, unit = f"f.{field_name(key)}", unit_of(key)
        given = quoted(key["name"])
        kind = key["type"]
        if unit:
            lines.append(f"\tif {target} != 0 {{\n\t\tgiven[{given}] = {target}.Seconds()\n\t}}\n")
        elif kind == "time":
            lines.append(f"\tif !{target}.IsZero() {{\n\t\tgiven[{given}] = {target}.UnixMilli()\n\t}}\n")
        elif kind == "boolean":
            lines.append(f"\tif {target} {{\n\t\tgiven[{given}] = true\n\t}}\n")
        elif key.get("list") or kind == "headers":
            lines.append(f"\tif len({target}) > 0 {{\n\t\tgiven[{given}] = {target}\n\t}}\n")
        elif kind in ("integer", "number"):
            lines.append(f"\tif {target} != 0 {{\n\t\tgiven[{given}] = {target}\n\t}}\n")
        else:
            lines.append(f'\tif {target} != "" {{\n\t\tgiven[{given}] = {target}\n\t}}\n')
    return f"// values is what was given.\nfunc (f {name}) values() map[string]any {{\n\tgiven := map[string]any{{}}\n{''.join(lines)}\treturn given\n}}\n"
