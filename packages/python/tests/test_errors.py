"""Errors are one class tree, made from the core's table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import knocker
from knocker.error_codes import ERRORS
from knocker.errors import from_code, translate


def test_the_generated_classes_are_those_of_the_table() -> None:
    generator = Path(__file__).parent.parent / "generate-errors"
    done = subprocess.run([sys.executable, str(generator), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


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


def test_a_code_of_a_newer_library_is_not_lost() -> None:
    error = from_code("of_tomorrow", "something")
    assert isinstance(error, knocker.SqliteError)
    assert "of_tomorrow" in str(error)


def test_what_is_no_database_error_is_not_translated() -> None:
    assert translate(ValueError("database is locked")) is None


def test_an_invalid_argument_names_the_key(hooks: knocker.Hooks) -> None:
    with pytest.raises(knocker.InvalidArgumentError, match="tolerance"):
        hooks.endpoint("slack", provider="slack", options={"tolerance": 5})
    with pytest.raises(knocker.UnknownProviderError, match="strip"):
        hooks.endpoint("stripe", provider="strip")
