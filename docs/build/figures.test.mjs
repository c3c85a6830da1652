// What the page of benchmarks makes of what was kept.
import assert from "node:assert/strict";
import { test } from "node:test";
import { series, sentence } from "./figures.mjs";

test("a note is a sentence that ends once", () => {
  assert.equal(sentence("verdict: 6.29 pages, <= 6.5 met"), "Verdict: 6.29 pages, &#60;= 6.5 met.");
  assert.equal(sentence("Knocker does 1.01 of these."), "Knocker does 1.01 of these.");
});

test("a chart has the ratios of which more is better, and no others", () => {
  const columns = ["", "knocker", "baseline", "ratio", "bound"];
  const rows = [
    ["receive", "248.3 us", "226.4 us", "0.91", ">= 0.8 met"],
    ["… its floor", "33.0 us", "27.2 us", "0.82"],
    ["claim of 10", "73.7 us", "66.9 us", "1.10", "<= 1.5 met"],
  ];
  assert.deepEqual(series(columns, rows), [
    { name: "receive", value: 0.91 },
    { name: "… its floor", value: 0.82 },
  ]);
});

test("several ratios of a row are told apart by their headings", () => {
  const columns = ["receives/s", "Knocker", "ratio, one connection", "ratio, the pool"];
  assert.deepEqual(series(columns, [["8 goroutines", "10217", "2.43x", "3.2x"]]), [
    { name: "8 goroutines: one connection", value: 2.43 },
    { name: "8 goroutines: the pool", value: 3.2 },
  ]);
});
