"""What answers of rqlite mean, from the conformance data; and what is no address of a cluster. None of it needs one."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import knocker
from conformance_counts import write_count
from knocker.rqlite.answers import read
from knocker.rqlite.cluster import function
from knocker.rqlite.url import Node, is_cluster, parse
from matching import Json

FILE = Path(__file__).resolve().parents[3] / "extension" / "conformance" / "rqlite" / "answers.json"
CASES = json.loads(FILE.read_text())["cases"]


RAN: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def count_of_cases() -> Iterator[None]:
    RAN.clear()
    yield
    write_count("rqlite", len(RAN))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"].replace(" ", "_"))
def test_answer(case: Json) -> None:
    assert set(case) <= {"name", "statements", "status", "answer", "expect"}, case
    expect = case["expect"]
    assert set(expect) <= {"meaning", "results", "code"}, expect
    answer = read(case["statements"], case["status"], case["answer"].encode())
    assert answer.meaning.value == expect["meaning"]
    assert (answer.error.code if answer.error is not None else None) == expect.get("code")
    assert [[list(row) for row in rows] for rows in answer.results] == [
        [[base64.b64decode(value["$base64"]) if isinstance(value, dict) else value for value in row] for row in rows]
        for rows in expect.get("results", [])
    ]
    RAN.append(case["name"])


def test_there_are_answers_of_every_meaning() -> None:
    assert {case["expect"]["meaning"] for case in CASES} == {"done", "refused", "torn", "elsewhere", "unknown", "forbidden"}


def test_an_address_names_its_nodes() -> None:
    url = parse("rqlite://a:1,b,[::1]:3")
    assert url.nodes == (Node("a", 1), Node("b", 4001), Node("::1", 3))
    assert not url.tls
    assert url.authorization is None
    assert str(url) == "rqlite://a:1,b:4001,[::1]:3"
    assert is_cluster("rqlites://a")
    assert not is_cluster("app.db")
    assert not is_cluster(Path("rqlite://a"))


def test_credentials_are_in_no_text_of_the_address() -> None:
    url = parse("rqlites://us%40er:p%3Ass,@a:1")
    assert url.authorization == "Basic " + base64.b64encode(b"us@er:p:ss,").decode()
    assert url.tls
    for text in (str(url), repr(url)):
        assert "us%40er" not in text
        assert "p%3Ass" not in text
        assert base64.b64encode(b"us@er:p:ss,").decode() not in text


@pytest.mark.parametrize(
    "url", ["rqlite://", "rqlite://a:0", "rqlite://a:65536", "rqlite://a,,b", "rqlite://a:1/db", "rqlite://a?x=1", "rqlite://u@a"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(knocker.UsageError, match="rqlite://a:4001,b:4001,c:4001"):
        knocker.open(url)


def test_a_refused_address_repeats_no_password() -> None:
    with pytest.raises(knocker.UsageError) as caught:
        knocker.open("rqlite://user:hush@a:1,b:x")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("options", [{"replicated": "/run/litestream.sock"}, {"synchronous": "normal"}])
def test_what_is_of_a_file_is_refused(options: Json) -> None:
    with pytest.raises(knocker.UsageError, match="of a file"):
        knocker.open("rqlite://127.0.0.1:1", **options)


def test_nobody_there_is_told_with_the_nodes() -> None:
    with pytest.raises(knocker.ClusterUnavailableError, match=r"rqlite://127\.0\.0\.1:1 has not answered in 0\.2 s"):
        knocker.open("rqlite://user:hush@127.0.0.1:1", busy_timeout_s=0.2)


def test_a_text_that_looks_like_a_blob_is_sent_as_bytes() -> None:
    assert function("f", ["x'00'", "x'0'", None, b"a"]).sql == "SELECT f(CAST(? AS TEXT), ?, ?, ?)"
    assert function("f", ["x'00'"]).parameters == [b"x'00'"]
