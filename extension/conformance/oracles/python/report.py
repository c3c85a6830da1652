"""What was checked against whose code. Fails where a check that is listed did not run, or a provider is on no list.

report.py RECORD…
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from case import CASES, Case, load, names
from knocker import Knocker
from oracle import DOCUMENTED

COVERAGE = CASES.parent / "coverage.json"


def required(case: Case) -> Iterator[str]:
    """The checks that every oracle of a case must have run."""
    yield from ("knocker accepts", "library accepts", "signature start", "secret start", "a cut signature", "a padded signature")
    if case.signed_body is not None:
        yield "body start"
    if case.timestamp is not None:
        yield "timestamp"
    if case.blank_secret is not None:
        yield "a blank secret"
    yield from case.also_signed
    yield from (name for name, _, _ in case.moments())
    yield from (changes["name"] for changes in case.variants)


def gaps(lines: list[dict[str, Any]], coverage: dict[str, Any], providers: set[str]) -> Iterator[str]:
    """What is missing, in words."""
    found = defaultdict(set)
    for line in lines:
        case = load(line["case"])
        found[case.provider].add(line["library"])
        where = f"{line['case']} against {line['library']}"
        missing = {*required(case), *line["differs"]} - {*line["ran"]}
        yield from (f"{where}: {check!r} did not run" for check in missing)
    claimed = {line["case"] for line in lines}
    yield from (f"{name}: nothing checks this case" for name in names() if name not in claimed)
    checked, unchecked = coverage["checked"], coverage["unchecked"]
    for provider, libraries in checked.items():
        yield from (f"{provider}: no check against {library} ran" for library in libraries if library not in found[provider])
        # One form of a provider may have a library, and another only its documentation.
        others = found[provider] - {*libraries, DOCUMENTED}
        yield from (f"{provider}: {library} is not in coverage.json" for library in others)
    yield from (f"{provider}: no check after its documentation ran" for provider in unchecked if found[provider] != {DOCUMENTED})
    yield from (f"{provider}: Knocker has it, coverage.json does not" for provider in providers - {*checked, *unchecked})
    yield from (f"{provider}: coverage.json has it, Knocker does not" for provider in {*checked, *unchecked} - providers)
    yield from (f"{provider}: coverage.json has it twice" for provider in {*checked} & {*unchecked})


def main() -> int:
    """Prints the lists and says how it went."""
    lines: list[dict[str, Any]] = [line for path in sys.argv[1:] for line in json.loads(Path(path).read_text())]
    coverage = json.loads(COVERAGE.read_text())
    versions = {line["library"]: line["version"] for line in lines}

    print("\nChecked against code of others:")
    for provider, libraries in sorted(coverage["checked"].items()):
        print(f"  {provider:<20} " + ", ".join(f"{name} {versions.get(name, '(did not run)')}" for name in libraries))
    print("\nWithout an outside check:")
    for provider, reason in sorted(coverage["unchecked"].items()):
        print(f"  {provider:<20} {reason}")
    print("\nWhere a library and Knocker are expected to differ:")
    differing: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: line["case"]):
        for check, reason in line["differs"].items():
            differing[check, reason].append(f"{line['case']} ({line['library']})")
    for (check, reason), where in differing.items():
        print(f"  {check}: {reason}\n    " + ", ".join(where))

    missing = sorted(gaps(lines, coverage, set(Knocker(os.environ["KNOCKER_EXTENSION"]).providers())))
    for gap in missing:
        print(f"error: {gap}", file=sys.stderr)
    checks = sum(len(line["ran"]) for line in lines)
    others = len({*versions} - {DOCUMENTED})
    print(f"\n{len(coverage['checked'])} providers, {others} libraries, {checks} checks, {len(missing)} gaps")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
