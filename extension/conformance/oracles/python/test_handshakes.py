"""Handshakes: Knocker gives the answer that the library gives, and only where the library does."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

import pytest
from braintree.exceptions.invalid_challenge_error import InvalidChallengeError
from pywa import WhatsApp, utils

from case import Case, Request, load
from knocker import Knocker
from oracles.braintree import gateway


def get(case: Case, query: dict[str, str]) -> Request:
    return replace(case.request, method="GET", url=f"{case.request.url}?{urlencode(query)}", headers={}, body=b"")


@pytest.mark.parametrize("given", ["a readable word", "another word", ""])
def test_meta_subscription(knocker: Knocker, given: str) -> None:
    case = replace(load("meta"), options={"verify_token": "a readable word"})
    client = WhatsApp(phone_id="1", token="not a token", server=None, verify_token="a readable word", validate_updates=False)
    body, status = client.webhook_challenge_handler(vt=given, ch="1158201444")
    request = get(case, {utils.HUB_VT: given, utils.HUB_CH: "1158201444", "hub.mode": "subscribe"})
    response = knocker.verify(case, request, case.secret).response
    assert response["status"] == status
    assert status == 403 or response["body"] == body


@pytest.mark.parametrize("challenge", ["20f9f8ed05f77439fe955c977e4c8a53", "0123456789abcdef0123"])
def test_braintree_challenge(knocker: Knocker, challenge: str) -> None:
    case = load("braintree")
    verdict = knocker.verify(case, get(case, {"bt_challenge": challenge}), case.secret)
    assert verdict.kind == "handshake"
    assert verdict.response["body"] == gateway(case.secret).webhook_notification.verify(challenge)


@pytest.mark.parametrize("challenge", ["", "0123456789abcdef012", "20f9f8ed05f77439fe955c977e4c8a530", "20F9F8ED05F77439FE955C977E4C8A53"])
def test_braintree_signs_no_other_text(knocker: Knocker, challenge: str) -> None:
    case = load("braintree")
    with pytest.raises(InvalidChallengeError):
        gateway(case.secret).webhook_notification.verify(challenge)
    assert knocker.verify(case, get(case, {"bt_challenge": challenge}), case.secret).kind is None
