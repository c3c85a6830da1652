"""The Ruby package's part of the contract: constants, errors, records, settings and filters, and the signatures of all that."""

from __future__ import annotations

from contract import NOTICE, PRIVATE, Contract, Named, Spelling, meaning_of, plural, snake, wrapped

FOLDER = "packages/ruby/lib/knocker"
SIGNATURES = "packages/ruby/sig/knocker"
WIDTH = 120

SPELLING = Spelling(
    name=lambda name: name,
    method=lambda method: "Knocker.open" if method == "open" else f"hooks.{method}",
    code="`",
    words={"null": "nil"},
)

# Where Ruby has more to say than the contract.
HINTS = {
    "library_not_found": "Set KNOCKER_EXTENSION to the path of libknocker, or install the knocker-sqlite gem of this platform.",
    "cannot_load": "Knocker.loadable_path says which library is used; it must be built for this platform.",
}

# Each kind of value: what YARD calls it, and what RBS does.
YARD = {
    "text": "String", "integer": "Integer", "number": "Numeric", "boolean": "Boolean", "time": "Time", "bytes": "String",
    "object": "Hash", "headers": "Hash", "texts": "Hash",
}  # fmt: skip
RBS = {
    "text": "String", "integer": "Integer", "number": "Numeric", "boolean": "bool", "time": "Time", "bytes": "String",
    "object": "Hash[String, untyped]", "headers": "Hash[String, untyped]", "texts": "Hash[String, String]",
}  # fmt: skip

SETTINGS = ["BackoffSettings", "EndpointSettings"]


def files(contract: Contract) -> dict[str, str]:
    """The generated files by their paths."""
    others = [argument["name"] for argument in contract.generated_arguments() if argument["name"] not in SETTINGS]
    return {
        f"{FOLDER}/contract.rb": constants(contract),
        f"{FOLDER}/errors.rb": errors(contract),
        f"{FOLDER}/records.rb": records(contract),
        f"{FOLDER}/settings.rb": arguments(contract, SETTINGS),
        f"{FOLDER}/filters.rb": arguments(contract, others),
        f"{SIGNATURES}/contract.rbs": signatures(contract),
    }


def comment(text: str, indent: str) -> str:
    return "".join(f"{line}\n" for line in wrapped(text, WIDTH, f"{indent}# "))


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("#{", "\\#{") + '"'


def literal(text: str, indent: str, before: int) -> str:
    """A text, in several pieces where the line would be too long. ``before`` is the length of what stands before it in its line."""
    if before + len(quote(text)) <= WIDTH:
        return quote(text)
    pieces = wrapped(text, WIDTH - len(indent) - 10)
    pieces = [piece + " " for piece in pieces[:-1]] + pieces[-1:]
    return " \\\n".join([quote(pieces[0]), *(f"{indent}  {quote(piece)}" for piece in pieces[1:])])


def symbols(names: list[str], before: int, indent: str) -> str:
    """A frozen list of symbols, in several lines where one is too long."""
    text = f"%i[{' '.join(names)}].freeze"
    if before + len(text) <= WIDTH:
        return text
    lines = wrapped(" ".join(names), WIDTH, f"{indent}  ")
    return "%i[\n" + "\n".join(lines) + f"\n{indent}].freeze"


def source(body: str, *requires: str) -> str:
    lines = "".join(f'require "{name}"\n' if "/" not in name else f'require_relative "{name.split("/")[1]}"\n' for name in requires)
    return f"# frozen_string_literal: true\n\n# {NOTICE}\n\n{lines}{chr(10) if lines else ''}module Knocker\n{body}end\n"


def constants(contract: Contract) -> str:
    library = contract.data["library"]
    names = {"linux": "linux", "macos": "darwin", "windows": "windows"}
    file_names = ",\n".join(f'      "{names[system]}" => "{name}"' for system, name in library["files"].items())
    codes = ",\n".join(f'      {result} => "{code}"' for result, code in result_codes(contract))
    metrics = contract.data["metrics"]
    types = ",\n".join(f'      {one["name"]}: "{one["content_type"]}"' for one in metrics["formats"])
    return source(
        "  # The version of this package, and the oldest library that it works with.\n"
        f'  VERSION = "{contract.data["version"]}"\n\n'
        "  # What the library and the package agree on.\n  module Contract\n"
        "    # The library's function that SQLite calls; not every loader derives its name.\n"
        f'    ENTRY_POINT = "{library["entry_point"]}"\n\n'
        f'    # The oldest SQLite that the library works with.\n    OLDEST_SQLITE = "{library["oldest_sqlite"]}"\n\n'
        f"    # The library's file name by system.\n    LIBRARY_FILES = {{\n{file_names}\n    }}.freeze\n\n"
        "    # The codes that SQLite's primary result codes stand for; every other one is `sqlite_error`.\n"
        f"    RESULT_CODES = {{\n{codes}\n    }}.freeze\n\n"
        f"    # What a response says of the formats of metrics.\n    METRICS_TYPES = {{\n{types}\n    }}.freeze\n\n"
        "    # The bounds between which it is counted how long receipts took, in microseconds.\n"
        f"    RECEIVE_BOUNDS_US = [{', '.join(f'{bound:_}' for bound in metrics['receive_bounds_us'])}].freeze\n  end\n"
    )


def result_codes(contract: Contract) -> list[tuple[int, str]]:
    return sorted((int(result), code) for result, code in contract.data["errors"]["result_codes"].items())


# --- errors ---


def base_of(base: str) -> str:
    return "Error" if base == "Knocker" else f"{base}Error"


def errors(contract: Contract) -> str:
    parts = []
    for name, base, facts in contract.classes():
        about = comment(contract.told(facts["about"], SPELLING), "  ")
        if "code" not in facts:
            parts.append(f"{about}  class {name}Error < {base_of(base)}; end\n")
            continue
        hint = HINTS.get(facts["code"]) or contract.told(facts["hint"], SPELLING)
        parts.append(
            f"{about}  class {name}Error < {base_of(base)}\n"
            f'    CODE = "{facts["code"]}"\n    RETRYABLE = {"true" if facts["retryable"] else "false"}\n'
            f"    HINT = {literal(hint, '    ', 11)}\n  end\n"
        )
    table = ",\n".join(f'    "{error["code"]}" => {error["class"]}Error' for error in contract.errors)
    parts.append(f"  # Every class by its code.\n  ERRORS = {{\n{table}\n  }}.freeze\n")
    return source("\n".join(parts), "knocker/error")


# --- records ---


def records(contract: Contract) -> str:
    parts = [word_list(contract, one) for one in contract.lists.values() if one["name"] != "Decision"]
    views = {view["record"]: view["name"] for view in contract.data["views"]}
    parts += [record_class(contract, record, views.get(record["name"])) for record in contract.generated_records()]
    return source("\n".join(parts), "json", "knocker/moment", "knocker/record")


def word_list(contract: Contract, one: Named) -> str:
    name = plural(snake(one["name"])).upper()
    words = symbols([word["name"] for word in one["words"]], len(name) + 5, "  ")
    return comment(contract.told(one["about"], SPELLING), "  ") + f"  {name} = {words}\n"


def yard_type(contract: Contract, field: Named) -> str:
    kind = "Symbol" if field["type"] in contract.lists else YARD.get(field["type"], field["type"])
    if field.get("list"):
        kind = f"Array<{kind}>"
    return f"{kind}, nil" if field["nullable"] else kind


def record_class(contract: Contract, record: Named, view: str | None) -> str:
    name, fields = record["name"], record["fields"]
    text = comment(contract.told(record["about"], SPELLING), "  ") + f"  class {name} < Record\n"
    text += f"    FIELDS = {symbols([field['name'] for field in fields], 13, '    ')}\n"
    private = [field["name"] for field in fields if field["name"] in PRIVATE]
    if private:
        text += f"    PRIVATE = %i[{' '.join(private)}].freeze\n"
    if view:
        text += f"    VIEW = {quote(view)}\n"
    for field in fields:
        about = comment(contract.told(field["about"], SPELLING), "    ")
        text += f"\n{about}    # @return [{yard_type(contract, field)}]\n    attr_reader :{field['name']}\n"
    text += "\n" + initializer(fields)
    text += f"\n    # From {'a row of the view' if view else 'a result'}.\n    # @return [{name}]\n    def self.read(values)\n      new(\n"
    text += ",\n".join(f"        {field['name']}: {reading(contract, field, view is not None)}" for field in fields)
    return text + "\n      )\n    end\n  end\n"


def initializer(fields: list[Named]) -> str:
    """Written out, because a request waits for some of these."""
    keywords = ", ".join(f"{field['name']}:{' nil' if field['nullable'] else ''}" for field in fields)
    head = f"    def initialize({keywords})\n"
    if len(head) > WIDTH:
        lines = wrapped(keywords.replace(": nil", ":~nil"), WIDTH, "      ")
        head = "    def initialize(\n" + "\n".join(lines).replace(":~nil", ": nil") + "\n    )\n"
    sets = "".join(f"      @{field['name']} = {field['name']}\n" for field in fields)
    return f"{head}{sets}      super()\n    end\n"


def reading(contract: Contract, field: Named, in_row: bool) -> str:
    """The expression that reads one field of ``values``."""
    value = f'values["{field["name"]}"]'
    kind, nullable = field["type"], field["nullable"]
    is_record = kind in contract.records
    if field.get("list"):
        return f"{value}.map {{ |one| {kind}.read(one) }}.freeze" if is_record else f"{value}.freeze"
    if kind in contract.lists:
        return f"{value}&.to_sym" if nullable else f"{value}.to_sym"
    if kind == "boolean":
        return f"{value} == 1" if in_row else value
    if in_row and (is_record or kind in ("object", "headers", "texts")):
        value = f"JSON.parse({value})"
    if is_record:
        value = f"{kind}.read({value})"
    elif kind == "time":
        value = f"Moment.to_time({value})"
    elif kind == "bytes":
        value += "&.b" if nullable else ".b"
    return value


# --- settings and filters ---


def kind_of(contract: Contract, key: Named) -> str:
    """The word for what a key takes: what `Arguments` looks at."""
    if key.get("unit") == "seconds":
        return "whole_seconds" if key["type"] == "integer" else "seconds"
    return "word" if key["type"] in contract.lists else snake(key["type"])


def arguments(contract: Contract, names: list[str]) -> str:
    parts = []
    for argument in (contract.arguments[name] for name in names):
        keys = "\n".join(
            comment(contract.told(meaning_of(key), SPELLING), "      ") + f"      {key['name']}: :{kind_of(contract, key)},"
            for key in argument["keys"]
        ).rstrip(",")
        about = comment(contract.told(argument["about"], SPELLING), "  ")
        parts.append(f"{about}  module {argument['name']}\n    KEYS = {{\n{keys}\n    }}.freeze\n  end\n")
    return source("\n".join(parts))


# --- signatures ---


def rbs_type(contract: Contract, field: Named) -> str:
    kind = snake(field["type"]) if field["type"] in contract.lists else RBS.get(field["type"], field["type"])
    if field.get("list"):
        kind = f"Array[{kind}]"
    return f"{kind}?" if field["nullable"] else kind


def signatures(contract: Contract) -> str:
    text = f"# {NOTICE}\n\nmodule Knocker\n  VERSION: String\n\n  module Contract\n    ENTRY_POINT: String\n    OLDEST_SQLITE: String\n"
    text += "    LIBRARY_FILES: Hash[String, String]\n    RESULT_CODES: Hash[Integer, String]\n"
    text += "    METRICS_TYPES: Hash[Symbol, String]\n    RECEIVE_BOUNDS_US: Array[Integer]\n  end\n"
    text += "\n  ERRORS: Hash[String, singleton(Error)]\n"
    for name, base, _ in contract.classes():
        text += f"\n  class {name}Error < {base_of(base)}\n  end\n"
    for one in contract.lists.values():
        if one["name"] == "Decision":
            continue
        # A newer library may know more words.
        text += f"\n  # {' | '.join(':' + word['name'] for word in one['words'])}\n  type {snake(one['name'])} = Symbol\n"
        text += f"  {plural(snake(one['name'])).upper()}: Array[Symbol]\n"
    views = {view["record"] for view in contract.data["views"]}
    for record in contract.generated_records():
        text += f"\n  class {record['name']} < Record\n" + ("    VIEW: String\n" if record["name"] in views else "")
        text += "".join(f"    attr_reader {field['name']}: {rbs_type(contract, field)}\n" for field in record["fields"])
        text += f"    def self.read: (Hash[String, untyped] values) -> {record['name']}\n  end\n"
    for argument in contract.generated_arguments():
        text += f"\n  module {argument['name']}\n    KEYS: Hash[Symbol, Symbol]\n  end\n"
    for owner, kind in (("Operations", "module"), ("Hooks", "class"), ("Endpoint", "class")):
        text += f"\n  {kind} {owner}\n" + "".join(keyword_method(contract, *one) for one in METHODS if one[0] == owner) + "  end\n"
    return text + "end\n"


# The methods that take an argument of the contract as keywords: where they stand, what comes before, and what comes back.
METHODS = [
    ("Operations", "update_endpoint", ["String | Symbol name"], "EndpointSettings", "Integer"),
    ("Operations", "replay_where", [], "BulkFilter", "BulkResult"),
    ("Operations", "requeue_where", [], "BulkFilter", "BulkResult"),
    ("Operations", "ignore_where", [], "BulkFilter", "BulkResult"),
    ("Operations", "prune_events", [], "PruneEventsFilter", "PruneResult"),
    ("Operations", "prune_deliveries", [], "PruneDeliveriesFilter", "PruneResult"),
    ("Operations", "retention", ["?String? endpoint"], "RetentionSettings", "RetentionPolicy"),
    ("Hooks", "endpoint", ["String | Symbol name", "?secrets: secrets"], "EndpointSettings", "Endpoint"),
    ("Endpoint", "ingest", ["String body", "valid: bool"], "IngestFields", "Receipt"),
]


def keyword_type(contract: Contract, key: Named) -> str:
    kind = {"time": "moment", "headers": "headers", "object": "Hash[untyped, untyped]", "number": "Numeric"}.get(key["type"])
    if key["type"] in contract.lists:
        kind = "(Symbol | String)"
    elif key["type"] in contract.arguments:
        kind = "Hash[Symbol | String, untyped]"
    elif key.get("unit") == "seconds":
        kind = "duration"
    kind = kind or RBS[key["type"]]
    return f"({kind} | _Each[{kind}] | nil)" if key.get("list") else f"{kind}?"


def keyword_method(contract: Contract, owner: str, name: str, first: list[str], argument: str, result: str) -> str:
    given = [part.split(":")[0].strip("?") for part in first if ":" in part] + (["endpoint"] if name == "retention" else [])
    keys = [key for key in contract.arguments[argument]["keys"] if key["name"] not in given]
    parts = [*first, *(f"?{key['name']}: {keyword_type(contract, key)}" for key in keys)]
    return f"    def {name}: (\n      " + ",\n      ".join(parts) + f"\n    ) -> {result}\n"
