"""What rules, their tests and the dashboard name is what Knocker tells: docs/metrics.md and the lists of the contract."""

import json
import re
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# What Prometheus and the scrape configuration add.
ADDED = {"job", "instance", "app"}


def told() -> dict[str, set[str]]:
    """The metrics with their labels, from the table of the page."""
    rows = re.findall(r"^\| `(knocker_\w+)`[^|]*\| (\w+) \|([^|]*)\|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    metrics = {}
    for name, kind, labels in rows:
        labels = set(re.findall(r"`(\w+)`", labels))
        parts = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        metrics |= {name + part: labels | ({"le"} if part == "_bucket" else set()) for part in parts}
    return metrics


def words() -> set[str]:
    lists = json.loads((ROOT / "extension/contract/contract.json").read_text())["lists"]
    return {word["name"] for one in lists for word in one["words"]} | set(re.findall(r"`(\w+)`", (ROOT / "docs/metrics.md").read_text()))


def expressions() -> dict[str, str]:
    dashboard = json.loads((HERE / "dashboard.json").read_text())
    found = {f"panel {panel['title']}": target["expr"] for panel in dashboard["panels"] for target in panel["targets"]}
    found |= {f"variable {one['name']}": one["query"]["query"] for one in dashboard["templating"]["list"] if one["type"] == "query"}
    return found | {name: (HERE / name).read_text() for name in ("knocker.rules.yml", "knocker.rules.test.yml")}


class Names(unittest.TestCase):
    def test_every_metric_that_is_asked_for_is_told_with_these_labels(self):
        metrics = told()
        self.assertGreater(len(metrics), 15)
        for where, text in expressions().items():
            for name, selector in re.findall(r"\b(knocker_\w+)(?:\{([^}]*)\})?", text):
                with self.subTest(where, metric=name):
                    self.assertIn(name, metrics)
                    self.assertLessEqual(set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', selector)), metrics[name] | ADDED)

    def test_every_word_that_is_asked_for_is_one_of_the_contract(self):
        known = words()
        for where, text in expressions().items():
            for label, value in re.findall(r'\b(outcome|status|result|reason|kind|table)\s*(?:=~|!~|!=|=)\s*"([^"$]+)"', text):
                for word in value.split("|"):
                    with self.subTest(where, label=label, word=word):
                        self.assertIn(word, known)


class Files(unittest.TestCase):
    def test_every_alert_has_a_severity_and_says_what_to_do(self):
        rules = (HERE / "knocker.rules.yml").read_text().split("- alert: ")[1:]
        self.assertGreater(len(rules), 10)
        readme = (HERE / "README.md").read_text()
        for rule in rules:
            name = rule.split("\n")[0]
            with self.subTest(name):
                self.assertRegex(rule, r"severity: (warning|critical)")
                self.assertRegex(rule, r"summary: .+")
                self.assertRegex(rule, r"description: .+")
                self.assertIn(f"`{name}`", readme)

    def test_the_panels_do_not_lie_over_each_other(self):
        dashboard = json.loads((HERE / "dashboard.json").read_text())
        cells = [
            (x, y)
            for panel in dashboard["panels"]
            for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
        ]
        self.assertEqual(len(cells), len(set(cells)))
        self.assertLess(max(x for x, _ in cells), 24)


if __name__ == "__main__":
    unittest.main()
