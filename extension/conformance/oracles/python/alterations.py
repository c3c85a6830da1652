"""Requests and secrets with one byte changed: what both sides must refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from case import Case, Location, Request
from signer import decode, encode


@dataclass(frozen=True)
class Alteration:
    """What was changed, and the request and secret to verify."""

    name: str
    request: Request
    secret: str


def alterations(case: Case, request: Request) -> Iterator[Alteration]:
    """Every alteration of a signed request: body, timestamp, signature and secret, and whatever else the case says is signed."""
    if case.signed_body is not None:
        for place, body in flipped_body(request.body, case.signed_body):
            yield Alteration(f"body {place}", replace(request, body=body), case.secret)
    if case.timestamp is not None:
        altered = next(text for place, text in flipped_text(case.timestamp.read(request)) if place != "start")
        yield Alteration("timestamp", case.timestamp.write(request, altered), case.secret)
    for place, text in flipped_code(case.signature.encoding, case.signature.read(request)):
        yield Alteration(f"signature {place}", case.signature.write(request, text), case.secret)
    for place, secret in flipped_secret(case):
        yield Alteration(f"secret {place}", request, secret)
    for part in case.also_signed:
        yield Alteration(part, _flipped_part(part, request), case.secret)


def _flipped_part(part: str, request: Request) -> Request:
    if part == "url":
        return replace(request, url=_flip(request.url, len(request.url.split("?")[0]) - 1))
    if part == "method":
        return replace(request, method=_flip(request.method, 1))
    location = Location(header=part.removeprefix("header "), match="(.+)")
    value = location.read(request)
    return location.write(request, _flip(value, len(value) - 1))


def _flip(text: str, index: int) -> str:
    return text[:index] + chr(ord(text[index]) ^ 1) + text[index + 1 :]


def _places(length: int) -> dict[str, int]:
    places = {"start": 0, "middle": length // 2, "end": length - 1}
    return {place: index for place, index in places.items() if index not in list(places.values())[: list(places).index(place)]}


def flipped_text(text: str) -> Iterator[tuple[str, str]]:
    """A text with one bit of one ASCII character changed, for three places."""
    for place, index in _places(len(text)).items():
        while ord(text[index]) > 127:
            index -= 1
        yield place, _flip(text, index)


def flipped_body(body: bytes, signed: str) -> Iterator[tuple[str, bytes]]:
    """A body with one bit changed, inside the part that is signed; it stays valid UTF-8."""
    text = body.decode()
    found = re.search(signed, text, re.DOTALL)
    if found is None:
        raise LookupError(f"{signed!r} is not in the body {text!r}")
    start, end = found.span(found.re.groups)
    for place, altered in flipped_text(text[start:end]):
        yield place, (text[:start] + altered + text[end:]).encode()


def flipped_code(encoding: str, text: str) -> Iterator[tuple[str, str]]:
    """A signature with one bit of its bytes changed, written in its encoding again."""
    plain = decode(encoding, text)
    for place, index in _places(len(plain)).items():
        yield place, encode(encoding, plain[:index] + bytes([plain[index] ^ 1]) + plain[index + 1 :])


def flipped_secret(case: Case) -> Iterator[tuple[str, str]]:
    """The secret that the receiver configured, with one bit of its bytes changed."""
    text = case.secret.removeprefix(case.secret_prefix)
    for place, altered in flipped_code(case.secret_form, text):
        yield place, case.secret_prefix + altered
