"""The contract as the generators see it: what they ask of it, and how its texts are spelled in another language."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
NOTICE = "Generated from extension/contract/contract.json by `make contract`; do not edit."

Named = dict[str, Any]

# A row of `knocker_jobs` reaches a handler as its event: each package has a class of its own for that.
HAND_WRITTEN = {"Job", "SignedRequest", "WebhookRequest"}
# What strangers sent, or what answers them: nothing to be printed by the way.
PRIVATE = {"url", "headers", "body", "response"}


@dataclass(frozen=True)
class Spelling:
    """How a language writes names, methods and words of the contract's texts."""

    name: Callable[[str], str]
    method: Callable[[str], str]
    code: str
    words: dict[str, str]


class Contract:
    """``contract.json``."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.data = json.loads((root / "extension/contract/contract.json").read_text())
        self.lists: dict[str, Named] = {one["name"]: one for one in self.data["lists"]}
        self.records: dict[str, Named] = {one["name"]: one for one in self.data["records"]}
        self.arguments: dict[str, Named] = {one["name"]: one for one in self.data["arguments"]}
        self.errors: list[Named] = self.data["errors"]["codes"]
        self.families: dict[str, Named] = {one["class"]: one for one in self.data["errors"]["families"]}
        # Where a part of another list is taken, under a name of its own.
        for key in (key for argument in self.arguments.values() for key in argument["keys"]):
            if "words" in key and key["type"] not in self.lists:
                words = [{"name": word} for word in key["words"]]
                self.lists[key["type"]] = {"name": key["type"], "about": f"What a filter's `{key['name']}` may be.", "words": words}
        self._names = {function["method"]["name"] for function in self.data["functions"] if "method" in function}
        self._names |= {
            member["name"]
            for part, members in (("records", "fields"), ("arguments", "keys"), ("functions", "arguments"))
            for one in self.data[part]
            for member in one[members]
        }

    def rows(self) -> set[str]:
        """The records that are rows of views: flags are numbers there, and what is JSON is text."""
        return {view["record"] for view in self.data["views"]}

    def generated_records(self) -> list[Named]:
        """The records, each after those that it is made of."""
        done: list[str] = []

        def add(name: str) -> None:
            if name in done or name in HAND_WRITTEN or name not in self.records:
                return
            for field in self.records[name]["fields"]:
                add(field["type"])
            done.append(name)

        for name in self.records:
            add(name)
        return [self.records[name] for name in done]

    def generated_arguments(self) -> list[Named]:
        """The JSON arguments, each after those that it is made of."""
        names = [name for name in self.arguments if name not in HAND_WRITTEN]
        return [self.arguments[name] for name in sorted(names, key=lambda name: name != "BackoffSettings")]

    def classes(self) -> Iterator[tuple[str, str, Named]]:
        """Class, base class and facts of each family and each code, every base before what extends it. ``Knocker`` is the base of all."""
        for family in self.families.values():
            yield family["class"], "Knocker", family
        later = sorted(self.errors, key=lambda error: error["family"] is not None and error["family"] not in self.families)
        for error in later:
            yield error["class"], error["family"] or "Knocker", error

    def told(self, text: str, spelling: Spelling) -> str:
        """A text with its names, methods and words as the language spells them."""

        def in_code(match: re.Match[str]) -> str:
            word = match[1]
            if re.fullmatch(r"\w+", word) and word in self._names:
                word = spelling.name(word)
            return f"{spelling.code}{word}{spelling.code}"

        def in_braces(match: re.Match[str]) -> str:
            method, call = match[1], match[2]
            return f"{spelling.code}{spelling.method(method) if call else spelling.name(method)}{spelling.code}"

        text = re.sub(r"`([^`]+)`", in_code, text)
        text = re.sub(r"\{(\w+)(\(\))?\}", in_braces, text)
        for word, written in spelling.words.items():
            text = re.sub(rf"(?<![\w`]){word}(?![\w`])", written, text)
        return text


def camel(name: str) -> str:
    """``max_attempts`` → ``maxAttempts``."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def pascal(name: str) -> str:
    """``max_attempts`` → ``MaxAttempts``."""
    return "".join(part.capitalize() for part in name.split("_"))


def snake(name: str) -> str:
    """``EventStatus`` → ``event_status``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def plural(name: str) -> str:
    """``EventStatus`` → ``EventStatuses``."""
    if name.endswith("s"):
        return name + "es"
    return name[:-1] + "ies" if name.endswith("y") else name + "s"


def wrapped(text: str, width: int, indent: str = "", following: str | None = None) -> list[str]:
    """The text in lines of that width; ``following`` indents those after the first."""
    later = indent if following is None else following
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=later, break_long_words=False, break_on_hyphens=False)


def default_of(key: Named) -> str | None:
    """The default of a key in words, where there is one to tell."""
    default = key["default"]
    if default in (None, False) or isinstance(default, dict):
        return None
    return f"{default:,}" if isinstance(default, int) and not isinstance(default, bool) else json.dumps(default, ensure_ascii=False)


def meaning_of(key: Named) -> str:
    """What a key of an argument says, with its range and its default."""
    text = str(key["about"])
    if "range" in key:
        least, most = key["range"]
        text += f" {least:,} to {most:,}{' ' + key['unit'] if 'unit' in key else ''}."
    default = default_of(key)
    return text + (f" Default {default}." if default is not None else "")
