"""TypeScript: errors, records, settings, filters."""

from __future__ import annotations

from collections.abc import Iterable

from contract import NOTICE, Contract, Named, Spelling, camel, meaning_of, plural, snake, wrapped

FOLDER = "packages/js/core/src"
WIDTH = 140


def method(name: str) -> str:
    return "open(path)" if name == "open" else f"hooks.{camel(name)}()"


SPELLING = Spelling(name=camel, method=method, code="`", words={})

# Where JavaScript has more to say than the contract.
HINTS = {
    "library_not_found": "Install with optional dependencies, or set KNOCKER_EXTENSION to the path of libknocker.",
    "cannot_load": "Use Node 22.16 or newer, or on Node 20 npm install better-sqlite3@12, or name a driver: open(path, { driver }).",
    "now_required": "Give the statement the time, in Unix milliseconds, as its function's last argument.",
    "body_consumed": "Mount the webhook route before the body parser, or let the parser keep the bytes: express.raw({ type: '*/*' }) on this "
    "route, or express.json({ verify: (req, res, bytes) => { req.rawBody = bytes } }), or in Hono c.req.arrayBuffer().",
}

TYPES = {
    "text": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "time": "Date",
    "bytes": "Uint8Array",
    "object": "Record<string, unknown>",
    "headers": "Headers",
    "texts": "Record<string, string>",
}

SETTINGS = ["BackoffSettings", "EndpointSettings"]


def files(contract: Contract) -> dict[str, str]:
    """The generated files by their paths."""
    others = [argument["name"] for argument in contract.generated_arguments() if argument["name"] not in SETTINGS]
    return {
        f"{FOLDER}/contract.ts": constants(contract),
        f"{FOLDER}/error-classes.ts": errors(contract),
        f"{FOLDER}/records.ts": records(contract),
        f"{FOLDER}/settings.ts": arguments(contract, SETTINGS, "The settings of an endpoint", checked=False),
        f"{FOLDER}/filters.ts": arguments(contract, others, "What actions, filters and policies may say", checked=True),
    }


def module(about: str, *imports: str) -> str:
    head = f"// {NOTICE}\n/** {about}. */\n"
    return head + ("\n" + "\n".join(imports) + "\n" if imports else "")


def comment(text: str, indent: str = "") -> str:
    if len(indent) + len(text) + 7 <= WIDTH:
        return f"{indent}/** {text} */\n"
    lines = wrapped(text, WIDTH, f"{indent} * ")
    return f"{indent}/**\n" + "\n".join(lines) + f"\n{indent} */\n"


def quote(text: str) -> str:
    if '"' in text and "'" not in text:
        return f"'{text}'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def array(name: str, words: Iterable[str], ending: str) -> str:
    """A constant array, in several lines where it is too long for one."""
    words = list(words)
    line = f"export const {name} = [{', '.join(words)}]{ending};"
    if len(line) <= WIDTH:
        return line + "\n"
    return f"export const {name} = [\n" + "".join(f"  {word},\n" for word in words) + f"]{ending};\n"


def constant(name: str) -> str:
    """`EventStatus` → `EVENT_STATUSES`."""
    return snake(plural(name)).upper()


def constants(contract: Contract) -> str:
    library = contract.data["library"]
    text = module("What the library and the package agree on")
    text += "\n" + comment("The version that this package was made with: the library must not be older.")
    text += f'export const VERSION = "{contract.data["version"]}";\n'
    text += "\n" + comment("The entry point of the library. Named always: not every loader derives it from the file name.")
    text += f'export const ENTRY_POINT = "{library["entry_point"]}";\n'
    text += "\n" + comment("The oldest SQLite that the library works with.")
    text += f'export const OLDEST_SQLITE = "{library["oldest_sqlite"]}";\n'
    systems = {"linux": "linux", "macos": "darwin", "windows": "win32"}
    text += "\n" + comment("The file name of the library on each platform.")
    text += "export const LIBRARY_FILES: Partial<Record<NodeJS.Platform, string>> = {\n"
    text += "".join(f'  {systems[system]}: "{name}",\n' for system, name in library["files"].items()) + "};\n"
    text += "\n" + comment("The codes that SQLite's primary result codes stand for; every other one is `sqlite_error`.")
    results = sorted((int(result), code) for result, code in contract.data["errors"]["result_codes"].items())
    text += "export const RESULT_CODES: Readonly<Record<number, string>> = {\n"
    text += "".join(f'  {result}: "{code}",\n' for result, code in results) + "};\n"
    metrics = contract.data["metrics"]
    text += "\n" + comment("What a response says of the formats of metrics.") + "export const METRICS_CONTENT_TYPES = {\n"
    text += "".join(f'  {one["name"]}: "{one["content_type"]}",\n' for one in metrics["formats"]) + "} as const;\n"
    text += "\n" + comment("The bounds between which it is counted how long receipts took, in microseconds.")
    text += array("RECEIVE_BOUNDS_US", map(str, metrics["receive_bounds_us"]), "")
    text += "\n" + comment("Names of arguments that JavaScript writes in another way, as messages of the library have them.")
    names = {key["name"] for argument in contract.arguments.values() for key in argument["keys"]}
    names |= {argument["name"] for function in contract.data["functions"] for argument in function["arguments"]}
    text += array("ARGUMENT_NAMES: readonly string[]", (f'"{name}"' for name in sorted(names) if "_" in name), "")
    return text


def errors(contract: Contract) -> str:
    text = module("One class tree for every failure: a class for each code", 'import { KnockerError } from "./knocker-error.js";')
    for name, base, facts in contract.classes():
        text += "\n" + comment(contract.told(facts["about"], SPELLING))
        head = f"export class {name}Error extends {base}Error"
        if "code" not in facts:
            text += f"{head} {{}}\n"
            continue
        told = Spelling(SPELLING.name, SPELLING.method, "", {})
        hint = quote(HINTS.get(facts["code"]) or contract.told(facts["hint"], told))
        line = f"  static override readonly hint: string = {hint};\n"
        if len(line) - 1 > WIDTH:
            line = f"  static override readonly hint: string =\n    {hint};\n"
        text += f'{head} {{\n  static override readonly code: string = "{facts["code"]}";\n'
        text += f"  static override readonly retryable: boolean = {str(facts['retryable']).lower()};\n{line}}}\n"
    return text


def records(contract: Contract) -> str:
    known = contract.generated_records()
    used = {field["type"] for record in known for field in record["fields"]}
    text = module(
        "Results of calls and rows of the views. What a newer library adds is passed over",
        'import type { Headers } from "./event.js";',
        'import { date, json, type Values } from "./values.js";',
    )
    for one in contract.lists.values():
        if one["name"] in used:
            text += words(contract, one)
    for record in known:
        text += record_type(contract, record)
    return text


def words(contract: Contract, one: Named) -> str:
    name = one["name"]
    text = "\n" + comment(f"Every `{name}`.") + array(constant(name), (f'"{word["name"]}"' for word in one["words"]), " as const")
    return text + "\n" + comment(contract.told(one["about"], SPELLING)) + f"export type {name} = (typeof {constant(name)})[number];\n"


def field_type(field: Named) -> str:
    kind = TYPES.get(field["type"], field["type"])
    if field.get("list"):
        kind += "[]"
    return f"{kind} | null" if field["nullable"] else kind


def record_type(contract: Contract, record: Named) -> str:
    """The interface and the function that reads it; where it has a body, also without."""
    name, fields = record["name"], record["fields"]
    in_row = name in contract.rows()
    about = contract.told(record["about"], SPELLING)
    body = next((field for field in fields if field["name"] == "body" and in_row), None)
    if body is None:
        return interface(contract, name, about, fields) + reader(contract, name, fields, in_row)
    summary, rest = name.replace("Record", "Summary"), [field for field in fields if field is not body]
    columns = ", ".join(field["name"] for field in rest)
    line = f"export const {snake(summary).upper()}_COLUMNS = {quote(columns)};\n"
    if len(line) - 1 > WIDTH:
        line = line.replace(" = ", " =\n  ")
    text = interface(contract, summary, about.removesuffix(".") + ", without its body.", rest) + reader(contract, summary, rest, in_row)
    text += "\n" + comment(f"The columns of `{summary}`.") + line
    text += interface(contract, name, about, [body], f" extends {summary}")
    text += "\n" + comment(f"Reads {article(name)} `{name}` from a row of its view.")
    text += f"export function read{name}(values: Values): {name} {{\n"
    return text + f"  return {{ ...read{summary}(values), body: {reading(contract, body, in_row)} }};\n}}\n"


def article(name: str) -> str:
    return "an" if name[0] in "AEIO" else "a"


def interface(contract: Contract, name: str, about: str, fields: list[Named], extends: str = "") -> str:
    text = "\n" + comment(about) + f"export interface {name}{extends} {{\n"
    for field in fields:
        text += comment(contract.told(field["about"], SPELLING), "  ") + f"  {camel(field['name'])}: {field_type(field)};\n"
    return text + "}\n"


def reader(contract: Contract, name: str, fields: list[Named], in_row: bool) -> str:
    source = "a row of its view" if in_row else "a result"
    text = "\n" + comment(f"Reads {article(name)} `{name}` from {source}.") + f"export function read{name}(values: Values): {name} {{\n"
    text += "  return {\n" + "".join(f"    {camel(field['name'])}: {reading(contract, field, in_row)},\n" for field in fields)
    return text + "  };\n}\n"


def reading(contract: Contract, field: Named, in_row: bool) -> str:
    """The expression that reads one field of `values`."""
    value, kind = f'values["{field["name"]}"]', field["type"]
    is_record = kind in contract.records
    if field.get("list"):
        return f"({value} as Values[]).map(read{kind})" if is_record else f"{value} as {TYPES.get(kind, kind)}[]"
    is_text = in_row and (is_record or kind in ("object", "headers", "texts"))
    read = f"json({value})" if is_text else value
    if is_record:
        read = f"read{kind}({read} as Values)"
    elif kind == "time":
        read = f"date({value})"
    elif kind == "boolean" and in_row:
        read = f"Number({value}) !== 0"
    elif not field["nullable"]:
        read = f"{read} as {TYPES.get(kind, kind)}"
    if not field["nullable"]:
        return read
    if read == value:
        return f"({value} ?? null) as {field_type(field)}"
    return f"{value} == null ? null : {read}"


def argument_type(key: Named) -> str:
    kind = TYPES.get(key["type"], key["type"])
    if key["type"] == "time":
        kind = "Date | number"
    elif key["type"] == "headers":
        kind = "HeadersInput"
    if key.get("list"):
        kind += f" | readonly {kind}[]"
    return kind


def imported(names: list[str], source: str) -> str:
    """An import in one line, or in several."""
    names = sorted(names, key=lambda name: name.removeprefix("type ").lower())
    if all(name.startswith("type ") for name in names):
        return f'import type {{ {", ".join(name.removeprefix("type ") for name in names)} }} from "{source}";'
    line = f'import {{ {", ".join(names)} }} from "{source}";'
    return line if len(line) <= WIDTH else "import {\n" + "".join(f"  {name},\n" for name in names) + f'}} from "{source}";'


RULES = {"text": "TEXT", "integer": "WHOLE", "number": "SIZE", "boolean": "FLAG", "time": "TIME", "headers": "OBJECT", "object": "OBJECT"}


def rule(key: Named, contract: Contract, checked: bool) -> str:
    """What the package itself looks at: what JSON would lose. The values are the core's business, and so are all of a setting."""
    if not checked:
        return "ANYTHING"
    if key["type"] in contract.lists:
        return f"orNull({'someOf' if key.get('list') else 'oneOf'}({constant(key['type'])}))"
    return f"orNull({'TEXTS' if key.get('list') else RULES[key['type']]})"


def arguments(contract: Contract, names: list[str], about: str, *, checked: bool) -> str:
    known = [contract.arguments[name] for name in names]
    keys = [key for argument in known for key in argument["keys"]]
    lists = {key["type"]: contract.lists[key["type"]] for key in keys if key["type"] in contract.lists}
    in_records = {field["type"] for record in contract.generated_records() for field in record["fields"]}
    # `orNull(someOf(WORDS))` needs three names, of which the last comes from elsewhere.
    parts = {part for key in keys for part in rule(key, contract, checked).replace(")", "").split("(")}
    checks = sorted(parts - {constant(name) for name in lists}, key=str.lower)
    imports = [imported([*checks, "type Shape"], "./check.js")]
    if any(key["type"] == "headers" for key in keys):
        imports.append('import type { HeadersInput } from "./request.js";')
    shared = sorted(name for name in lists if name in in_records)
    if shared:
        values = [constant(name) for name in shared] if checked else []
        imports.append(imported([*values, *(f"type {name}" for name in shared)], "./records.js"))
    text = module(about, *imports)
    for name, one in lists.items():
        if name not in in_records:
            text += words(contract, one)
    for argument in known:
        text += "\n" + comment(contract.told(argument["about"], SPELLING)) + f"export interface {argument['name']} {{\n"
        for key in argument["keys"]:
            optional = "" if key["name"] == "valid" else "?"
            text += comment(contract.told(meaning_of(key), SPELLING), "  ")
            text += f"  {camel(key['name'])}{optional}: {argument_type(key)}{'' if key['name'] == 'valid' else ' | null'};\n"
        text += "}\n\n" + comment(f"What `{argument['name']}` may hold.")
        text += f"export const {snake(argument['name']).upper()}: Shape = {{\n"
        text += "".join(f"  {camel(key['name'])}: {rule(key, contract, checked)},\n" for key in argument["keys"]) + "};\n"
    return text
