"""Errors are one class tree, made from the core's table."""

from __future__ import annotations

import pytest

import knocker
from knocker.driver_errors import from_code, translate
from knocker.errors import ERRORS


def test_there_is_a_class_for_each_code_of_the_library(hooks: knocker.Hooks) -> None:
    for code, retryable in hooks.database.rows("SELECT code, retryable FROM knocker_errors"):
        assert (ERRORS[code].code, ERRORS[code].retryable) == (code, bool(retryable))


def test_every_class_is_public_and_a_knocker_error() -> None:
    for code, error in ERRORS.items():
        assert issubclass(error, knocker.KnockerError)
        assert getattr(knocker, error.__name__) is error
        assert error.code == code


def test_an_error_says_code_message_and_hint(hooks: knocker.Hooks) -> None:
    with pytest.raises(knocker.UnknownEventError) as caught:
        hooks.replay(17)
    assert caught.value.code == "unknown_event"
    assert not caught.value.retryable
    assert str(caught.value).startswith("unknown_event: ")
    assert "17" in caught.value.message
    assert caught.value.hint in str(caught.value)


@pytest.mark.parametrize(
    ("family", "members"),
    [
        (knocker.NotFoundError, [knocker.UnknownEndpointError, knocker.UnknownProviderError, knocker.UnknownDeliveryError]),
        (knocker.DatabaseError, [knocker.BusyError, knocker.CorruptError, knocker.NotBootstrappedError, knocker.SqliteError]),
        (knocker.SetupError, [knocker.CannotLoadError, knocker.LibraryNotFoundError, knocker.SecondSqliteError]),
        (knocker.UsageError, [knocker.ClosedError]),
    ],
)
def test_errors_have_families(family: type[knocker.KnockerError], members: list[type[knocker.KnockerError]]) -> None:
    for member in members:
        assert issubclass(member, family)
        assert member.hint


def test_a_closed_one_says_so(hooks: knocker.Hooks) -> None:
    hooks.close()
    with pytest.raises(knocker.ClosedError) as caught:
        hooks.stats()
    assert (caught.value.code, str(caught.value)) == (
        "closed",
        "closed: these hooks are closed; `with hooks:`, or a worker that is started, opens them again. Use it only while it is open.",
    )


def test_a_sentence_that_has_an_end_gets_no_second_one() -> None:
    assert str(knocker.UsageError("did you mean dead?")) == "usage: did you mean dead? Correct the call as the message says."


def test_a_code_of_a_newer_library_is_not_lost() -> None:
    error = from_code("of_tomorrow", "something")
    assert type(error) is knocker.KnockerError
    assert str(error) == "of_tomorrow: something"


def test_what_is_no_database_error_is_not_translated() -> None:
    assert translate(ValueError("database is locked")) is None


def test_an_invalid_argument_names_the_key(hooks: knocker.Hooks) -> None:
    with pytest.raises(knocker.InvalidArgumentError, match="tolerance"):
        hooks.endpoint("slack", provider="slack", secrets=["s"], options={"tolerance": 5})
    with pytest.raises(knocker.UnknownProviderError, match="strip"):
        hooks.endpoint("stripe", provider="strip")
