"""What `record` takes out of what the benchmarks print."""

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
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

    def test_what_failed_and_printed_nothing_leaves_the_figures_and_its_code(self):
        self.record("go", "-", given=printed("go"))
        before = self.results.read_text()
        self.assertEqual(self.record("go", sys.executable, "-c", "raise SystemExit(3)").returncode, 3)
        self.assertEqual(self.results.read_text(), before)

    def test_no_folder_of_this_machine_is_kept(self):
        done = self.record("go", "echo", f"receives/s  Knocker\n1 callers   3480 {HERE}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(str(HERE.parents[1]), json.loads(self.results.read_text())["go"]["repeat"])


if __name__ == "__main__":
    unittest.main()
