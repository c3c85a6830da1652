"""Elixir: errors, words, records, settings, filters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from contract import NOTICE, PRIVATE, Contract, Named, Spelling, meaning_of, snake, wrapped

FOLDER = "packages/elixir/lib/knocker"
# What the package's formatter has.
WIDTH = 150

SPELLING = Spelling(
    name=lambda name: name,
    method=lambda method: "Knocker.start_link" if method == "open" else f"Knocker.{method}",
    code="`",
    words={"null": "nil"},
)

# Where Elixir has more to say than the contract.
HINTS = {
    "library_not_found": "Set KNOCKER_EXTENSION to the path of libknocker, or take it from the hex package, which has it for the usual platforms.",
    "cannot_load": "Use exqlite, or `config :knocker, native: :precompiled`, and a library that was built for this platform.",
    "body_consumed": 'Let Plug.Parsers keep the raw bytes, with `body_reader: {Knocker.Plug.BodyReader, :read_body, [[under: "/webhooks"]]}`, or mount the route before it.',
}

TYPES = {
    "text": "String.t()",
    "integer": "integer()",
    "number": "number()",
    "boolean": "boolean()",
    "time": "DateTime.t()",
    "bytes": "binary()",
    "object": "map()",
    "headers": "%{String.t() => String.t() | [String.t()]}",
    "texts": "%{String.t() => String.t()}",
}
# What a caller may give: the driver of the core takes it as text, as a number, or as JSON.
GIVEN = TYPES | {"time": "DateTime.t() | integer()", "object": "map() | keyword()", "headers": "map() | [{String.t(), String.t()}]"}
# How they are made ready for JSON, where that does not follow from the value.
FORMS = {"object": "object", "headers": "headers"}

SETTINGS = ["BackoffSettings", "EndpointSettings"]
# The package's own words for what a handler decides.
NOT_WRITTEN = {"Decision"}


def files(contract: Contract) -> dict[str, str]:
    """The generated files by their paths."""
    others = [argument["name"] for argument in contract.generated_arguments() if argument["name"] not in SETTINGS]
    return {
        f"{FOLDER}/contract.ex": constants(contract),
        f"{FOLDER}/errors.ex": errors(contract),
        f"{FOLDER}/words.ex": file(word_list(contract, words) for words in known_lists(contract)),
        f"{FOLDER}/records.ex": file(record_module(contract, record) for record in contract.generated_records()),
        f"{FOLDER}/settings.ex": file(argument_module(contract, contract.arguments[name]) for name in SETTINGS),
        f"{FOLDER}/filters.ex": file(argument_module(contract, contract.arguments[name]) for name in others),
    }


def file(modules: Iterable[str]) -> str:
    return f"# {NOTICE}\n\n" + "\n".join(modules)


def module(name: str, about: str, body: str) -> str:
    return f"defmodule Knocker.{name} do\n{documented('moduledoc', about)}\n{body}end\n"


def documented(attribute: str, text: str, indent: str = "  ") -> str:
    """A doc of one line, or a block of paragraphs and items."""
    short = f"{indent}@{attribute} {quoted(text)}\n"
    if "\n" not in text and len(short) <= WIDTH:
        return short
    lines = []
    for line in text.split("\n"):
        lines += wrapped(line, WIDTH - 10, indent, indent + ("  " if line.startswith("* ") else "")) or [""]
    escaped = "\n".join(lines).replace("\\", "\\\\").replace("#{", "\\#{")
    return f'{indent}@{attribute} """\n{escaped}\n{indent}"""\n'


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("#{", "\\#{") + '"'


def call(start: str, arguments: list[str]) -> str:
    """A call without brackets: in one line, or an argument a line, as the formatter has it."""
    line = f"  {start} {', '.join(arguments)}\n"
    if len(line) - 1 <= WIDTH:
        return line
    lines = [
        f"    {argument}" if len(argument) + 4 <= WIDTH else f"    {argument.replace(': ', ':' + chr(10) + '      ', 1)}"
        for argument in arguments
    ]
    return f"  {start}\n" + ",\n".join(lines) + "\n"


def union(start: str, kinds: list[str]) -> str:
    line = f"  {start} :: {' | '.join(kinds)}\n"
    if len(line) - 1 <= WIDTH:
        return line
    lines = [kind if len(kind) + 12 <= WIDTH else kind.replace(", ", ",\n" + " " * 13, 1) for kind in kinds]
    return f"  {start} ::\n          " + "\n          | ".join(lines) + "\n"


# --- constants and errors ---


def constants(contract: Contract) -> str:
    library = contract.data["library"]
    # As `:os.type/0` names them; the last one stands for all others.
    systems = {"windows": "{:win32, _name}", "macos": "{:unix, :darwin}", "linux": "_other"}
    clauses = "".join(f"  def library_file({pattern}), do: {quoted(library['files'][system])}\n" for system, pattern in systems.items())
    metrics = contract.data["metrics"]
    kinds = " | ".join(f":{one['name']}" for one in metrics["formats"])
    types = "".join(f"  def metrics_type(:{one['name']}), do: {quoted(one['content_type'])}\n" for one in metrics["formats"])
    bounds = ", ".join(spelled_number(bound) for bound in metrics["receive_bounds_us"])
    body = f"""  @doc "The version that this package was made with: the library must not be older."
  @spec version() :: String.t()
  def version, do: {quoted(contract.data["version"])}

  @doc "The library's function that SQLite calls."
  @spec entry_point() :: String.t()
  def entry_point, do: {quoted(library["entry_point"])}

  @doc "The oldest SQLite that the library works with."
  @spec oldest_sqlite() :: String.t()
  def oldest_sqlite, do: {quoted(library["oldest_sqlite"])}

  @doc "The library's file name, by the system as `:os.type/0` names it."
  @spec library_file({{atom(), atom()}}) :: String.t()
{clauses}
  @doc "What a response says of a format of metrics."
  @spec metrics_type({kinds}) :: String.t()
{types}
  @doc "The bounds between which it is counted how long receipts took, in microseconds."
  @spec receive_bounds_us() :: [pos_integer()]
  def receive_bounds_us, do: [{bounds}]
"""
    return file([module("Contract", "What the library and the package agree on.", body)])


def spelled_number(number: int) -> str:
    """As the formatter has it: numbers of more than five digits in groups."""
    return f"{number:_}" if number >= 100_000 else str(number)


def family(error: Named) -> str:
    return f":{snake(error['family'])}" if error["family"] else "nil"


def errors(contract: Contract) -> str:
    modules = []
    for error in contract.errors:
        about = contract.told(error["about"], SPELLING) + f"\n\nIts code is `{error['code']}`"
        about += f", of the family `{family(error)}`" if error["family"] else ""
        about += "; the same call may succeed later." if error["retryable"] else "."
        facts = [
            f"code: {quoted(error['code'])}",
            f"family: {family(error)}",
            f"retryable: {'true' if error['retryable'] else 'false'}",
            f"hint: {quoted(HINTS.get(error['code']) or contract.told(error['hint'], SPELLING))}",
        ]
        modules.append(module(f"{error['class']}Error", about, call("use Knocker.Error,", facts)))
    return file([*modules, all_errors(contract)])


def all_errors(contract: Contract) -> str:
    classes = "".join(f"    {quoted(error['code'])} => Knocker.{error['class']}Error,\n" for error in contract.errors)[:-2] + "\n"
    codes = {int(result): code for result, code in contract.data["errors"]["result_codes"].items()}
    results = "".join(f"    {result} => {quoted(code)},\n" for result, code in sorted(codes.items()))[:-2] + "\n"
    kinds = union("@type t", [f"Knocker.{error['class']}Error.t()" for error in contract.errors])
    families = "".join(f"* `:{snake(one['class'])}` - {one['about'][0].lower()}{one['about'][1:]}\n" for one in contract.families.values())
    about = (
        "Every error of Knocker's is an exception with a `code`, which is stable, a `message`, a `hint` for the person who reads it, and whether the same "
        "call may succeed later (`retryable`). Some belong to a `family`:\n\n" + families
    ).rstrip("\n")
    return module(
        "Errors",
        about,
        f"""{kinds}
  @classes %{{
{classes}  }}

  # SQLite's primary result codes; every other one is `sqlite_error`.
  @results %{{
{results}  }}

  @doc "Every code."
  @spec codes() :: [String.t()]
  def codes, do: Map.keys(@classes)

  @doc "The error of a code. One that a newer library has is `Knocker.SqliteError` with that code."
  @spec new(String.t(), String.t(), term()) :: t()
  def new(code, message, cause \\\\ nil) do
    case @classes do
      %{{^code => class}} -> struct!(class, message: message, cause: cause)
      _ -> %Knocker.SqliteError{{code: code, message: message, cause: cause, family: nil, hint: nil}}
    end
  end

  @doc "The error of a driver's failure: the text of the library carries a code, anything else has SQLite's alone."
  @spec from_sqlite(Knocker.Driver.failure()) :: t()
  def from_sqlite(%{{code: result, message: text}} = failure) do
    case Regex.run(~r/knocker: ([a-z_]+): (.*)/s, text, capture: :all_but_first) do
      [code, message] -> new(code, message, failure)
      nil -> new(Map.get(@results, Bitwise.band(result, 0xFF), "sqlite_error"), text, failure)
    end
  end
""",
    )


# --- words and records ---


def known_lists(contract: Contract) -> list[Named]:
    return [words for words in contract.data["lists"] if words["name"] not in NOT_WRITTEN]


def word_list(contract: Contract, words: Named) -> str:
    about = contract.told(words["about"], SPELLING) + "\n"
    for word in words["words"]:
        about += f"\n* `:{word['name']}` - {uncapped(contract.told(word['about'], SPELLING))}"
    names = [f":{word['name']}" for word in words["words"]]
    read = "".join(f"  def read({quoted(word['name'])}), do: :{word['name']}\n" for word in words["words"])
    body = (
        f'  @typedoc "One of them; a newer library may know more, which stay as text."\n{union("@type t", [*names, "String.t()"])}\n'
        f"  @doc false\n  @spec read(String.t() | nil) :: t() | nil\n{read}  def read(other), do: other\n"
    )
    return module(words["name"], about, body)


def uncapped(text: str) -> str:
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def items(contract: Contract, members: list[Named], text_of: Callable[[Named], str]) -> str:
    return "".join(f"\n* `{one['name']}` - {uncapped(contract.told(text_of(one), SPELLING))}" for one in members)


def type_of(contract: Contract, field: Named) -> str:
    kind = TYPES.get(field["type"]) or f"Knocker.{field['type']}.t()"
    kind = f"[{kind}]" if field.get("list") else kind
    return f"{kind} | nil" if field["nullable"] else kind


def record_module(contract: Contract, record: Named) -> str:
    fields = record["fields"]
    about = contract.told(record["about"], SPELLING) + "\n" + items(contract, fields, lambda field: field["about"])
    private = [f":{field['name']}" for field in fields if field["name"] in PRIVATE]
    derive = (
        f"  # What strangers sent is not printed by the way.\n  @derive {{Inspect, except: [{', '.join(private)}]}}\n" if private else ""
    )
    names = ",\n".join(f"    :{field['name']}" for field in fields)
    types = ",\n".join(f"          {field['name']}: {type_of(contract, field)}" for field in fields)
    body = f"  defstruct [\n{names}\n  ]\n\n  @type t :: %__MODULE__{{\n{types}\n        }}\n\n"
    body += from_row(contract, record) if record["name"] in contract.rows() else from_json(contract, record)
    return module(record["name"], about, derive + body)


def from_row(contract: Contract, record: Named) -> str:
    names = [field["name"] for field in record["fields"]]
    assignments = ",\n".join(f"      {field['name']}: {reading(contract, field, field['name'], True)}" for field in record["fields"])
    columns = f'  def columns, do: "{", ".join(names)}"\n'
    if len(columns) - 1 > WIDTH:
        columns = f'  def columns,\n    do:\n      "{", ".join(names)}"\n'
    head = f"  def from_row([{', '.join(names)}]) do\n"
    if len(head) - 1 > WIDTH:
        head = "  def from_row([\n" + ",\n".join(f"        {name}" for name in names) + "\n      ]) do\n"
    return (
        f"  @doc false\n  @spec columns() :: String.t()\n{columns}\n  @doc false\n  @spec from_row([Knocker.Driver.value()]) :: t()\n"
        f"{head}    %__MODULE__{{\n{assignments}\n    }}\n  end\n"
    )


def from_json(contract: Contract, record: Named) -> str:
    assignments = ",\n".join(
        f"      {field['name']}: {reading(contract, field, 'json[' + quoted(field['name']) + ']', False)}" for field in record["fields"]
    )
    return f"  @doc false\n  @spec from_json(map()) :: t()\n  def from_json(json) do\n    %__MODULE__{{\n{assignments}\n    }}\n  end\n"


def reading(contract: Contract, field: Named, value: str, in_row: bool) -> str:
    """The expression that reads one field."""
    kind = field["type"]
    is_record = kind in contract.records
    if field.get("list"):
        return f"Enum.map({value}, &Knocker.{kind}.from_json/1)" if is_record else value
    if in_row and (is_record or kind in ("object", "headers", "texts")):
        value = f"Knocker.JSON.decode!({value})"
    if is_record:
        return f"Knocker.{kind}.from_json({value})"
    if kind in contract.lists:
        return f"Knocker.{kind}.read({value})"
    if kind == "time":
        return f"Knocker.Moment.read({value})"
    if kind == "boolean" and in_row:
        return f"{value} != 0"
    return value


# --- settings and filters ---


def given_type(contract: Contract, key: Named) -> str:
    if key["type"] in {words["name"] for words in contract.data["lists"]}:
        kind = f"Knocker.{key['type']}.t()"
    elif key["type"] in contract.lists:
        kind = " | ".join(f":{word['name']}" for word in contract.lists[key["type"]]["words"])
    else:
        kind = GIVEN.get(key["type"]) or f"Knocker.{key['type']}.t()"
    if key.get("list"):
        kind += f" | [{kind}]"
    return kind if key["name"] == "valid" else f"{kind} | nil"


def meaning(key: Named) -> str:
    """With words as the atoms that they are here."""
    return re.sub(r'"(\w+)"', r"`:\1`", meaning_of(key))


def argument_module(contract: Contract, argument: Named) -> str:
    name, keys = argument["name"], argument["keys"]
    about = contract.told(argument["about"], SPELLING) + "\n\nA keyword list, or a map.\n" + items(contract, keys, meaning)
    options = union("@type option", [f"{{:{key['name']}, {given_type(contract, key)}}}" for key in keys])
    listed = "".join(f"    :{key['name']},\n" for key in keys)[:-2]
    forms = {key["name"]: FORMS.get(key["type"]) or ("object" if key["type"] in contract.arguments else None) for key in keys}
    pairs = ", ".join(f"{key}: :{form}" for key, form in forms.items() if form)
    body = (
        f'{options}\n  @type t :: [option()] | map()\n\n  @keys [\n{listed}\n  ]\n\n  @doc "The names of all of them."\n  @spec keys() :: [atom()]\n'
        "  def keys, do: @keys\n\n  @doc false\n  @spec to_map(t()) :: %{String.t() => term()}\n"
        f"  def to_map(given), do: Knocker.Arguments.to_map(given, {quoted(name)}, %{{{pairs}}})\n"
    )
    return module(name, about, body)
