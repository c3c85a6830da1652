# Generated from extension/contract/contract.json by `make contract`; do not edit.
"""The settings of an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypedDict

from knocker.records import OnRedelivery, Unhandled

__all__ = [
    "BackoffSettings",
    "EndpointSettings",
]


class BackoffSettings(TypedDict, total=False):
    """The delay between attempts; None stands for the default."""

    base_s: float | timedelta | None
    """Delay after the first attempt. 0 to 2,592,000 seconds. Default 5."""
    factor: float | None
    """What each further attempt multiplies it by. 1 to 100. Default 4."""
    cap_s: float | timedelta | None
    """The longest delay. 0 to 2,592,000 seconds. Default 21,600."""


class EndpointSettings(TypedDict, total=False):
    """The settings of an endpoint; None stands for the default."""

    provider: str | None
    """Name of a provider; without one the endpoint takes trusted ingress only."""
    options: Mapping[str, Any] | None
    """Options of that provider."""
    enabled: bool | None
    """Whether receipts are taken; where not, they are answered 410. Default True."""
    max_attempts: int | None
    """Attempts before an event is dead. 1 to 1,000. Default 10."""
    backoff: BackoffSettings | None
    """The delay after attempt n: base × factorⁿ⁻¹, at most the cap, and then ±10 % of jitter."""
    max_body_bytes: int | None
    """Larger bodies are refused before verification. Where it is not set: the provider's documented maximum, at least this. 1 to
    104,857,600 bytes. Default 1,048,576."""
    unhandled: Unhandled | None
    """What becomes of an event that no handler wants. Default "retry"."""
    on_redelivery: OnRedelivery | None
    """What a duplicate does to its event. Default "keep"."""
    invalid_per_hour: int | None
    """Refused receipts that are stored in any hour; those beyond are only counted. 0 to 1,000,000,000. Default 1,000."""
    max_refused: int | None
    """Refused deliveries that are kept in all; those beyond are only counted, until a prune or a retention policy makes room. 0 to
    1,000,000,000. Default 10,000."""
    max_refused_bytes: int | None
    """Bytes that they take at most, every column counted. 0 to 1,000,000,000,000 bytes. Default 134,217,728."""
    max_batch_events: int | None
    """Events that one delivery creates at most; a larger batch is stored whole, as one event. 1 to 1,000,000. Default 10,000."""
