"""`python3 -m generate` writes ../verification/*.json; with `--check` it only says which files would change."""

import importlib
import json
import pkgutil
import sys
from pathlib import Path

from . import family, providers, table

FOLDER = Path(__file__).resolve().parent.parent / "verification"


def suites():
    for entry in table.FAMILIES:
        yield family.suite(entry)
    for module in pkgutil.iter_modules(providers.__path__):
        yield importlib.import_module(f"{providers.__name__}.{module.name}").suite()


def main(arguments):
    check = arguments == ["--check"]
    if arguments and not check:
        sys.exit(f"usage: {__doc__}")
    written = {}
    for suite in suites():
        assert suite.provider not in written, suite.provider
        assert len(suite.cases) >= 6, f"{suite.provider} has only {len(suite.cases)} cases"
        written[suite.provider] = json.dumps({"provider": suite.provider, "cases": suite.cases}, indent=2, ensure_ascii=False) + "\n"
    files = {path.stem: path for path in FOLDER.glob("*.json")}
    stale = sorted(set(files) - set(written))
    stale += sorted(name for name, text in written.items() if name not in files or files[name].read_text("utf-8") != text)
    if check:
        if stale:
            sys.exit(f"run python3 -m generate: {', '.join(stale)}")
        return
    for name in set(files) - set(written):
        files[name].unlink()
    for name, text in written.items():
        (FOLDER / f"{name}.json").write_text(text, "utf-8")
    cases = sum(text.count('"secrets"') for text in written.values())
    print(f"{len(written)} providers, {cases} cases, {len(stale)} files changed")


main(sys.argv[1:])
